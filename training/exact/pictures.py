"""Train an exact network that says what follows in a picture, and its twin in floats beside it.

    python -m training.exact.pictures --tiles work/tiles.npz --out work/pictures
    python -m training.exact.pictures --tiles work/tiles256.npz --out work/greys --greys 64

What is said of a pixel depends on those above it and those left of it in its row (van den Oord et
al. 2016, arXiv:1601.06759): a convolution of 7 by 7, six of 3 by 3 around skips, and two of 1 by 1,
with later pixels' weights zero. With other than 16 greys, tiles have 256 and are grained, anew each
time they are drawn: film grain has entropy wherever it lies, so that no picture is flat. Training
then starts from the bundled weights of 16 greys, and has no twin.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from latebra.models.exact.convolution import Convolution
from latebra.models.exact.layer import Layer
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Residual, Sequence
from latebra.models.learned import TILES, learned
from training.exact.fitting import PHASES, Budget, fit
from training.exact.layers import UNIT, Chain, Part, Plain, Skip, WholeConvolution
from training.exact.tiles import GREYS

CONTRAST: Final = 0.8
"""Grained photographs are drawn towards grey by this factor, so that hardly a pixel clips."""
GRAIN: Final = 5.0
"""Standard deviation of the grain, in steps of 1/256 of the range."""
CHANNELS: Final = 48
BLOCKS: Final = 6
WIDE: Final = 255
"""The largest magnitude of the sum that runs along the blocks."""
NATS: Final = 2.0**-5
LARGEST: Final = 511
_AT_ONCE: Final = 16


def made(greys: int = GREYS) -> Chain:
    """Returns the network before training."""
    blocks = (
        Skip(
            Chain(
                WholeConvolution(CHANNELS, CHANNELS, low=0, past="with"),
                WholeConvolution(CHANNELS, CHANNELS, 1),
            ),
            WIDE,
        )
        for _ in range(BLOCKS)
    )
    return Chain(
        Plain(Rescale(0)),
        WholeConvolution(1, CHANNELS, 7, past="without"),
        *blocks,
        WholeConvolution(CHANNELS, CHANNELS, 1, low=0),
        WholeConvolution(CHANNELS, greys, 1, low=-LARGEST, high=LARGEST),
    )


@torch.no_grad()
def continued(greys: int) -> Chain:
    """Returns the network of more greys that starts from the bundled one of 16.

    What is said of a grey starts between what is said of the two of 16 that lie around it.
    """
    network = made(greys)
    for part, layer in zip(_weighted(network), _convolutions(learned(TILES).network), strict=True):
        assert part.rescale.shift == layer.rescale.shift
        unit = 2.0**layer.rescale.shift
        weight, bias = torch.from_numpy(layer.weight) / unit, torch.from_numpy(layer.bias) / unit
        if len(weight) != len(part.weight):
            at = ((torch.arange(greys) + 0.5) * len(weight) / greys - 0.5).clamp(0, len(weight) - 1)
            low = at.long().clamp(max=len(weight) - 2)
            share = at - low
            weight = weight[low] + share[:, None, None, None] * (weight[low + 1] - weight[low])
            bias = bias[low] + share * (bias[low + 1] - bias[low])
        part.weight.copy_(weight)
        part.bias.copy_(bias / UNIT)
    return network


def _weighted(part: Part) -> Iterator[WholeConvolution]:
    match part:
        case Chain():
            for each in part.parts:
                yield from _weighted(each)
        case Skip():
            yield from _weighted(part.body)
        case WholeConvolution():
            yield part


def _convolutions(layer: Layer) -> Iterator[Convolution]:
    match layer:
        case Sequence(layers):
            for each in layers:
                yield from _convolutions(each)
        case Residual(body):
            yield from _convolutions(body)
        case Convolution():
            yield layer


def shown(pixels: Tensor, greys: int = GREYS) -> Tensor:
    """Returns pictures as the network takes them, whole numbers around 0, shape ``(batch, 1, …)``.

    The step from a grey to the next is 16 of 16 greys, 4 of 64.
    """
    step = 256 // greys
    return (pixels[:, None] * step - step * (greys - 1) / 2).float()


def losses(network: Part, pixels: Tensor, greys: int = GREYS) -> Tensor:
    """Returns nats for each pixel, shape ``(batch, 32, 32)``."""
    logits = network(shown(pixels, greys)) * NATS
    return functional.cross_entropy(logits, pixels, reduction="none")


def grained(tiles: Tensor, greys: int, drawn: torch.Generator) -> Tensor:
    """Returns tiles of 256 greys with grain, in fewer greys."""
    fine = 127.5 + CONTRAST * (tiles - 127.5) + torch.rand(tiles.shape, generator=drawn)
    fine += GRAIN * torch.randn(tiles.shape, generator=drawn)
    return (fine * greys / 256).floor().clamp(0, greys - 1).long()


def main() -> None:
    """Learn weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--tiles", type=Path, required=True, help="what tiles.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=16.0)
    parser.add_argument("--greys", type=int, default=GREYS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2026)
    kept = torch.from_numpy(np.load(arguments.tiles)["kept"].astype(np.int64))

    greys = arguments.greys

    def loss(network: Part, drawn: torch.Generator) -> Tensor:
        chosen = torch.randint(len(kept), (_AT_ONCE,), generator=drawn)
        pixels = kept[chosen]
        if torch.randint(2, (1,), generator=drawn):
            pixels = pixels.flip(-1)
        if greys != GREYS:
            pixels = grained(pixels, greys, drawn)
        return losses(network, pixels, greys).mean()

    half = arguments.minutes * 30
    phases = PHASES if greys == GREYS else PHASES[:2]
    network = made() if greys == GREYS else continued(greys)
    fit(network, loss, Budget(half, half), arguments.out, phases)


if __name__ == "__main__":
    main()
