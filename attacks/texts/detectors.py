"""Detectors that need no training, and one that learns a histogram: a score a text, or a pool.

Scores are higher where more is suspected. Every detector takes texts one by one, or pools of texts
that were joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from attacks.texts.looking import Look
from latebra.hiding.audit import fit
from latebra.hiding.audit.distributions import chi_square_upper

BINS = 8
"""Shares of a table that the chi-square counts: eight tokens or so of a text each."""
RANKS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 40, 64, 128, 256])
"""Where the bins of the rank histogram begin: one rank each at first, so that parity shows."""

Scores = Float64[np.ndarray, " units"]


def likely(looks: Sequence[Look]) -> Scores:
    """Returns minus the logarithm of the perplexity: text of a cool sampler is too likely."""
    return np.array([-one.surprisals.mean() for one in looks])


def likely_for_tables(looks: Sequence[Look]) -> Scores:
    """Returns by how much tokens are likelier than their tables' entropies let expect.

    What a text is about makes its perplexity; this takes that off.
    """
    return np.array([(one.entropies - one.surprisals).mean() for one in looks])


def chi_square(looks: Sequence[Look]) -> Scores:
    """Returns the chi-square of tokens against their tables: of points in eight equal bins."""
    counts = np.array([_counts(one.points) for one in looks], np.float64)
    expected = counts.sum(axis=1, keepdims=True) / BINS
    return ((counts - expected) ** 2 / expected).sum(axis=1)


def chi_square_p_value(points: Float64[np.ndarray, " tokens"]) -> tuple[float, float]:
    """Returns the same over all tokens of many texts, with the p-value of uniform points."""
    counts, expected = _counts(points), points.size / BINS
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return statistic, chi_square_upper(statistic, BINS - 1)


def kolmogorov_smirnov(looks: Sequence[Look]) -> Scores:
    """Returns the greatest distance of the latents from N(0, 1), scaled for their number."""
    return np.array(
        [fit.kolmogorov_smirnov(_latents(one))[0] * np.sqrt(one.points.size) for one in looks]
    )


def anderson_darling(looks: Sequence[Look]) -> Scores:
    """Returns Anderson and Darling's A² of the latents against N(0, 1)."""
    return np.array([fit.anderson_darling(_latents(one))[0] for one in looks])


def nowhere_near(looks: Sequence[Look], least: float) -> Scores:
    """Returns minus the share of tokens at whose choice a logit lay near the edge of a step.

    Whoever rounds without dither and sends only what was read back safely has none.

    Args:
        looks: Texts or pools.
        least: What counts as near.
    """
    return np.array([-(one.margins < least).mean() for one in looks])


@dataclass(frozen=True)
class RankRatio:
    """A likelihood ratio of ranks, learnt from labelled texts.

    Args:
        ratios: Logarithm of how much likelier each bin of ranks is in the suspect's texts.
    """

    ratios: Float64[np.ndarray, " bins"]

    @classmethod
    def fit(cls, suspect: Sequence[Look], ordinary: Sequence[Look]) -> RankRatio:
        """Returns the ratio learnt from texts of both kinds."""
        shares = [
            np.bincount(_rank_bins(np.concatenate([one.ranks for one in looks])), None, RANKS.size)
            for looks in (suspect, ordinary)
        ]
        stego, cover = ((each + 1.0) / (each.sum() + each.size) for each in shares)
        return cls(np.log(stego / cover))

    def scores(self, looks: Sequence[Look]) -> Scores:
        """Returns the mean of the ratio over each text's tokens."""
        return np.array([self.ratios[_rank_bins(one.ranks)].mean() for one in looks])


def _counts(points: Float64[np.ndarray, " tokens"]) -> Int64[np.ndarray, " 8"]:
    return np.histogram(points, BINS, (0, 1))[0]


def _latents(one: Look) -> np.ndarray:
    return one.latents.astype(np.float32)


def _rank_bins(ranks: np.ndarray) -> Int64[np.ndarray, " tokens"]:
    return np.searchsorted(RANKS, ranks, side="right") - 1
