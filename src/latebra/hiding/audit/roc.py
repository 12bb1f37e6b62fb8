"""How well a detector's scores tell stego from cover."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Area:
    """The area under a detector's ROC curve, with its 95 % interval.

    Args:
        value: The probability that a stego scores above a cover, ties counted half.
        low: Lower end of the interval.
        high: Upper end of the interval.
        stego: Number of stego scores.
        cover: Number of cover scores.
    """

    value: float
    low: float
    high: float
    stego: int
    cover: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def area(stego: Float64[np.ndarray, " m"], cover: Float64[np.ndarray, " n"]) -> Area:
    """Returns the area under the ROC curve with the 95 % interval of DeLong et al. (1988).

    Variances come from ranks (Sun and Xu 2014). Where the two sets do not overlap at all, DeLong's
    interval has no width; then its open end is the rule of three on min(m, n) disjoint pairs, all
    of which fell on the same side.

    Args:
        stego: Independent scores, two or more, higher where the detector suspects more.
        cover: Independent scores, two or more.
    """
    m, n = stego.size, cover.size
    ranks = _ranks(np.concatenate([stego, cover]))
    above_cover = (ranks[:m] - _ranks(stego)) / n
    below_stego = 1 - (ranks[m:] - _ranks(cover)) / m
    value = float(above_cover.mean())
    variance = float(above_cover.var(ddof=1)) / m + float(below_stego.var(ddof=1)) / n
    low, high = value - _Z95 * math.sqrt(variance), value + _Z95 * math.sqrt(variance)
    least = min(1.0, 3 / min(m, n))
    if value in (0.0, 1.0):
        low, high = (1 - least, 1.0) if value else (0.0, least)
    return Area(value, max(0.0, low), min(1.0, high), m, n)


def error_at(
    stego: Float64[np.ndarray, " m"], cover: Float64[np.ndarray, " n"], false_alarms: float = 0.01
) -> float:
    """Returns (false alarms + misses) / 2 at a threshold that at most so many covers pass.

    0.5 is a detector that sees nothing, 0 one that is never wrong.

    Args:
        stego: Scores, higher where the detector suspects more.
        cover: Scores.
        false_alarms: Share of covers that may score above the threshold.
    """
    allowed = math.floor(false_alarms * cover.size)
    threshold = np.sort(cover)[cover.size - 1 - allowed]
    alarms = float((cover > threshold).mean())
    misses = float((stego <= threshold).mean())
    return (alarms + misses) / 2


def _ranks(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Returns ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
