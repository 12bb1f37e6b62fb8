"""The rows that the verb ``audit`` prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from latebra.hiding.audit import fit, moments
from latebra.hiding.audit.distributions import normal_two_sided

_REFERENCE_VALUES = 1 << 18
"""Values of covers that are kept for the empirical distribution: its error is then below 0.003."""


@dataclass(frozen=True)
class Row:
    """One statistic of latents.

    Args:
        name: What was computed.
        statistic: Its value.
        p_value: How often ordinary latents look at least as odd, 0 to 1.
        meaning: What a small p-value would say.
    """

    name: str
    statistic: float
    p_value: float
    meaning: str


def statistics(latents: Float32[np.ndarray, "pictures dims"]) -> list[Row]:
    """Returns tests of latents against independent standard Gaussians.

    Latents that were read back from pictures are noisy, and a generator is only nearly invertible,
    so that pictures without a message can fail these too: what counts against a cover is what
    ``compare`` says, where ordinary covers of the same model are at hand.

    Args:
        latents: A row per cover, 48 values or more.
    """
    flat = latents.ravel()
    rows = [
        Row("kolmogorov-smirnov", *fit.kolmogorov_smirnov(flat), "values are not N(0, 1)"),
        Row("anderson-darling", *fit.anderson_darling(flat), "the tails are not those of N(0, 1)"),
        Row("norm", *moments.norm_level(latents), "latents are too long or too short"),
        Row("signs", *moments.sign_balance(latents), "one sign is more frequent"),
        Row("neighbours", *moments.autocorrelation(latents), "nearby values depend on each other"),
    ]
    if len(latents) > 1:
        spread = moments.norm_spread(latents)
        rows.insert(3, Row("norm spread", *spread, "latents have a radius of their own"))
    return rows


def compare(
    latents: Float32[np.ndarray, "pictures dims"], covers: Float32[np.ndarray, "others dims"]
) -> list[Row]:
    """Returns tests of latents against those of ordinary covers of the same model.

    Every cover becomes one number, and numbers are compared by rank alone, so that the p-values
    hold however noisy the latents and however imperfect the model: covers are independent of one
    another even where the values within one are not. The statistic is the share of ordinary covers
    that the suspects stand above (0.5 when nothing is amiss). One suspect against m covers cannot
    have a p-value below 2 / (m + 1).

    Args:
        latents: A row per cover under suspicion.
        covers: A row per ordinary cover, four or more, read back in the same way. Every other
            one serves as the reference of the two-sample Kolmogorov-Smirnov distance, and only
            the rest for its ranks.
    """
    reference = covers[::2].ravel()
    reference = reference[:: max(1, reference.size // _REFERENCE_VALUES)]

    def distance(picture: Float32[np.ndarray, "1 dims"]) -> float:
        return fit.kolmogorov_smirnov_pair(picture.ravel(), reference)[0]

    measures: list[tuple[str, Callable[[Float32[np.ndarray, "1 dims"]], float], str]] = [
        ("values as covers", distance, "values are distributed unlike those of covers"),
        ("norm as covers", lambda z: moments.norm_level(z)[0], "latents are longer or shorter"),
        (
            "signs as covers",
            lambda z: moments.sign_balance(z)[0],
            "signs are biased unlike covers'",
        ),
        ("neighbours as covers", lambda z: moments.autocorrelation(z)[0], "neighbours depend more"),
    ]
    rows: list[Row] = []
    for name, measure, meaning in measures:
        usual = covers[1::2] if measure is distance else covers
        scores = np.array([measure(one[None]) for one in latents])
        rows.append(
            Row(name, *_rank(scores, np.array([measure(one[None]) for one in usual])), meaning)
        )
    return rows


def _rank(
    suspect: Float64[np.ndarray, " pictures"], cover: Float64[np.ndarray, " others"]
) -> tuple[float, float]:
    """Returns the share of covers below, and its p-value: Mann and Whitney's test, ties half."""
    below = (suspect[:, None] > cover).sum() + 0.5 * (suspect[:, None] == cover).sum()
    share = float(below) / (suspect.size * cover.size)
    if suspect.size == 1:
        least = min(share, 1 - share) * cover.size
        return share, min(1.0, 2 * (least + 1) / (cover.size + 1))
    spread = ((suspect.size + cover.size + 1) / (12 * suspect.size * cover.size)) ** 0.5
    return share, normal_two_sided((share - 0.5) / spread)
