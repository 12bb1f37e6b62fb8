"""The bundled exact language model, taken back into training, with low-rank adapters.

What is trained is exact again afterwards: the same bits with every compiler.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from latebra.models.exact.attention import Attention
from latebra.models.exact.embedding import Embedding, Positions
from latebra.models.exact.layer import Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.sequence import Residual, Sequence
from latebra.models.exact.stored import restored, stored
from latebra.models.learned import digest_of
from training.exact.language import LENGTH, NATS, made
from training.exact.layers import (
    UNIT,
    Chain,
    Part,
    Skip,
    Weighted,
    WholeAttention,
    WholeEmbedding,
    WholePositions,
)

_ARRAYS: Final = "array"


def taken(part: Part, layer: Layer) -> None:
    """Gives a part the weights of the exact layer that it would train into."""
    with torch.no_grad():
        if isinstance(part, Chain) and isinstance(layer, Sequence):
            for inner, each in zip(part.parts, layer.layers, strict=True):
                taken(inner, each)
        elif isinstance(part, Skip) and isinstance(layer, Residual):
            taken(part.body, layer.body)
        elif isinstance(part, WholeAttention) and isinstance(layer, Attention):
            for name in ("query", "key", "value", "out"):
                taken(getattr(part, name), getattr(layer, name))
        elif isinstance(part, Weighted) and isinstance(layer, Linear):
            unit = 2.0**part.rescale.shift
            part.weight.copy_(torch.tensor(layer.weight) / unit)
            part.bias.copy_(torch.tensor(layer.bias) / (UNIT * unit))
        elif isinstance(part, WholeEmbedding | WholePositions) and isinstance(
            layer, Embedding | Positions
        ):
            part.table.copy_(torch.tensor(layer.table) / UNIT)


@final
class Adapter(nn.Module):
    """Adds the product of a tall and a flat matrix, zero before training.

    Source: Hu et al., LoRA, arXiv 2106.09685, equation 3.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.tall = nn.Parameter(torch.randn(rows, rank) * rows**-0.5)
        self.flat = nn.Parameter(torch.zeros(rank, columns))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.tall @ self.flat


@final
class Whole(nn.Module):
    """The exact language model in training, before its weights are changed or after.

    Args:
        network: What it starts from.
        rank: Of its adapters; 0 for none, and then all weights can be trained.
    """

    def __init__(self, network: Sequence, rank: int = 0) -> None:
        super().__init__()
        self.chain = made()
        taken(self.chain, network)
        self.rank = rank
        self.length = LENGTH
        if rank:
            for parameter in self.chain.parameters():
                parameter.requires_grad_(False)
            for part in [each for each in self.chain.modules() if isinstance(each, Weighted)]:
                parametrize.register_parametrization(part, "weight", Adapter(part.weight, rank))

    def trained(self) -> list[nn.Parameter]:
        """Returns what is trained."""
        return [each for each in self.chain.parameters() if each.requires_grad]

    def at(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Returns logits [places, pieces] of the places [batch, length] that are true."""
        return self.chain(tokens)[places] * NATS

    def exact(self) -> Sequence:
        """Returns the network with the weights as they are now."""
        return self.chain.exact()


def write(network: Sequence, folder: Path) -> str:
    """Writes ``model.json`` and ``model.npz``, and returns the network's digest."""
    told, arrays = stored(network)
    named = {f"{_ARRAYS}{at}": array for at, array in enumerate(arrays)}
    np.savez_compressed(folder / "model.npz", **named)
    (folder / "model.json").write_text(json.dumps(told) + "\n")
    return digest_of(told, arrays)


def read(folder: Path) -> Sequence:
    """Returns the network that ``write`` wrote."""
    told = json.loads((folder / "model.json").read_text())
    with np.load(folder / "model.npz", allow_pickle=False) as file:
        return restored(told, [file[f"{_ARRAYS}{at}"] for at in range(len(file.files))])
