"""Train an exact network that says what follows in a picture, and its twin in floats beside it.

    python -m training.exact.pictures --tiles work/tiles.npz --out work/pictures

What is said of a pixel depends on those above it and those left of it in its row (van den Oord et
al. 2016, arXiv:1601.06759): a convolution of 7 by 7, six of 3 by 3 around skips, and two of 1 by 1,
with later pixels' weights zero.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from latebra.models.exact.rescale import Rescale
from training.exact.fitting import Budget, fit
from training.exact.layers import Chain, Part, Plain, Skip, WholeConvolution
from training.exact.tiles import GREYS

STEP: Final = 16
"""From a grey to the next in the network's input; the first is -120."""
CHANNELS: Final = 48
BLOCKS: Final = 6
WIDE: Final = 255
"""The largest magnitude of the sum that runs along the blocks."""
NATS: Final = 2.0**-5
LARGEST: Final = 511
_AT_ONCE: Final = 16


def made() -> Chain:
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
        WholeConvolution(CHANNELS, GREYS, 1, low=-LARGEST, high=LARGEST),
    )


def shown(greys: Tensor) -> Tensor:
    """Returns pictures as the network takes them, shape ``(batch, 1, 32, 32)``."""
    return (greys[:, None] * STEP - STEP * (GREYS - 1) / 2).float()


def losses(network: Part, greys: Tensor) -> Tensor:
    """Returns nats for each pixel, shape ``(batch, 32, 32)``."""
    return functional.cross_entropy(network(shown(greys)) * NATS, greys, reduction="none")


def main() -> None:
    """Learn weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--tiles", type=Path, required=True, help="what tiles.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=16.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2026)
    kept = torch.from_numpy(np.load(arguments.tiles)["kept"].astype(np.int64))

    def loss(network: Part, drawn: torch.Generator) -> Tensor:
        chosen = torch.randint(len(kept), (_AT_ONCE,), generator=drawn)
        greys = kept[chosen]
        if torch.randint(2, (1,), generator=drawn):
            greys = greys.flip(-1)
        return losses(network, greys).mean()

    half = arguments.minutes * 30
    fit(made(), loss, Budget(half, half), arguments.out)


if __name__ == "__main__":
    main()
