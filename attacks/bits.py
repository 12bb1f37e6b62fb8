"""From latents to the bits that a scheme may have written in them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from latebra.hiding.audit.distributions import normal_cdf


def signs(latents: Float32[np.ndarray, "pictures dims"]) -> UInt8[np.ndarray, "pictures dims"]:
    """Returns 1 where a value is positive."""
    positive: Bool[np.ndarray, "pictures dims"] = latents > 0
    return positive.astype(np.uint8)


def coded(
    latents: Float32[np.ndarray, "pictures dims"],
    dims: Int64[np.ndarray, " bits"],
    planes: UInt8[np.ndarray, " bits"],
    depths: UInt8[np.ndarray, " bits"],
) -> UInt8[np.ndarray, "pictures bits"]:
    """Returns hard decisions on coded bits, in the code's order.

    Args:
        latents: A row of coefficients a picture.
        dims: The dimension that carries each coded bit; only the key's holder knows this.
        planes: Which bit of its dimension each is, 0 being the sign.
        depths: How many bits its dimension carries, in Gray order over cells of equal probability.
    """
    out = np.empty((len(latents), dims.size), np.uint8)
    for i, row in enumerate(latents):
        scaled = normal_cdf(row[dims]) * (1 << depths.astype(np.int64))
        cells = np.minimum(scaled.astype(np.int64), (1 << depths.astype(np.int64)) - 1)
        gray = cells ^ (cells >> 1)
        out[i] = (gray >> (depths - 1 - planes).astype(np.int64)) & 1
    return out
