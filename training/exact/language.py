"""Train an exact causal transformer on texts, and its twin in floats beside it.

    python -m training.exact.language --texts work/texts.npz --out work/language

Four blocks of width 128 over 128 pieces of 1,024 kinds: 1.07 million weights. ``--minutes`` of
processor time: half in floats, half in exact arithmetic; the twin's come on top.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from latebra.models.exact.norm import Norm
from latebra.models.pieces import Pieces
from training.exact.fitting import Budget, fit
from training.exact.layers import (
    Chain,
    Part,
    Skip,
    WholeAttention,
    WholeEmbedding,
    WholeLinear,
    WholeNorm,
    WholePositions,
)
from training.exact.pieces import learn

PIECES: Final = 1024
LENGTH: Final = 128
WIDTH: Final = 128
HEADS: Final = 4
BLOCKS: Final = 4
WIDE: Final = 1016
"""The largest magnitude of the sum that runs along the blocks."""
NATS: Final = 2.0**-5
"""What a step of a logit is worth."""
LARGEST: Final = 511
"""The largest magnitude of a logit, in steps."""
_AT_ONCE: Final = 16


def made() -> Chain:
    """Returns the network before training."""

    def norm() -> WholeNorm:
        return WholeNorm(Norm(WIDTH, WIDE))

    def block() -> tuple[Part, Part]:
        mix = Chain(norm(), WholeAttention(WIDTH, HEADS, LENGTH))
        think = Chain(norm(), WholeLinear(WIDTH, 4 * WIDTH, low=0), WholeLinear(4 * WIDTH, WIDTH))
        return Skip(mix, WIDE), Skip(think, WIDE)

    return Chain(
        WholeEmbedding(PIECES, WIDTH),
        WholePositions(LENGTH, WIDTH, WIDE),
        *(part for _ in range(BLOCKS) for part in block()),
        norm(),
        WholeLinear(WIDTH, PIECES, low=-LARGEST, high=LARGEST),
    )


def losses(network: Part, tokens: Tensor) -> Tensor:
    """Returns nats for each piece after the first of each row."""
    logits = network(tokens[:, :-1]) * NATS
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")


def main() -> None:
    """Learn pieces, then weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="what text.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2026)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = str(np.load(arguments.texts)["kept"])
    listed = arguments.out / "pieces.json"
    if not listed.exists():
        listed.write_text(json.dumps(learn(text, PIECES)))
    tokens = torch.tensor(Pieces(json.loads(listed.read_text())).encode(text), dtype=torch.int64)
    print(f"{len(text)} bytes are {len(tokens)} pieces", flush=True)
    places = torch.arange(LENGTH + 1)

    def loss(network: Part, drawn: torch.Generator) -> Tensor:
        starts = torch.randint(len(tokens) - LENGTH, (_AT_ONCE, 1), generator=drawn)
        return losses(network, tokens[starts + places]).mean()

    half = arguments.minutes * 30
    fit(made(), loss, Budget(half, half), arguments.out)


if __name__ == "__main__":
    main()
