"""The rank over GF(2) of many pictures' bits: a static mask keeps them in one small coset.

Bits of a linear code of k message bits under one mask span at most k + 1 dimensions however many
pictures there are; coin flips span as many as fit. It takes more than k pictures, and it takes bits
without error: one flipped bit a picture hides the deficit, and there the checks of ``syndrome`` go
on working. So this test is for latents before painting, and for channels that return every sign.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8


def rank(bits: UInt8[np.ndarray, "rows columns"]) -> int:
    """Returns the rank over GF(2): elimination on 64 columns at a time.

    Args:
        bits: Zeros and ones. 2,000 by 12,288 takes about two seconds.
    """
    words = _pack(bits)
    found = 0
    for column in range(bits.shape[1]):
        if found == len(words):
            break
        word, bit = divmod(column, 64)
        # Rows below `found` are the unused ones; earlier words of theirs are already zero.
        holds = np.flatnonzero((words[found:, word] >> np.uint64(bit)) & np.uint64(1)) + found
        if not holds.size:
            continue
        pivot = words[holds[0], word:].copy()
        words[holds[1:], word:] ^= pivot
        words[holds[0], word:] = words[found, word:]
        words[found, word:] = pivot
        found += 1
    return found


def deficit(bits: UInt8[np.ndarray, "rows columns"]) -> int:
    """Returns how far the rank is below that of coin flips, min(rows, columns) but for 1 or 2.

    For coin flips, r or more are missing with probability below 2^(2 - r (r + |rows - columns|)).
    """
    return min(bits.shape) - rank(bits)


def deficits(bits: UInt8[np.ndarray, "rows columns"], size: int) -> Float64[np.ndarray, " pools"]:
    """Returns ``deficit`` of disjoint pools of ``size`` pictures, the rest left out."""
    count = len(bits) // size
    return np.array([float(deficit(bits[i * size : (i + 1) * size])) for i in range(count)])


def p_value(missing: int, shape: tuple[int, int]) -> float:
    """Returns an upper bound on how often coin flips of that shape miss as much rank.

    A matrix of a rows and b ≥ a columns misses r with probability below 2^(2 - r (r + b - a)): the
    union bound over the fewer than 4 · 2^(r (a - r)) spaces of r left null vectors.
    """
    if missing <= 0:
        return 1.0
    return min(1.0, 2.0 ** max(-1074.0, 2 - missing * (missing + abs(shape[0] - shape[1]))))


def _pack(bits: UInt8[np.ndarray, "rows columns"]) -> np.ndarray:
    width = -(-bits.shape[1] // 64) * 64
    padded = np.zeros((len(bits), width), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8")
