"""A perceptual hash: what a picture looks like, in bits that recompression leaves alone.

A picture is cut into cells, and each pair of neighbours says which of the two is lighter
(difference hashing: Krawetz, "Kind of like that", 2013). Pairs that differ by little say nothing,
as anything could turn them round. On a picture of usual proportions cells are the blocks in which
the autoencoder carrier paints, and what it paints leaves a block's mean as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int8, UInt8
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from latebra.core.errors import DoesNotFit, InputError
from latebra.hiding.marks.finding import ORIENTATIONS, turned
from latebra.hiding.marks.lattice import luma
from latebra.hiding.marks.scale import BASES, BLOCK, ENOUGH

MOST_CELLS: Final = 512
"""Cells of a side, at most."""
TOLD: Final = 2.0
"""Grey levels by which neighbours differ that say which is lighter."""
HEARD: Final = 0.5
"""Grey levels by which they must differ still in a picture that is compared: else its pair is
counted as wrong, or a flat picture would contradict nobody."""
FEWEST: Final = 64
"""Pairs that must say something, of a picture that can be told from others."""
NEAR: Final = 0.05
"""Share of pairs that may be wrong in all; measured by ``benchmarks/provenance.py``."""
NEAR_HERE: Final = 0.2
"""Share that may be wrong in any window: a face that was exchanged changes little of the whole."""
WINDOW: Final = 4
"""Cells of a window's side."""
FEWEST_HERE: Final = 12
"""Pairs that must say something for a window to count, of 24."""
SMALLEST_CUT: Final = 0.7
"""Share of each side that a cut picture must have left."""
FEWEST_CUT: Final = 0.3
"""Share of the pairs which say something that a cut picture must have left."""
_FINE: Final = 8
"""Pixels of a cell when pictures that may have been cut are compared."""
_FILTER: Final = Image.Resampling.BILINEAR

Picture = UInt8[np.ndarray, "height width 3"]
Light = Float32[np.ndarray, "height width"]
Cells = Float32[np.ndarray, "rows columns"]
Pairs = tuple[Int8[np.ndarray, "rows fewer"], Int8[np.ndarray, "less columns"]]
"""Which of two neighbours is lighter: 1 the right or lower one, -1 the other, 0 untold."""


@dataclass(frozen=True)
class Comparison:
    """How a picture compares with a hash.

    Args:
        distance: Share of the hash's pairs that are wrong: 0 for the same picture, about a half
            for another.
        worst: The same in the window where it is largest.
        cut: Whether the picture is compared as one that was cut.
    """

    distance: float
    worst: float
    cut: bool

    @property
    def alike(self) -> bool:
        """Whether it is the picture that was hashed, or a copy that was recompressed or resized."""
        return self.distance <= NEAR and self.worst <= NEAR_HERE


