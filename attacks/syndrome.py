"""Parity checks on exclusive ors of pictures: a mask used twice shows the code below it.

Whoever masks a linear code with the same bits in two pictures lets the exclusive or of the two be a
codeword, all of whose parity checks hold. Noise that flips a share ``e`` of the bits leaves a check
of ``w`` bits satisfied with probability 1/2 + (1 - 2e)^(2w) / 2, so that enough checks, or enough
pictures, show it still. The analyst here is given all but the key of the mask: the code, its
checks, and where each coded bit lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from numpy.typing import NDArray

from latebra.hiding.audit.distributions import chi_square_upper


@dataclass(frozen=True)
class Checks:
    """Parity checks of a linear code, as rows of column indices.

    Args:
        columns: The coded bits of all checks, check after check.
        starts: Where in ``columns`` each check starts; ascending, from 0, none empty.
    """

    columns: Int64[np.ndarray, " edges"]
    starts: Int64[np.ndarray, " checks"]

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.integer]]) -> Checks:
        """Returns checks from one array of column indices for each, none empty."""
        sizes = np.array([len(row) for row in rows], np.int64)
        return cls(np.concatenate(rows).astype(np.int64), np.cumsum(sizes) - sizes)

    @property
    def count(self) -> int:
        """Number of checks."""
        return self.starts.size

    def parities(
        self, bits: UInt8[np.ndarray, "pictures n"]
    ) -> UInt8[np.ndarray, "pictures checks"]:
        """Returns the parity of each check in each picture; zeros are satisfied checks."""
        out = np.empty((len(bits), self.count), np.uint8)
        for i, row in enumerate(bits):
            out[i] = np.bitwise_xor.reduceat(row[self.columns], self.starts)
        return out


def pair_scores(parities: UInt8[np.ndarray, "pictures checks"]) -> Float64[np.ndarray, " pairs"]:
    """Returns, for disjoint pairs of neighbours, by how many deviations too many checks hold.

    Each score is N(0, 1) for bits that are coin flips.

    Args:
        parities: From ``Checks.parities``; a last odd picture is left out.
    """
    half = len(parities) // 2
    both = parities[0 : 2 * half : 2] ^ parities[1 : 2 * half : 2]
    checks = parities.shape[1]
    satisfied = checks - both.sum(axis=1, dtype=np.int64)
    return (2.0 * satisfied - checks) / np.sqrt(checks)


def pool_score(parities: UInt8[np.ndarray, "pictures checks"]) -> float:
    """Returns the excess of satisfied checks over all pairs of a pool, in deviations.

    Over all pairs of N pictures the sums of check c collapse to one square: with parities as ±1 and
    their sum S_c, S_c² / N is a chi-square with one degree of freedom if masks are fresh, and has
    mean 1 + (N - 1) b² if they are the same and a check's noise leaves it the bias b.
    """
    return float((_squares(parities).mean() - 1) * np.sqrt(parities.shape[1] / 2))


def pool_p_value(parities: UInt8[np.ndarray, "pictures checks"]) -> float:
    """Returns how often fresh masks satisfy as many checks over all pairs of a pool.

    Exact in the limit of many pictures for checks that are linearly independent.
    """
    squares = _squares(parities)
    return chi_square_upper(float(squares.sum()), squares.size)


def pooled(
    parities: UInt8[np.ndarray, "pictures checks"], size: int
) -> Float64[np.ndarray, " pools"]:
    """Returns ``pool_score`` of disjoint pools of ``size`` pictures, the rest left out."""
    count = len(parities) // size
    return np.array([pool_score(parities[i * size : (i + 1) * size]) for i in range(count)])


def _squares(parities: UInt8[np.ndarray, "pictures checks"]) -> Float64[np.ndarray, " checks"]:
    sums = len(parities) - 2.0 * parities.sum(axis=0, dtype=np.int64)
    return sums**2 / len(parities)
