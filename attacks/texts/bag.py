"""A small classifier: logistic regression on bags of words, ranks and places in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import special

from attacks.texts.detectors import RANKS
from attacks.texts.looking import Look

WORDS = 256
"""Bins that tokens are hashed into, and as many for pairs of neighbours."""
RIDGE = 1.0
"""Precision of the weights' prior, features being scaled to one block of unit variance each."""
_STEPS = 30

Features = Float64[np.ndarray, "texts features"]


@dataclass(frozen=True)
class Bag:
    """A trained classifier.

    Args:
        mean: What is taken off each feature.
        scale: What each is multiplied by then.
        weights: What each counts, in log odds.
    """

    mean: Float64[np.ndarray, " features"]
    scale: Float64[np.ndarray, " features"]
    weights: Float64[np.ndarray, " features"]

    @classmethod
    def fit(cls, suspect: Sequence[Look], ordinary: Sequence[Look]) -> Bag:
        """Returns a classifier learnt from labelled texts, by Newton's method."""
        rows = features([*suspect, *ordinary])
        labels = np.repeat([1.0, 0.0], [len(suspect), len(ordinary)])
        # Both kinds count alike, however many texts there are of each.
        counts = np.repeat([0.5 / len(suspect), 0.5 / len(ordinary)], [len(suspect), len(ordinary)])
        counts *= len(rows)
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(deviation > 0, 1 / np.maximum(deviation, 1e-12), 0.0)
        scale /= np.concatenate([np.full(size, np.sqrt(size)) for size in _blocks(suspect[0])])
        scaled = (rows - mean) * scale
        weights = np.zeros(rows.shape[1])
        for _ in range(_STEPS):
            chance = special.expit(scaled @ weights)
            slope = scaled.T @ (counts * (labels - chance)) - RIDGE * weights
            bend = (scaled.T * (counts * chance * (1 - chance))) @ scaled
            step = np.linalg.solve(bend + RIDGE * np.eye(weights.size), slope)
            weights += step
            if np.abs(step).max() < 1e-9:
                break
        return cls(mean, scale, weights)

    def scores(self, looks: Sequence[Look]) -> Float64[np.ndarray, " units"]:
        """Returns the log odds of each text, or pool of texts."""
        return ((features(looks) - self.mean) * self.scale) @ self.weights


def features(looks: Sequence[Look]) -> Features:
    """Returns shares of tokens in bins, a row a text, and two means."""
    return np.array([np.concatenate(_parts(one)) for one in looks])


def _blocks(one: Look) -> list[int]:
    return [part.size for part in _parts(one)]


def _parts(one: Look) -> list[Float64[np.ndarray, " some"]]:
    excess = one.surprisals - one.entropies
    pairs = one.tokens[:-1] * 31 + one.tokens[1:]
    binned = (
        (np.searchsorted(RANKS, one.ranks, side="right") - 1, RANKS.size),
        ((one.points * 16).astype(np.int64).clip(0, 15), 16),
        ((excess + 8).astype(np.int64).clip(0, 15), 16),
        (_hashed(one.tokens), WORDS),
        (_hashed(pairs), WORDS),
    )
    shares = [np.bincount(bins, minlength=size) / max(1, bins.size) for bins, size in binned]
    return [*shares, np.array([excess.mean(), one.surprisals.std()])]


def _hashed(values: np.ndarray) -> np.ndarray:
    """Returns which bin each value falls into, by Knuth's multiplicative hash."""
    return (values.astype(np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)).astype(
        np.int64
    ) * WORDS >> 32