@dataclass(frozen=True)
class PictureHash:
    """A perceptual hash.

    Args:
        width: Pixels of the picture that was hashed.
        height: Pixels of the picture that was hashed.
        rows: Cells downwards.
        columns: Cells to the right.
        bits: Two for each pair, left and right ones first: 00 untold, 01 the first is lighter, 10
            the second.
    """

    width: int
    height: int
    rows: int
    columns: int
    bits: bytes

    def __post_init__(self) -> None:
        if not (0 < self.width < 2**31 and 0 < self.height < 2**31):
            raise InputError(f"a picture of {self.width} by {self.height} pixels has no hash")
        # Others would make a stranger's record take long to compare.
        if (self.rows, self.columns) != _grid(self.width, self.height):
            raise InputError(
                f"the hash of {self.width} by {self.height} pixels has no {self.rows} by "
                f"{self.columns} cells"
            )
        if len(self.bits) != _size(self.rows, self.columns):
            raise InputError(f"the hash has {len(self.bits)} bytes, which is not its size")

    @classmethod
    def of(cls, picture: Picture) -> PictureHash:
        """Returns the hash of a picture.

        Raises:
            DoesNotFit: It shows so little that nothing tells it from others.
        """
        height, width = picture.shape[:2]
        rows, columns = _grid(width, height)
        pairs = _pairs(cells_of(luma(picture.astype(np.float32)), rows, columns), TOLD)
        told = _told(pairs)
        if told < FEWEST:
            raise DoesNotFit(
                f"the photograph shows too little to be told from others: {told} pairs of places "
                f"differ in light, it takes {FEWEST}",
                fix="choose one that shows more",
            )
        codes = np.concatenate([np.where(each < 0, 1, 2 * each).ravel() for each in pairs])
        flags = np.stack([codes >> 1, codes & 1], axis=1).astype(np.uint8)
        return cls(width, height, rows, columns, np.packbits(flags.ravel()).tobytes())

    def compare(self, picture: Picture) -> Comparison:
        """Returns how a picture compares, the way up and cut in which it compares best."""
        pairs, light = self.pairs(), luma(picture.astype(np.float32))
        best = Comparison(1.0, 1.0, cut=False)
        if _told(pairs) < FEWEST:
            return best
        for orientation in range(ORIENTATIONS):
            cells = cells_of(turned(light, orientation), self.rows, self.columns)
            best = _better(best, _compared(pairs, _pairs(cells, HEARD), cut=False))
        if best.alike:
            return best
        for orientation in range(ORIENTATIONS):
            for found in self._cuts(pairs, turned(light, orientation)):
                best = _better(best, found)
        return best

    def pairs(self) -> Pairs:
        """Returns which of two neighbours is lighter, for all of them."""
        across, down = (self.rows, self.columns - 1), (self.rows - 1, self.columns)
        count = across[0] * across[1] + down[0] * down[1]
        flags = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=2 * count).reshape(-1, 2)
        signs = flags[:, 0].astype(np.int8) - flags[:, 1].astype(np.int8)
        first = across[0] * across[1]
        return signs[:first].reshape(across), signs[first:].reshape(down)

    def _cuts(self, pairs: Pairs, light: Light) -> Iterator[Comparison]:
        """Yields how a picture compares that was cut out of the one that was hashed."""
        whole, left = (self.height, self.width), light.shape
        if left == whole or any(
            not SMALLEST_CUT * most <= side <= most for side, most in zip(left, whole, strict=True)
        ):
            return
        scale = (self.height / self.rows / _FINE, self.width / self.columns / _FINE)
        size = (int(left[0] / scale[0] + 1e-6), int(left[1] / scale[1] + 1e-6))
        box = (0.0, 0.0, min(left[1], size[1] * scale[1]), min(left[0], size[0] * scale[0]))
        image = Image.fromarray(light).resize((size[1], size[0]), _FILTER, box)
        least = FEWEST_CUT * _told(pairs)
        coarse = [(top, before) for top in range(0, _FINE, 2) for before in range(0, _FINE, 2)]
        best, at = Comparison(1.0, 1.0, cut=True), (0, 0)
        for phase in coarse:
            found = _placed(pairs, image, phase, least)
            if found.distance < best.distance:
                best, at = found, phase
        yield best
        for top in (at[0] - 1, at[0], at[0] + 1):
            for before in (at[1] - 1, at[1], at[1] + 1):
                yield _placed(pairs, image, (top % _FINE, before % _FINE), least)


def _grid(width: int, height: int) -> tuple[int, int]:
    """Returns how many cells a picture has, downwards and to the right."""
    few, many = BASES
    least = min(width, height)
    short = (many if least >= ENOUGH else few) // BLOCK
    return (
        min(MOST_CELLS, round(short * height / least)),
        min(MOST_CELLS, round(short * width / least)),
    )


