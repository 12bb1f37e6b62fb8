"""Whether values are standard Gaussians, or come from the same distribution as others."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from latebra.hiding.audit.distributions import kolmogorov_upper, normal_cdf, normal_log_cdf


def kolmogorov_smirnov(values: Float32[np.ndarray, " n"]) -> tuple[float, float]:
    """Returns the greatest distance from N(0, 1), with its p-value.

    The p-value is Kolmogorov's limit with the correction for finite samples of Stephens (1970).

    Args:
        values: Independent values, eight or more.
    """
    n = values.size
    below = normal_cdf(np.sort(values))
    ranks = np.arange(n + 1) / n
    distance = float(max((ranks[1:] - below).max(), (below - ranks[:-1]).max()))
    root = math.sqrt(n)
    return distance, kolmogorov_upper((root + 0.12 + 0.11 / root) * distance)


def kolmogorov_smirnov_pair(
    first: Float32[np.ndarray, " n"], second: Float32[np.ndarray, " m"]
) -> tuple[float, float]:
    """Returns the greatest distance between two empirical distributions, with its p-value.

    The p-value is asymptotic, with Stephens' correction at the effective sample size n m / (n + m).

    Args:
        first: Independent values.
        second: Independent values.
    """
    first, second = np.sort(first), np.sort(second)
    gaps = [
        np.searchsorted(first, at, side="right") / first.size
        - np.searchsorted(second, at, side="right") / second.size
        for at in (first, second)
    ]
    distance = float(max(np.abs(gap).max() for gap in gaps))
    root = math.sqrt(first.size * second.size / (first.size + second.size))
    return distance, kolmogorov_upper((root + 0.12 + 0.11 / root) * distance)


def anderson_darling(values: Float32[np.ndarray, " n"]) -> tuple[float, float]:
    """Returns Anderson and Darling's A² against N(0, 1), nothing estimated, with its p-value.

    The limiting distribution is the approximation of Marsaglia and Marsaglia (2004, Journal of
    Statistical Software 9(2)), good to 2e-6; for the 48 values or more that latents have, their
    correction for finite samples is below 1e-3 and is left out.

    Args:
        values: Independent values, 48 or more.
    """
    ordered = np.sort(values).astype(np.float64)
    n = ordered.size
    weights = 2 * np.arange(1, n + 1) - 1
    logarithms = normal_log_cdf(ordered) + normal_log_cdf(-ordered[::-1])
    statistic = float(-n - (weights @ logarithms) / n)
    return statistic, _anderson_darling_upper(statistic)


def _anderson_darling_upper(z: float) -> float:
    if z <= 0:
        return 1.0
    if z < 2:
        inner = (2.00012, 0.247105, -0.0649821, 0.0347962, -0.011672, 0.00168691)
        below = math.exp(-1.2337141 / z) / math.sqrt(z) * _polynomial(inner, z)
        return max(0.0, 1 - below)
    inner = (1.0776, -2.30695, 0.43424, -0.082433, 0.008056, -0.0003146)
    return -math.expm1(-math.exp(max(-700.0, _polynomial(inner, min(z, 100.0)))))


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
