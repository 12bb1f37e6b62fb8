"""The three distribution functions that the tests need, on NumPy alone."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64

_REACH = 12.0
"""A float32 standard Gaussian never leaves this range; what does is counted at its edge."""
_STEPS = 8192
"""Points per unit: a straight line between two is off by at most 1 / (8 · 8192²) = 2e-9."""
_EXACT_UP_TO = 20_000
"""Degrees of freedom up to which the chi-square tail is summed: above, the cube root is normal."""


def normal_cdf(
    x: Float32[np.ndarray, " n"] | Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " n"]:
    """Returns the standard normal distribution function of each value, to within 1e-9."""
    grid, tail, _ = _table()
    return np.interp(x, grid, tail)


def normal_log_cdf(
    x: Float32[np.ndarray, " n"] | Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " n"]:
    """Returns the logarithm of the standard normal distribution function, to within 2e-9."""
    grid, _, logarithm = _table()
    return np.interp(x, grid, logarithm)


def normal_two_sided(z: float) -> float:
    """Returns the probability that a standard Gaussian is as far from 0 as ``z``."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_upper(z: float) -> float:
    """Returns the probability that a standard Gaussian is above ``z``."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def chi_square_upper(x: float, freedom: int) -> float:
    """Returns the probability that a chi-square is above ``x``.

    Sums the series of the incomplete gamma function (Abramowitz and Stegun 6.5.29), or its
    continued fraction (6.5.31) in the tail. Above 20,000 degrees of freedom it takes the cube root
    for normal (Wilson and Hilferty 1931), which is then off by less than 1e-5.

    Args:
        x: The statistic.
        freedom: Degrees of freedom, above zero.
    """
    if x <= 0:
        return 1.0
    if freedom > _EXACT_UP_TO:
        width = 2 / (9 * freedom)
        return normal_upper((math.cbrt(x / freedom) - (1 - width)) / math.sqrt(width))
    a, y = freedom / 2, x / 2
    front = math.exp(a * math.log(y) - y - math.lgamma(a))
    if y < a + 1:
        return max(0.0, 1 - front * _series(a, y))
    return front * _fraction(a, y)


def chi_square_two_sided(x: float, freedom: int) -> float:
    """Returns twice the smaller tail of a chi-square beyond ``x``."""
    upper = chi_square_upper(x, freedom)
    return min(1.0, 2 * min(upper, 1 - upper))


def kolmogorov_upper(scaled: float) -> float:
    """Returns the probability that Kolmogorov's limiting distance is above ``scaled``.

    Args:
        scaled: The greatest distance times the square root of the sample's size.
    """
    if scaled < 0.2:  # The alternating series needs too many terms here, and is 1 to 1e-12.
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


@cache
def _table() -> tuple[
    Float64[np.ndarray, " m"], Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]
]:
    grid = np.linspace(-_REACH, _REACH, 2 * int(_REACH) * _STEPS + 1)
    tail = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in grid.tolist()])
    return grid, tail, np.log(tail)


def _series(a: float, y: float) -> float:
    term = total = 1 / a
    n = a
    while term > total * 1e-16:
        n += 1
        term *= y / n
        total += term
    return total


def _fraction(a: float, y: float) -> float:
    # Lentz's method for the continued fraction; b grows by 2 a step.
    b = y + 1 - a
    c, d = 1e300, 1 / b
    value = d
    for i in range(1, 100_000):
        step = -i * (i - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
