"""What the two ends of a text share: the model, how it is sampled, and what a stream decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens.tables import Levels, Quantiser

NEVER: Final = 1 << 62
"""Bits from one tick to the next where no table can be wrong."""

Bits = UInt8[np.ndarray, " _"]


@runtime_checkable
class TokenModel(Protocol):
    """A causal model, one step at a time."""

    def logits(self, context: Sequence[int]) -> Float[np.ndarray, " vocabulary"]:
        """Returns the logits of what follows ``context``, which grows by a token a call."""
        ...


Allowed = Callable[[Sequence[int], Int64[np.ndarray, " kept"]], Bool[np.ndarray, " kept"]]
"""Says of some tokens, each by itself, whether it may follow a context."""


def anything(
    context: Sequence[int], tokens: Int64[np.ndarray, " kept"]
) -> Bool[np.ndarray, " kept"]:
    """Returns True for every token."""
    return np.ones(tokens.size, np.bool_)


@dataclass(frozen=True)
class Agreement:
    """What both ends must do alike.

    Args:
        quantiser: How tables are made of logits.
        every: Bits from one tick to the next. It is bits, not tokens: where the model is unsure,
            tables are long and more of their logits are fragile.
        tick_bits: Bits of a tick, at most 64. A wrong reading passes with a chance of 2^-tick_bits.
        allowed: Which tokens may follow a context: those after which the text is cut into the
            same tokens again. It has the last word, so that the distribution is that of the model
            without the others.
    """

    quantiser: Quantiser = field(default_factory=Quantiser)
    every: int = 160
    tick_bits: int = 16
    allowed: Allowed = anything

    def levels(self, model: TokenModel, context: Sequence[int], dither: float) -> Levels:
        """Returns what may follow ``context``."""
        levels = self.quantiser.round(model.logits(context), dither)
        return replace(levels, allowed=self.allowed(context, levels.tokens))


@final
class Secrets:
    """What a stream decides about texts: dithers, ticks and the bits after the last.

    A dither belongs to the tokens before it, so that texts of one stream share dithers no longer
    than they share their words; ticks and tails belong to the bits before them. Nothing repeats
    when the bits begin with a salt.

    Args:
        stream: What only the two ends know.
        tick_bits: Bits of a tick.
    """

    def __init__(self, stream: Stream, tick_bits: int) -> None:
        self._dithers = stream.child("dither")
        self._ticks, self._tick_bits = stream.child("tick"), tick_bits
        self._tail = stream.child("tail")

    def dither(self, context: Sequence[int]) -> float:
        """Returns the dither of the token that follows ``context``, strictly between 0 and 1."""
        before = np.asarray(context, "<i8").tobytes()
        word = int.from_bytes(self._dithers.tag(before, 8), "little") >> 12
        return (word + 0.5) * 2.0**-52

    def tick(self, before: Bits) -> Bits:
        """Returns the tick that follows the bits ``before``: what only the key can say of them."""
        salt = before.size.to_bytes(8, "little") + np.packbits(before).tobytes()
        return np.unpackbits(np.frombuffer(self._ticks.tag(salt, 8), np.uint8))[: self._tick_bits]

    def tail(self, bits: Bits) -> Stream:
        """Returns where the coin flips after ``bits`` come from."""
        return self._tail.child("after", bits.size.to_bytes(8, "little") + bits.tobytes())
