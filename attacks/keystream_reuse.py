"""Correlation between pictures of one key: what comes from the same keystream is alike.

A scheme that draws signs, magnitudes or fill from the same stream for every picture repeats itself
where the message does not reach. Values and magnitudes are looked at apart: a message under a
repeated stream may flip the signs at random and leave the magnitudes as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from latebra.hiding.audit.distributions import normal_two_sided


@dataclass(frozen=True)
class Likeness:
    """How alike the pictures of a set are.

    Args:
        mean: Mean over all pairs of the correlation times √n, about 0 for unrelated pictures.
        p_value: How often unrelated pictures have a mean as far from 0: pairs are uncorrelated.
        highest: The greatest over all pairs of the correlation times √n.
        expected: What the greatest should be at most, 99 times in 100, for as many normal values.
    """

    mean: float
    p_value: float
    highest: float
    expected: float


def pooled(
    latents: Float32[np.ndarray, "pictures dims"], size: int
) -> Float64[np.ndarray, " pools"]:
    """Returns, for disjoint pools, the greater of two mean correlations over pairs times √n.

    Args:
        latents: A row a picture; covers' mean taken off first where there is one. What is left
            over by the last whole pool is left out.
        size: Pictures in a pool, two at least.
    """
    dims = latents.shape[1]
    scores = np.empty((2, len(latents) // size))
    for i in range(scores.shape[1]):
        pool = latents[i * size : (i + 1) * size]
        for j, rows in enumerate((pool, np.abs(pool))):
            total = np.sum([_standard(row) for row in rows], axis=0, dtype=np.float64)
            scores[j, i] = (total @ total - size * dims) / (size * (size - 1))
    return scores.max(axis=0) / np.sqrt(dims)


def likeness(values: Float32[np.ndarray, "pictures dims"]) -> Likeness:
    """Returns how alike all pairs of rows are, by one matrix product.

    Args:
        values: A row a picture: latents, their signs as ±1, or their magnitudes.
    """
    count, dims = values.shape
    rows = np.stack([_standard(row) for row in values])
    products = rows @ rows.T / np.float32(np.sqrt(dims))
    scores = products[np.triu_indices(count, 1)]
    mean = float(scores.mean(dtype=np.float64))
    # Of M normal values all are below this with probability 0.99: Q(x) = -log(0.99) / M, Q < φ/x.
    tail = -np.log(0.99) / scores.size
    expected = np.sqrt(-2 * np.log(tail * np.sqrt(-4 * np.pi * np.log(tail))))
    p_value = normal_two_sided(mean * np.sqrt(scores.size))
    return Likeness(mean, p_value, float(scores.max()), float(expected))


def _standard(row: Float32[np.ndarray, " dims"]) -> Float32[np.ndarray, " dims"]:
    return (row - row.mean()) / max(float(row.std()), 1e-9)