def _size(rows: int, columns: int) -> int:
    return -(-(rows * (columns - 1) + (rows - 1) * columns) // 4)


def cells_of(light: Light, rows: int, columns: int) -> Cells:
    """Returns the light of a whole picture's cells, by way of a few pixels for each."""
    fine = Image.fromarray(light).resize((columns * _FINE, rows * _FINE), _FILTER)
    return np.asarray(fine.resize((columns, rows), _FILTER), np.float32)


def _pairs(cells: Cells, least: float) -> Pairs:
    def signs(axis: int) -> Int8[np.ndarray, "_ _"]:
        steps = np.diff(cells, axis=axis)
        return (np.sign(steps) * (np.abs(steps) > least)).astype(np.int8)

    return signs(1), signs(0)


def _told(pairs: Pairs) -> int:
    return int(np.count_nonzero(pairs[0]) + np.count_nonzero(pairs[1]))


def _compared(told: Pairs, heard: Pairs, *, cut: bool) -> Comparison:
    """Returns how pairs of the same cells compare."""
    counts = _sums(told[0] != 0), _sums(told[1] != 0)
    wrongs = (
        _sums((told[0] != 0) & (told[0] != heard[0])),
        _sums((told[1] != 0) & (told[1] != heard[1])),
    )
    total, missed = (int(first[-1, -1] + second[-1, -1]) for first, second in (counts, wrongs))
    if total == 0:
        return Comparison(1.0, 1.0, cut=cut)
    here, missed_here = _windows(*counts), _windows(*wrongs)
    enough = here >= FEWEST_HERE
    worst = float(np.max(missed_here[enough] / here[enough], initial=0.0))
    return Comparison(missed / total, worst, cut)


def _sums(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns how many are set above and to the left of each place."""
    return np.pad(flags.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)


def _windows(across: NDArray[np.int64], down: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the sums in every window."""
    return _boxes(across, WINDOW, WINDOW - 1) + _boxes(down, WINDOW - 1, WINDOW)


def _boxes(sums: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    return (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )


def _placed(pairs: Pairs, image: Image.Image, phase: tuple[int, int], least: float) -> Comparison:
    """Returns the best comparison of a cut picture whose first whole cell begins at ``phase``."""
    top, before = phase
    rows, columns = (image.height - top) // _FINE, (image.width - before) // _FINE
    down, across = pairs[1].shape[0] + 1 - rows, pairs[0].shape[1] + 1 - columns
    best = Comparison(1.0, 1.0, cut=True)
    if min(rows, columns) < WINDOW + 2 or min(down, across) < 0:
        return best
    box = (before, top, before + columns * _FINE, top + rows * _FINE)
    cells = np.asarray(image.resize((columns, rows), _FILTER, box), np.float32)
    # A cell at the edge lacks what its neighbour beyond would have lent it.
    heard = _pairs(cells[1:-1, 1:-1], HEARD)
    inner = (pairs[0][1:-1, 1:-1], pairs[1][1:-1, 1:-1])
    told, right = (
        sum(_slid(mine, other, same=same) for mine, other in zip(inner, heard, strict=True))
        for same in (False, True)
    )
    shares = np.where(told >= max(least, FEWEST), 1 - right / np.maximum(told, 1), 1.0)
    y, x = np.unravel_index(int(np.argmin(shares)), shares.shape)
    if shares[y, x] == 1.0:
        return best
    mine = (
        inner[0][y : y + rows - 2, x : x + columns - 3],
        inner[1][y : y + rows - 3, x : x + columns - 2],
    )
    return _compared(mine, heard, cut=True)


def _slid(
    told: Int8[np.ndarray, "_ _"], heard: Int8[np.ndarray, "_ _"], *, same: bool
) -> np.ndarray:
    """Returns how many told pairs lie under what was heard, or are the same, by the place."""
    windows = sliding_window_view(told, heard.shape)
    if not same:
        return np.count_nonzero(windows, axis=(2, 3))
    equal = (windows == heard) & (windows != 0)
    return np.count_nonzero(equal, axis=(2, 3))


def _better(one: Comparison, other: Comparison) -> Comparison:
    return other if (other.alike, -other.distance) > (one.alike, -one.distance) else one
