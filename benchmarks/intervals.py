"""Intervals of rates, at 95 %."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(count: int, of: int) -> list[float]:
    """Returns Wilson's interval of a rate that was seen ``count`` times ``of``.

    Source: Wilson, Journal of the American Statistical Association 22(158), 1927.
    """
    return _interval(count, of, "wilson")


def exact(count: int, of: int) -> list[float]:
    """Returns the interval that holds the rate at least 95 times in 100, however small ``of`` is.

    Source: Clopper, Pearson, Biometrika 26(4), 1934.
    """
    return _interval(count, of, "exact")


def _interval(count: int, of: int, method: str) -> list[float]:
    found = binomtest(count, of).proportion_ci(0.95, method)
    return [float(found.low), float(found.high)]
