"""From latents to the bits that a scheme may have written in them, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from scipy import special


def signs(latents: Float32[np.ndarray, "pictures dims"]) -> UInt8[np.ndarray, "pictures dims"]:
    """Returns 1 where a value is positive."""
    positive: Bool[np.ndarray, "pictures dims"] = latents > 0
    return positive.astype(np.uint8)


@dataclass(frozen=True)
class Places:
    """Where coded bits lie in latents: what the key's holder knows, and here the analyst too.

    Args:
        dims: The dimension of each coded bit, in the code's order.
        planes: Which bit of its dimension each is, 0 being the sign.
        depths: How many bits its dimension carries, in Gray order over cells of equal probability.
    """

    dims: Int64[np.ndarray, " bits"]
    planes: Int64[np.ndarray, " bits"]
    depths: Int64[np.ndarray, " bits"]

    def read(
        self, latents: Float32[np.ndarray, "pictures dims"]
    ) -> UInt8[np.ndarray, "pictures bits"]:
        """Returns hard decisions on the coded bits, in the code's order."""
        out = np.empty((len(latents), self.dims.size), np.uint8)
        for i, row in enumerate(latents):
            cells = self._cells(row[self.dims])
            out[i] = ((cells ^ (cells >> 1)) >> (self.depths - 1 - self.planes)) & 1
        return out

    def write(
        self,
        latents: Float32[np.ndarray, "pictures dims"],
        words: UInt8[np.ndarray, "pictures bits"],
    ) -> Float32[np.ndarray, "pictures dims"]:
        """Returns latents that carry ``words``: values keep their place within their cell.

        Args:
            latents: Standard Gaussians; those that carry nothing stay as they are.
            words: Coded bits; a bit of a dimension that none of ``dims`` names is taken for 0.
        """
        out = latents.copy()
        used, index = np.unique(self.dims, return_inverse=True)
        depths = np.zeros(used.size, np.int64)
        depths[index] = self.depths
        for row, word in zip(out, words, strict=True):
            shifted = word.astype(np.int64) << (self.depths - 1 - self.planes)
            cells = np.bincount(index, shifted, used.size).astype(np.int64)
            for step in (1, 2, 4):  # Gray to binary, up to eight bits.
                cells ^= cells >> step
            inside = special.ndtr(row[used].astype(np.float64)) * 2.0**depths % 1
            # Away from the edges, where float32 would round into the next cell.
            row[used] = special.ndtri((cells + np.clip(inside, 1e-6, 1 - 1e-6)) / 2.0**depths)
        return out

    def _cells(self, values: Float32[np.ndarray, " bits"]) -> Int64[np.ndarray, " bits"]:
        scaled = special.ndtr(values.astype(np.float64)) * (1 << self.depths)
        return np.minimum(scaled.astype(np.int64), (1 << self.depths) - 1)
