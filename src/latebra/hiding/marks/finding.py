"""How a marked photograph may lie: whole, turned, mirrored, made smaller or larger, or cut.

Nothing here is keyed: the lattice alone tells whether blocks are where the marker's were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Final

import numpy as np
from jaxtyping import UInt8

from latebra.hiding.marks import scale
from latebra.hiding.marks.lattice import alignment, luma
from latebra.hiding.marks.scale import BASES, ENOUGH, Large, Levels

ALIGNED: Final = 5.0
"""Standard deviations from chance: chance alone exceeds it once in three million looks."""
LIKELY: Final = 500
"""Places that all of a cut photograph is looked at for, the best in a window."""
CUTS: Final = 12
"""Places where a cut photograph may begin that are read, the best first."""
WINDOW: Final = 56
"""Small pixels of the window's side that cuts are looked for in."""
SMALLEST: Final = 32
"""Pixels of a side under which nothing is looked for."""
SMALLEST_CUT: Final = 0.45
"""Share of its short side that is left of a cut photograph that is looked for."""
LARGEST_CUT: Final = 2048
"""Pixels of the largest short side of which cuts are looked for."""
_STRETCHES: Final = tuple(x / 10 for x in range(-12, 13) if x)
"""Pixels that the long side may be off by: half a pixel of its own, and half of the short one's."""
_TONES: Final = (0.9, 0.93, 0.96, 1.04, 1.07, 1.1)
"""Exponents of tone curves that are undone."""
_BLURS: Final = (0.06, 0.12, 0.2, 0.3, -0.06, -0.12)
"""How much of what a neighbour adds is taken away: softer or sharper ways to make it smaller."""

Picture = UInt8[np.ndarray, "height width 3"]
ORIENTATIONS: Final = 8


@dataclass(frozen=True)
class Laid:
    """A small picture whose blocks lie on the lattice.

    Args:
        levels: Its grey levels, the right way up where ``cut`` is False.
        cut: Whether it may be turned still, and begin anywhere in a tile.
        score: How well it lies, in standard deviations.
    """

    levels: Levels
    cut: bool
    score: float


@dataclass(frozen=True)
class Place:
    """Where a cut photograph's blocks may begin.

    Args:
        score: How well it lies there, in standard deviations.
        pitch: Pixels of a small pixel.
        origin: The pixel where some block begins, downwards and to the right.
    """

    score: float
    pitch: float
    origin: tuple[float, float]


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """Returns the picture in one of the eight orientations that a square has."""
    mirrored = picture[:, ::-1] if orientation >= 4 else picture
    return np.ascontiguousarray(np.rot90(mirrored, orientation % 4))


def whole(picture: Picture) -> Iterator[Laid]:
    """Yields how a photograph may lie that was not cut, the likeliest first.

    Hard JPEG can push coefficients off the lattice that still tell their bits. So nothing is left
    out; how well a picture lies says only what comes first.
    """
    later: list[Laid] = []
    if min(picture.shape[:2]) < SMALLEST:
        return
    for orientation in range(ORIENTATIONS):
        upright = turned(picture, orientation)
        for base in BASES:
            levels = scale.small(upright, scale.usual(upright.shape, base))
            laid = Laid(levels, cut=False, score=_score(levels))
            if laid.score > ALIGNED:
                yield laid
            else:
                later.append(laid)
    yield from sorted(later, key=lambda laid: -laid.score)
    yield from _stretched(picture)
    for base in BASES:
        levels = scale.small(picture, scale.usual(picture.shape, base))
        scores = [_score(mended) for mended in _mended(levels)]
        best = int(np.argmax(scores))
        for orientation in range(ORIENTATIONS if scores[best] > ALIGNED else 0):
            upright = turned(picture, orientation)
            again = scale.small(upright, scale.usual(upright.shape, base))
            yield Laid(list(_mended(again))[best], cut=False, score=scores[best])


