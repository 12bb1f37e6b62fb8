"""Weighted stego analysis: an estimate of how many lowest bits of a picture were replaced.

Fridrich and Goljan (2004): let y be x with every lowest bit flipped; where a share r of the lowest
bits was replaced, the mean of (x - y)(x - p(x)) is r / 2 if p predicts a pixel from its neighbours.
Weights that trust smooth places more, and the predictor, are those of Ker and Böhme (2008).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, UInt8


def rates(pictures: UInt8[np.ndarray, "n channels height width"]) -> Float64[np.ndarray, " n"]:
    """Returns the estimated share of pixels whose lowest bit carries something, about 0 to 1."""
    out = np.empty(len(pictures))
    for i, picture in enumerate(pictures):
        x = picture.astype(np.float64)
        near = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
        far = x[:, :-2, :-2] + x[:, :-2, 2:] + x[:, 2:, :-2] + x[:, 2:, 2:]
        predicted = near / 2 - far / 4
        inner = x[:, 1:-1, 1:-1]
        ring = np.stack([x[:, :-2, 1:-1], x[:, 2:, 1:-1], x[:, 1:-1, :-2], x[:, 1:-1, 2:]])
        weights = 1 / (5 + ring.var(axis=0))
        flipped = inner + 1 - 2 * (inner % 2)
        out[i] = 2 * float(
            (weights * (inner - flipped) * (inner - predicted)).sum() / weights.sum()
        )
    return out
