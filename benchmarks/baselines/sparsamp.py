"""SparSamp: a message moves the random number that a token is sampled with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.baselines.scheme import Scheme, softmax
from latebra.hiding.tokens.agreement import Bits, TokenModel

_BLOCK = 32
"""Bits of a block; the paper measures 32 to 1,023."""


class SparSamp(Scheme):
    """Blocks of 32 bits, narrowed token by token until one candidate is left."""

    title = "SparSamp"
    source = "Wang et al., USENIX Security 2025, arXiv:2503.19499, algorithms 1 to 3"

    def write(self, model: TokenModel, prompt: Sequence[int], bits: Bits) -> list[int]:
        draws, context = np.random.default_rng(self.seed), list(prompt)
        padded = np.concatenate([bits, np.zeros(-bits.size % _BLOCK, np.uint8)])
        for block in padded.reshape(-1, _BLOCK):
            left, at = 1 << _BLOCK, int("".join(map(str, block)), 2)
            while left > 1:
                ends = np.cumsum(softmax(model.logits(context)))
                turn = draws.uniform()
                token = int(np.searchsorted(ends, (turn + at / left) % 1, side="right"))
                token = min(token, ends.size - 1)
                first, narrowed = _narrowed(ends, token, turn, left)
                at, left = (at - first) % left, narrowed
                context.append(token)
        return context[len(prompt) :]

    def read(self, model: TokenModel, prompt: Sequence[int], tokens: Sequence[int]) -> Bits:
        draws, context, found = np.random.default_rng(self.seed), list(prompt), list[str]()
        turns, left = list[tuple[int, int]](), 1 << _BLOCK
        for token in tokens:
            ends = np.cumsum(softmax(model.logits(context)))
            first, narrowed = _narrowed(ends, token, draws.uniform(), left)
            turns.append((first, left))
            left = narrowed
            context.append(token)
            if left <= 1:
                at = 0
                for first, before in reversed(turns):
                    at = (at + first) % before
                found.append(f"{at:0{_BLOCK}b}")
                turns, left = [], 1 << _BLOCK
        return np.array([int(bit) for bit in "".join(found)], np.uint8)


def _narrowed(ends: np.ndarray, token: int, turn: float, left: int) -> tuple[int, int]:
    """Returns the first message that samples ``token``, and how many in a row do.

    Messages k of ``left`` sample at (turn + k / left) mod 1: those in the token's interval are in a
    row, which may go round.
    """
    low, high = (float(ends[token - 1]) if token else 0.0), float(ends[token])
    first = int(np.ceil((low - turn) * left))
    count = int(np.ceil((high - turn) * left)) - first
    return first % left, max(0, min(count, left))
