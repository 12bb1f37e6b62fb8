"""One slot in each of equal stretches of a row, chosen by a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import Int64

from latebra.hiding.channel.stream import Stream

MOST: Final = 1 << 31
"""Stretches: their ends are computed in 64 bits."""
_CHUNK: Final = 1 << 18


def spread(
    stream: Stream, slots: int, stretches: int, first: int | None = None
) -> Iterator[Int64[np.ndarray, " n"]]:
    """Yields one slot of each stretch, ascending, in pieces.

    Stretch i of n goes from slot ⌊i · slots / n⌋ up to the next one's start.

    Args:
        stream: Chooses within each.
        slots: How many there are in all; at least ``stretches``.
        stretches: How many are chosen, at most 2^31.
        first: Yield only the first so many; None for all.
    """
    whole, rest = divmod(slots, stretches)
    wanted = stretches if first is None else min(first, stretches)
    for start in range(0, wanted, _CHUNK):
        count = min(_CHUNK, wanted - start)
        edges = np.arange(start, start + count + 1, dtype=np.int64)
        edges = edges * whole + edges * rest // stretches
        shares = stream.child("stretches", start.to_bytes(8, "little")).uniform(count)
        yield edges[:-1] + np.floor(shares * np.diff(edges)).astype(np.int64)
