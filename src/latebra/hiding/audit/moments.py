"""Norms, signs, neighbours: what schemes that are only nearly Gaussian get wrong."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from latebra.hiding.audit.distributions import (
    chi_square_two_sided,
    chi_square_upper,
    normal_two_sided,
)


def norm_level(latents: Float32[np.ndarray, "pictures dims"]) -> tuple[float, float]:
    """Returns ‖z‖² / n over all pictures, with its two-sided chi-square p-value."""
    total = float(np.einsum("ij,ij->", latents, latents, dtype=np.float64))
    return total / latents.size, chi_square_two_sided(total, latents.size)


def norm_spread(latents: Float32[np.ndarray, "pictures dims"]) -> tuple[float, float]:
    """Returns the variance of pictures' norms over what it should be, with its p-value.

    Fisher's √(2‖z‖²) is N(√(2n-1), 1) for Gaussian z, so that its sum of squares about the pool's
    own mean is a chi-square with one degree of freedom fewer than there are pictures; latents of a
    fixed radius bring it near 0 (the flaw shown in arXiv:2510.12414).

    Args:
        latents: Two pictures or more.
    """
    squares = np.einsum("ij,ij->i", latents, latents, dtype=np.float64)
    roots = np.sqrt(2 * squares)
    freedom = len(roots) - 1
    total = float(((roots - roots.mean()) ** 2).sum())
    return total / freedom, chi_square_two_sided(total, freedom)


def sign_balance(latents: Float32[np.ndarray, "pictures dims"]) -> tuple[float, float]:
    """Returns the share of positive values, with its two-sided p-value."""
    share = float(np.count_nonzero(latents > 0)) / latents.size
    return share, normal_two_sided((share - 0.5) * 2 * math.sqrt(latents.size))


def autocorrelation(
    latents: Float32[np.ndarray, "pictures dims"], lags: int = 16
) -> tuple[float, float]:
    """Returns Box and Pierce's sum over lags within pictures, with its p-value.

    Args:
        latents: Pictures of more than ``lags`` values, in an order in which neighbours mean
            something.
        lags: Lags from 1 up that are summed: N r² each, a chi-square together.
    """
    power = float(np.einsum("ij,ij->", latents, latents, dtype=np.float64)) / latents.size
    total = 0.0
    for lag in range(1, lags + 1):
        near, far = latents[:, :-lag], latents[:, lag:]
        product = float(np.einsum("ij,ij->", near, far, dtype=np.float64))
        total += product**2 / (near.size * power**2)
    return total, chi_square_upper(total, lags)