def _stretched(picture: Picture) -> Iterator[Laid]:
    """Yields how a photograph lies whose sides were rounded to pixels when it was resized."""
    found: list[Laid] = []
    for orientation in range(ORIENTATIONS):
        upright = turned(picture, orientation)
        for base in BASES:
            grids = [scale.usual(upright.shape, base, stretch) for stretch in _STRETCHES]
            ways = [scale.small(upright, grid) for grid in grids]
            scores = [_score(levels) for levels in ways]
            best = int(np.argmax(scores))
            found.append(Laid(ways[best], cut=False, score=scores[best]))
    for laid in sorted(found, key=lambda laid: -laid.score):
        if laid.score > ALIGNED:
            yield laid


def likely_places(plane: Large) -> tuple[list[Place], int]:
    """Returns where a cut photograph's blocks may begin, and how many places were looked at.

    All are scored in a window; the best there are returned, with their score over the picture.
    """
    found = [place for pitch in pitches(min(plane.shape)) for place in places(plane, pitch)]
    likely = nlargest(LIKELY, found, key=lambda place: place.score)
    return [replace(place, score=_whole_score(plane, place)) for place in likely], len(found)


def cuts(picture: Picture) -> Iterator[Laid]:
    """Yields how a photograph lies that was cut, but not resized since, the likeliest first.

    The lattice shows where blocks begin only to a thirtieth of a small pixel. So those cuts are
    looked for whose small pixels had a whole number of pixels: then blocks begin at one.
    """
    likely, _ = likely_places(luma(picture.astype(np.float32)))
    for place in nlargest(CUTS, likely, key=lambda place: place.score):
        grid = scale.within(picture.shape, (place.pitch, place.pitch), place.origin)
        yield Laid(scale.small(picture, grid), cut=True, score=place.score)


def _whole_score(plane: Large, place: Place) -> float:
    """Returns how well blocks lie over all of the picture, where a window has said so."""
    grid = scale.within(plane.shape, (place.pitch, place.pitch), place.origin)
    return float(alignment(scale.small_plane(plane, grid))[0, 0])


def pitches(short: int) -> list[int]:
    """Returns the whole pitches of photographs that ``short`` pixels may be left of."""
    few, many = BASES
    sides = [*range(2 * few, ENOUGH, few), *range(ENOUGH, LARGEST_CUT + 1, many)]
    left = [side for side in sides if short <= side <= short / SMALLEST_CUT]
    return sorted({side // BASES[side >= ENOUGH] for side in left})


def places(plane: Large, pitch: int) -> Iterator[Place]:
    """Yields where blocks of this pitch may begin; a window in the middle tells how well they lie.

    All origins of one block are yielded: a mark that was painted lightly shows little of itself on
    the lattice, and its word may have to be looked for at several.
    """
    block = scale.BLOCK * pitch
    wide = WINDOW * pitch + block
    above, before = (max(0, (length - wide) // 2) // block * block for length in plane.shape)
    window = np.ascontiguousarray(plane[above : above + wide, before : before + wide])
    for top in range(pitch):
        for left in range(pitch):
            grid = scale.within(
                window.shape, (float(pitch), float(pitch)), (float(top), float(left))
            )
            if min(grid.height, grid.width) < 2 * scale.BLOCK:
                continue
            phases = alignment(scale.small_plane(window, grid))
            for (row, column), score in np.ndenumerate(phases):
                origin = (float(top + row * pitch), float(left + column * pitch))
                yield Place(float(score), float(pitch), origin)


def _score(levels: Levels) -> float:
    return float(alignment(luma(levels))[0, 0])


def _mended(levels: Levels) -> Iterator[Levels]:
    """Yields the picture with other tone curves, and sharper or softer, than it has."""
    clipped = np.clip(levels, 0.0, 255.0) / np.float32(255.0)
    for exponent in _TONES:
        yield (255.0 * clipped ** np.float32(1.0 / exponent)).astype(np.float32)
    around = np.pad(levels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    neighbours = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    for share in _BLURS:
        yield levels + np.float32(share) * (levels - neighbours / 4)
