"""A photograph made small, where marks lie, and what is painted there made large again.

Pixels of the small picture are squares of one width, the *pitch*, in pixels of the photograph. So
a cut photograph keeps its pitch, and a photograph that was made smaller as a whole keeps its number
of small pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

BLOCK: Final = 4
"""Small pixels of a block's side."""
BASES: Final = (64, 128)
"""Small pixels of the short side: the second from ``ENOUGH`` pixels on, for four copies."""
ENOUGH: Final = 256
SHORTEST: Final = 128
"""Pixels of the shortest side of a photograph that can be marked."""
LONGEST: Final = 2048
"""Most small pixels of a side: of what is longer, only the beginning is marked."""
_FILTER: Final = Image.Resampling.BICUBIC

Levels = Float32[np.ndarray, "down across 3"]
"""A small picture."""
Plane = Float32[np.ndarray, "down across"]
"""One plane of it."""
Large = Float32[np.ndarray, "height width"]
"""One plane of a photograph."""


@dataclass(frozen=True)
class Grid:
    """Where the small picture lies in a photograph.

    Args:
        height: Small pixels, a multiple of ``BLOCK``.
        width: Small pixels, a multiple of ``BLOCK``.
        pitch: Pixels of the photograph for one small pixel, downwards and to the right.
        origin: The photograph's pixel where the small picture begins.
    """

    height: int
    width: int
    pitch: tuple[float, float]
    origin: tuple[float, float] = (0.0, 0.0)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge in the photograph."""
        top, left = self.origin
        return (left, top, left + self.width * self.pitch[1], top + self.height * self.pitch[0])


def usual(shape: tuple[int, ...], base: int | None = None) -> Grid:
    """Returns the grid of a whole photograph.

    Args:
        shape: Height, width and what follows.
        base: Small pixels of the short side; None as the marker chooses.
    """
    short = min(shape[:2])
    pitch = short / (base or BASES[short >= ENOUGH])
    return within(shape, pitch, (0.0, 0.0))


def within(shape: tuple[int, ...], pitch: float, origin: tuple[float, float]) -> Grid:
    """Returns the grid of this pitch and origin with all whole blocks that fit."""
    height, width = (
        # A rounding error must not lose the last block.
        min(LONGEST, int((length - start) / (pitch * BLOCK) + 1e-6) * BLOCK)
        for length, start in zip(shape[:2], origin, strict=True)
    )
    return Grid(height, width, (pitch, pitch), origin)


def small(pixels: UInt8[np.ndarray, "height width 3"], grid: Grid) -> Levels:
    """Returns the small picture in grey levels."""
    size, box = (grid.width, grid.height), _inside(grid.box, pixels.shape)
    return np.asarray(Image.fromarray(pixels).resize(size, _FILTER, box), np.float32)


def small_plane(plane: Large, grid: Grid) -> Plane:
    """Returns one plane of floats made small."""
    size, box = (grid.width, grid.height), _inside(grid.box, plane.shape)
    return np.asarray(Image.fromarray(plane).resize(size, _FILTER, box), np.float32)


def large(residual: Plane, grid: Grid, shape: tuple[int, ...]) -> Large:
    """Returns a residual of the small picture, painted in the photograph, zero outside the grid."""
    out = np.zeros(shape[:2], np.float32)
    height = min(shape[0], int(grid.height * grid.pitch[0] + 1e-6))
    width = min(shape[1], int(grid.width * grid.pitch[1] + 1e-6))
    box = (0.0, 0.0, width / grid.pitch[1], height / grid.pitch[0])
    box = _inside(box, residual.shape)
    image = Image.fromarray(np.ascontiguousarray(residual, np.float32))
    out[:height, :width] = np.asarray(image.resize((width, height), _FILTER, box))
    return out


def texture(pixels: UInt8[np.ndarray, "height width 3"], grid: Grid) -> Plane:
    """Returns the standard deviation of what is lost when a photograph is made small.

    Large photographs are looked at on the way down, with two pixels for each small one.
    """
    fine = small(pixels, Grid(2 * grid.height, 2 * grid.width, _halved(grid.pitch), grid.origin))
    twice = Grid(grid.height, grid.width, (2.0, 2.0))
    energy = np.zeros(fine.shape[:2], np.float32)
    for colour in range(3):
        plane = np.ascontiguousarray(fine[:, :, colour])
        energy += (plane - large(small_plane(plane, twice), twice, plane.shape)) ** 2 / 3.0
    averaged = Image.fromarray(energy).resize((grid.width, grid.height), Image.Resampling.BILINEAR)
    return np.sqrt(np.maximum(np.asarray(averaged, np.float32), 0.0))


def _halved(pitch: tuple[float, float]) -> tuple[float, float]:
    return (pitch[0] / 2, pitch[1] / 2)


def _inside(
    box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """Returns the box without what rounding put outside."""
    return (max(box[0], 0.0), max(box[1], 0.0), min(box[2], shape[1]), min(box[3], shape[0]))
