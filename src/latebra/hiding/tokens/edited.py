"""Texts that may be edited, from end to end: the writer's trials, and what a reader finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from jaxtyping import Float64, UInt8

from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media.edits import HARD, HARDER, Edits, edited
from latebra.hiding.media.texts import settled
from latebra.hiding.tokens.agreement import Agreement, Bits, TokenModel
from latebra.hiding.tokens.drifting import Fit, fits, usual_fit
from latebra.hiding.tokens.seeking import (
    OPENINGS,
    PARTS,
    REACH,
    Openings,
    Received,
    openings,
    read,
)
from latebra.hiding.tokens.spelling import Spelling
from latebra.hiding.tokens.tree import RANGE_BITS, Path, begins, blocks_of, buckets

SALT: Final = 4
SIZES: Final = (24, 32, 40, 48, 64, 80, 96)
"""Sizes of frame in bytes."""
EFFORTS: Final = ((256, OPENINGS, REACH), (1024, OPENINGS, REACH), (4096, 4096, 14))
"""Ways that a reader holds, openings that it begins with, and places that those may have moved:
more of all where nothing was found."""
_TRIED_WITH: Final = 128
_GUESSES: Final = 4
_COPIES: Final = 4
"""Copies of each kind that a writer reads, each edited more than is promised."""
_SHORTER, LONGEST = 0.85, 1.4
"""How long a text may be, beside one that goes through the blocks once: as it arrives, and sent."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Says whether a text is read with a margin.

    That is: all of some copies, edited more than is promised, by a reader who holds half as many
    ways and has a quarter of the guesses.

    Args:
        spelling: How tokens are spelt.
        stream: The two ends' stream.
        bits: What the text carries.
    """

    spelling: Spelling
    stream: Stream
    bits: Bits

    def opens(self, tokens: Sequence[int]) -> bool:
        """Returns whether the opening is found in all copies of the text so far."""
        opening = Path(self.stream, self.bits).opening
        return all(opening in self._opened(copy).values for copy in self._copies(tokens, HARD))

    def __call__(self, tokens: Sequence[int]) -> bool:
        """Returns whether all copies of the text are read."""
        return all(self._reads(copy) for copy in self._copies(tokens, HARDER))

    def _copies(self, tokens: Sequence[int], edits: tuple[Edits, ...]) -> Iterator[Received]:
        text = settled(self.spelling.text(tokens))
        seed = np.frombuffer(self.stream.child("trial", self.bits.tobytes()).bytes(32), "<u4")
        rng = np.random.default_rng([*seed.tolist(), len(tokens)])
        for each in edits * _COPIES:
            copy = edited(text, each, rng)
            yield received(self.stream, self.spelling, self.spelling.cut(copy))

    def _opened(self, text: Received) -> Openings:
        # A share of the values of the opening, the right one among them, and as large a share of
        # those that are kept: the same chance, in a thirty-second of the time.
        part = Path(self.stream, self.bits).opening >> RANGE_BITS
        return openings(text, range(part, part + 1), OPENINGS // len(PARTS))

    def _reads(self, text: Received) -> bool:
        best = islice(read(text, self.bits.size, self._opened(text), _TRIED_WITH), _GUESSES)
        return any(np.array_equal(each, self.bits) for each in best)


def received(
    stream: Stream,
    spelling: Spelling,
    tokens: Sequence[int],
    shares: Float64[np.ndarray, " received"] | None = None,
) -> Received:
    """Returns what is known of a text that arrived.

    Args:
        stream: The writer's stream.
        spelling: How tokens are spelt.
        tokens: The text.
        shares: Each token's bucket's share of its table, where a model says it.
    """
    fit: Fit = np.broadcast_to(usual_fit(), (len(tokens), 256)) if shares is None else fits(shares)
    return Received(stream, buckets(stream, spelling.size)[np.array(tokens, np.int64)], fit)


def shares_of(
    model: TokenModel,
    prompt: Sequence[int],
    tokens: Sequence[int],
    mine: UInt8[np.ndarray, " vocabulary"],
    agreement: Agreement,
) -> Float64[np.ndarray, " received"]:
    """Returns how large a share of its table each token's bucket has, after the words before it.

    Args:
        model: A language model; any numerics will do.
        prompt: Tokens before the text.
        tokens: The text as it arrived.
        mine: The bucket of each token.
        agreement: How tables are made.
    """
    context, shares = list(prompt), list[float]()
    for token in tokens:
        levels = agreement.levels(model, context, 0.5)
        weights = levels.weights()
        same = weights[mine[levels.tokens] == mine[token]].sum()
        shares.append(float(same / weights.sum()))
        context.append(token)
    return np.clip(np.array(shares), 2.0**-12, 1 - 2.0**-12)


def most(size: int) -> int:
    """Returns how many tokens a text with a frame of so many bytes may have."""
    return round(LONGEST * begins(1, blocks_of(8 * (SALT + size))))


def find(text: Received, sizes: Sequence[int]) -> Iterator[Found]:
    """Yields what may be frames in a text.

    Args:
        text: The text as it arrived.
        sizes: Sizes of frame that it may have.
    """
    usual = {size: begins(1, blocks_of(8 * (SALT + size))) for size in sizes}
    likely = [s for s in sizes if _SHORTER * usual[s] <= text.size <= LONGEST * usual[s] / _SHORTER]
    if not likely:
        return
    likely.sort(key=lambda size: abs(np.log(text.size / usual[size]) - 0.05))
    starts: dict[int, Openings] = {}
    for held, begun, reach in EFFORTS:
        start = starts.get(reach)
        if start is None:
            start = starts[reach] = openings(text, most=begun, reach=reach)
        for size in likely:
            for bits in read(text, 8 * (SALT + size), start, held):
                content = np.packbits(bits).tobytes()
                yield Found(content[:SALT], content[SALT:])
