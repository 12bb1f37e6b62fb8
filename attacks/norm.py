"""Likelihood ratio on latents' norms: a fixed radius lacks the spread of a chi-square.

Latents that all lie on one sphere look right one by one, and their norms give them away (Levecque
et al., arXiv:2510.12414). The analyst learns the mean and spread of ‖z‖² from labelled pictures of
both kinds, and adds up log-likelihood ratios over all pictures of a sender.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64


@dataclass(frozen=True)
class Normal:
    """A normal law of ‖z‖² / n.

    Args:
        mean: Its mean.
        spread: Its standard deviation, above zero.
    """

    mean: float
    spread: float

    @classmethod
    def fit(cls, values: Float64[np.ndarray, " pictures"]) -> Normal:
        """Returns the law with the values' mean and standard deviation."""
        return cls(float(values.mean()), max(float(values.std(ddof=1)), 1e-9))

    def log_density(
        self, values: Float64[np.ndarray, " pictures"]
    ) -> Float64[np.ndarray, " pictures"]:
        """Returns the logarithm of the density, but for a constant common to all laws."""
        return -0.5 * ((values - self.mean) / self.spread) ** 2 - np.log(self.spread)


def levels(latents: Float32[np.ndarray, "pictures dims"]) -> Float64[np.ndarray, " pictures"]:
    """Returns ‖z‖² / n of each picture."""
    return np.einsum("ij,ij->i", latents, latents, dtype=np.float64) / latents.shape[1]


@dataclass(frozen=True)
class Ratio:
    """A trained likelihood ratio.

    Args:
        stego: Law of norms of pictures that carry something.
        cover: Law of norms of ordinary pictures.
    """

    stego: Normal
    cover: Normal

    @classmethod
    def fit(cls, stego: Float64[np.ndarray, " m"], cover: Float64[np.ndarray, " n"]) -> Ratio:
        """Returns the ratio learnt from levels of labelled pictures, ten or more of each."""
        return cls(Normal.fit(stego), Normal.fit(cover))

    def scores(
        self, values: Float64[np.ndarray, " pictures"], pool: int = 1
    ) -> Float64[np.ndarray, " pools"]:
        """Returns the log-likelihood ratio of disjoint pools of pictures, the rest left out.

        Args:
            values: Levels of pictures that ``fit`` has not seen.
            pool: Pictures of one sender that are judged together.
        """
        single = self.stego.log_density(values) - self.cover.log_density(values)
        count = single.size // pool
        return single[: count * pool].reshape(count, pool).sum(axis=1)
