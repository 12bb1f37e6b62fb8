"""A fixed orthonormal transform of pictures: colour by frequency.

The transform of independent standard Gaussians is again independent standard Gaussians, so working
in another basis costs no security; but what an image channel harms is harmed by colour and
frequency, so that in this basis some dimensions come back almost clean and others not at all. The
keyed half of the basis, a permutation within classes of equal reliability, is the modem's.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float32


@cache
def _cosines(side: int) -> Float32[np.ndarray, "side side"]:
    """Returns the orthonormal DCT-II matrix."""
    rows = np.arange(side)[:, None]
    angle = np.pi / side * (np.arange(side)[None, :] + 0.5) * rows
    matrix = np.sqrt(2.0 / side) * np.cos(angle)
    matrix[0] = np.sqrt(1.0 / side)
    return matrix.astype(np.float32)


@cache
def _colours() -> Float32[np.ndarray, "3 3"]:
    """Returns an orthonormal change of RGB into grey, blue against yellow, red against green."""
    grey = np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)
    blue = np.array([-1.0, -1.0, 2.0]) / np.sqrt(6.0)
    red = np.array([1.0, -1.0, 0.0]) / np.sqrt(2.0)
    return np.stack([grey, blue, red]).astype(np.float32)


def forward(
    picture: Float32[np.ndarray, "batch 3 side side"],
) -> Float32[np.ndarray, "batch dims"]:
    """Returns coefficients: colour by colour, and row by row of frequencies."""
    cosines = _cosines(picture.shape[-1])
    turned = np.einsum("kc,bcij->bkij", _colours(), picture)
    return np.ascontiguousarray(cosines @ turned @ cosines.T).reshape(len(picture), -1)


def inverse(
    coefficients: Float32[np.ndarray, "batch dims"], side: int
) -> Float32[np.ndarray, "batch 3 side side"]:
    """Returns the pictures whose ``forward`` is ``coefficients``."""
    cosines = _cosines(side)
    turned = cosines.T @ coefficients.reshape(len(coefficients), 3, side, side) @ cosines
    return np.ascontiguousarray(np.einsum("kc,bkij->bcij", _colours(), turned))
