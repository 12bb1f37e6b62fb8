"""Weighted stego analysis: an estimate of how many lowest bits of a picture were replaced.

Fridrich and Goljan (2004): let y be x with every lowest bit flipped; where a share r of the lowest
bits was replaced, the mean of (x - y)(x - p(x)) is r / 2 if p predicts a pixel from its neighbours.
As with Ker and Böhme (2008) the predictor is fitted to each picture and weights trust smooth places
more; here it sees the other two colours as well, which in photographs tell most of the third.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float64, UInt8

_AROUND = [(i, j) for i, j in product((-1, 0, 1), repeat=2) if (i, j) != (0, 0)]
_SQUARE = list(product((-1, 0, 1), repeat=2))


def rates(pictures: UInt8[np.ndarray, "n 3 height width"]) -> Float64[np.ndarray, " n"]:
    """Returns the estimated share of samples whose lowest bit carries something, about 0 to 1."""
    return np.array([_rate(picture.astype(np.float64)) for picture in pictures])


def _rate(picture: Float64[np.ndarray, "3 height width"]) -> float:
    total = weight = 0.0
    for colour in range(3):
        residual = _residual(picture, colour)
        pixels = _shifted(picture[colour], 0, 0)
        energy = np.pad(residual**2, 1, mode="reflect")
        near = sum((_shifted(energy, i, j) for i, j in _AROUND), np.zeros_like(residual)) / 8
        # Clipped samples have no neighbour on one side: their residual leans to the other.
        weights = np.where((pixels > 0) & (pixels < 255), 1 / (1 + near), 0.0)
        total += float((weights * np.where(pixels % 2 == 1, 1, -1) * residual).sum())
        weight += float(weights.sum())
    return 2 * total / max(weight, 1e-9)


def _residual(
    picture: Float64[np.ndarray, "3 height width"], colour: int
) -> Float64[np.ndarray, "inner_height inner_width"]:
    """Returns what the least squares of neighbours and other colours leave of one colour."""
    seen = [_shifted(picture[colour], i, j) for i, j in _AROUND]
    smooth = 1 / (5 + np.var(seen, axis=0)).ravel()
    seen += [_shifted(picture[c], i, j) for c in range(3) if c != colour for i, j in _SQUARE]
    columns = np.stack([values.ravel() for values in seen], axis=1)
    columns -= columns.mean(axis=0)
    pixels = _shifted(picture[colour], 0, 0)
    wanted = (pixels - pixels.mean()).ravel()
    # A ridge far below one grey level squared: flat pictures have no inverse without it.
    normal = (columns.T * smooth) @ columns + 1e-3 * np.eye(columns.shape[1])
    fitted = columns @ np.linalg.solve(normal, (columns.T * smooth) @ wanted)
    return (wanted - fitted).reshape(pixels.shape)


def _shifted(
    plane: Float64[np.ndarray, "height width"], down: int, right: int
) -> Float64[np.ndarray, "inner_height inner_width"]:
    """Returns the plane without its border, read at an offset of at most one pixel."""
    height, width = plane.shape
    return plane[1 + down : height - 1 + down, 1 + right : width - 1 + right]
