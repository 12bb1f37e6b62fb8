"""Vectors as keyed bits that are near when the vectors are: what a blind index is searched by.

    bit i = which side of the i-th of the key's hyperplanes a vector lies on

(SimHash: Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002.) Two
vectors at an angle θ differ in a share θ / π of the bits. Whoever keeps sketches of one key learns
which entries are alike, and of a vector nothing else as long as the hyperplanes are secret.
"""

from __future__ import annotations

from math import ceil
from typing import Any, Final, final

import numpy as np
from jaxtyping import Float, Int64, UInt64

from latebra.hiding.channel.kernel import kernel
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.turning import axes

BITS: Final = 512
WORDS: Final = BITS // 64


@final
class Sketcher:
    """The hyperplanes of one key.

    Args:
        stream: Draws them.
        dims: Of the vectors.
    """

    def __init__(self, stream: Stream, dims: int) -> None:
        blocks = [
            axes(stream.child("planes", bytes([at])), dims) for at in range(ceil(BITS / dims))
        ]
        self._planes = np.concatenate(blocks)[:BITS]

    def sketch(self, vector: Float[np.ndarray, " dims"]) -> UInt64[np.ndarray, " words"]:
        """Returns the 512 bits of a vector."""
        return np.packbits(self._planes @ vector > 0).view("<u8").astype(np.uint64)


def nearest(
    sketches: UInt64[np.ndarray, "count words"], wanted: UInt64[np.ndarray, " words"], most: int
) -> Int64[np.ndarray, " found"]:
    """Returns the numbers of the sketches that differ in the fewest bits, the nearest first."""
    apart = np.empty(len(sketches), np.uint16)
    limit = _distances(sketches, wanted, apart, most)
    some = np.flatnonzero(apart <= limit)
    return some[np.argsort(apart[some], kind="stable")][:most].astype(np.int64)


@kernel
def _distances(sketches: Any, wanted: Any, apart: Any, most: Any) -> Any:
    """Counts bits that differ; returns within which distance the nearest ``most`` lie."""
    counts = np.zeros(64 * sketches.shape[1] + 1, np.int64)
    for i in range(sketches.shape[0]):
        total = np.uint64(0)
        for j in range(sketches.shape[1]):
            # The number of ones of a word, in parallel (Warren, "Hacker's Delight", 5-1).
            x = sketches[i, j] ^ wanted[j]
            x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
            x = (x & np.uint64(0x3333333333333333)) + (
                (x >> np.uint64(2)) & np.uint64(0x3333333333333333)
            )
            x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
            total += (x * np.uint64(0x0101010101010101)) >> np.uint64(56)
        apart[i] = total
        counts[total] += 1
    seen = 0
    for distance in range(len(counts)):
        seen += counts[distance]
        if seen >= most:
            return distance
    return len(counts)
