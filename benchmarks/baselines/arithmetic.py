"""Arithmetic coding as it is usually done: probabilities times a power of two, rounded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.baselines.scheme import Probabilities, Scheme, softmax
from latebra.hiding.coder import Decoder, Encoder, edges
from latebra.hiding.tokens.agreement import Bits, TokenModel

_SCALE = 1 << 26


class Arithmetic(Scheme):
    """Tables of 26 bits, straight from the softmax."""

    title = "arithmetic coding"
    source = "Ziegler, Deng, Rush 2019, arXiv:1909.01496"

    def write(self, model: TokenModel, prompt: Sequence[int], bits: Bits) -> list[int]:
        coins = np.random.default_rng(self.seed).integers(0, 2, 1 << 14, dtype=np.uint8)
        tape, at = np.concatenate([bits, coins]), 0

        def source(count: int) -> Bits:
            nonlocal at
            at += count
            return tape[at - count : at]

        decoder, context = Decoder(source), list(prompt)
        while decoder.settled < bits.size:
            context.append(decoder.pull(_table(softmax(model.logits(context)))))
        return context[len(prompt) :]

    def read(self, model: TokenModel, prompt: Sequence[int], tokens: Sequence[int]) -> Bits:
        encoder, context = Encoder(), list(prompt)
        for token in tokens:
            encoder.push(_table(softmax(model.logits(context))), token)
            context.append(token)
        return encoder.bits


def _table(shares: Probabilities) -> np.ndarray:
    return edges(np.maximum(1, np.rint(shares * _SCALE)).astype(np.int64))
