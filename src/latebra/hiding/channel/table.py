"""What calibration knows about a channel: one gain and one noise level a dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8
from numpy.typing import NDArray

from latebra.hiding.channel.gaussian import MOST_BITS, soft_capacity
from latebra.hiding.channel.sync import Word

WORTH: Final = (0.04, 0.12, 0.12, 0.12)
"""A dimension takes its first, second, … bit when that adds so much mutual information, in bits."""


@dataclass(frozen=True)
class Room:
    """One size of frame that a channel takes.

    Args:
        size: Bytes of the frame.
        dims: How many of the most reliable dimensions, after the synchronisation word's, carry it.
    """

    size: int
    dims: int


@dataclass(frozen=True, eq=False)
class Table:
    """One calibrated channel of Gaussian dimensions.

    Args:
        gain: What a dimension is multiplied by on its way.
        noise: Standard deviation of what is added to it, above zero.
        depths: How many bits each dimension takes; ``choose_depths`` chose, and both ends read the
            same numbers, whatever their arithmetic.
        word: The synchronisation word; it takes the most reliable dimensions, one bit each.
        rooms: The sizes of frame, ascending.
    """

    gain: Float32[np.ndarray, " dims"]
    noise: Float32[np.ndarray, " dims"]
    depths: UInt8[np.ndarray, " dims"]
    word: Word
    rooms: tuple[Room, ...] = ()

    @cached_property
    def order(self) -> Int64[np.ndarray, " dims"]:
        """Dimensions by reliability, the best first."""
        ratio = self.noise.astype(np.float64) / np.maximum(self.gain.astype(np.float64), 1e-9)
        return np.argsort(ratio, kind="stable")

    @cached_property
    def synchronising(self) -> Int64[np.ndarray, " bits"]:
        """The dimensions of the synchronisation word."""
        return self.order[: self.word.bits]

    def carrying(self, dims: int) -> Int64[np.ndarray, " dims"]:
        """Returns the ``dims`` most reliable dimensions that carry a frame."""
        chosen = self.order[self.word.bits :][:dims]
        return chosen[self.depths[chosen] > 0]

    @property
    def most_dims(self) -> int:
        """How many dimensions are worth a bit, the synchronisation word's left out."""
        return int(np.count_nonzero(self.depths[self.order[self.word.bits :]]))


def unpacked(stored: Mapping[str, NDArray[Any]], name: str, word: Word) -> Table:
    """Returns the table that calibration stored under ``name``.

    Args:
        stored: An archive of arrays: ``gain``, ``noise``, ``depths`` and ``rooms``, each after the
            name and a full stop.
        name: The channel's, or the channel's and a kind's.
        word: The synchronisation word of the channel.
    """
    return Table(
        gain=stored[f"{name}.gain"].astype(np.float32),
        noise=stored[f"{name}.noise"].astype(np.float32),
        depths=stored[f"{name}.depths"],
        word=word,
        rooms=tuple(Room(size, dims) for size, dims in stored[f"{name}.rooms"].tolist()),
    )


def capacities(
    gain: Float32[np.ndarray, " dims"], noise: Float32[np.ndarray, " dims"]
) -> Float64[np.ndarray, "depths dims"]:
    """Returns the mutual information of dimensions that carry 0, 1, … ``MOST_BITS`` bits."""
    rows = [np.zeros(gain.size)]
    rows += [soft_capacity(gain, noise, depth) for depth in range(1, MOST_BITS + 1)]
    return np.stack(rows)


def choose_depths(information: Float64[np.ndarray, "depths dims"]) -> UInt8[np.ndarray, " dims"]:
    """Returns how many bits each dimension should take: one more while that is worth it."""
    worth = np.diff(information, axis=0) >= np.asarray(WORTH)[:, None]
    return np.cumprod(worth, axis=0).sum(axis=0).astype(np.uint8)
