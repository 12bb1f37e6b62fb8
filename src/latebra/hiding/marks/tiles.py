"""Small pictures in tiles, which is what the networks take, and the bits of a tile in copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import Float32

from latebra.hiding.marks.scale import BLOCK, Grid

SIDE: Final = 64
"""Small pixels of a tile's side."""
CELLS: Final = SIDE // BLOCK
PLANES: Final = 3
"""Bits of a block."""
BITS: Final = PLANES * CELLS * CELLS

Soft = Float32[np.ndarray, "3 rows columns"]
"""One number for each bit of a small picture."""
TileBits = Float32[np.ndarray, "3 16 16"]


def corners(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yields the upper left corners of the tiles that cover a small picture."""
    for top in range(0, shape[0], SIDE):
        for left in range(0, shape[1], SIDE):
            yield top, left


def levels_of(
    levels: Float32[np.ndarray, "down across 3"], top: int, left: int
) -> Float32[np.ndarray, "1 3 64 64"]:
    """Returns one tile of a small picture as networks take it."""
    return np.ascontiguousarray(_filled(levels, top, left).transpose(2, 0, 1)[None])


def plane_of(
    plane: Float32[np.ndarray, "down across"], top: int, left: int
) -> Float32[np.ndarray, "1 1 64 64"]:
    """Returns one tile of a plane as networks take it."""
    return _filled(plane, top, left)[None, None]


def bits_of(bits: Soft, top: int, left: int) -> Float32[np.ndarray, "1 3 16 16"]:
    """Returns the bits of one tile as networks take them, zero outside of the picture."""
    part = _cells(bits, top, left)
    out = np.zeros((1, PLANES, CELLS, CELLS), np.float32)
    out[0, :, : part.shape[1], : part.shape[2]] = part
    return out


def put(soft: Soft, tile: TileBits, top: int, left: int) -> None:
    """Writes what a network said of one tile."""
    part = _cells(soft, top, left)
    part[:] = tile[:, : part.shape[1], : part.shape[2]]


def put_plane(
    plane: Float32[np.ndarray, "down across"],
    tile: Float32[np.ndarray, "64 64"],
    top: int,
    left: int,
) -> None:
    """Writes what a network painted in one tile."""
    part = plane[top : top + SIDE, left : left + SIDE]
    part[:] = tile[: part.shape[0], : part.shape[1]]


def spread(bits: TileBits, grid: Grid) -> Soft:
    """Returns a tile's bits, repeated over a picture."""
    down, across = grid.height // BLOCK, grid.width // BLOCK
    copies = (1, -(-down // CELLS), -(-across // CELLS))
    return np.tile(bits, copies)[:, :down, :across]


def folded(soft: Soft) -> TileBits:
    """Returns the soft bits of all copies of a tile, added up."""
    out = np.zeros((PLANES, CELLS, CELLS), np.float32)
    for top in range(0, soft.shape[1], CELLS):
        for left in range(0, soft.shape[2], CELLS):
            part = soft[:, top : top + CELLS, left : left + CELLS]
            out[:, : part.shape[1], : part.shape[2]] += part
    return out


def information(soft: Soft, bits: Soft) -> float:
    """Returns what the copies of a tile tell together of its bits."""
    first = bits[:, :CELLS, :CELLS]
    right = folded(soft * bits)[:, : first.shape[1], : first.shape[2]]
    return float(np.sum(1.0 - np.logaddexp2(0.0, -right.astype(np.float64) / np.log(2.0))))


def _cells(soft: Soft, top: int, left: int) -> np.ndarray:
    down, across = top // BLOCK, left // BLOCK
    return soft[:, down : down + CELLS, across : across + CELLS]


def _filled(plane: np.ndarray, top: int, left: int) -> np.ndarray:
    """Returns one tile, what is outside of the picture repeated from its edge."""
    part = plane[top : top + SIDE, left : left + SIDE]
    missing = [(0, SIDE - part.shape[0]), (0, SIDE - part.shape[1])] + [(0, 0)] * (part.ndim - 2)
    return np.pad(part, missing, mode="edge")
