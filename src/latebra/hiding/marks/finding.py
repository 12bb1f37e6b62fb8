"""How a marked photograph may lie: whole, turned, mirrored, made smaller or larger, or cut.

Nothing here is keyed: the lattice alone tells whether blocks are where the marker's were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8

from latebra.hiding.marks import scale
from latebra.hiding.marks.lattice import alignment, luma
from latebra.hiding.marks.scale import BASES, ENOUGH, SHORTEST, Large, Levels

ALIGNED: Final = 5.0
"""Standard deviations from chance: chance alone exceeds it once in three million looks."""
CUT: Final = 7.0
"""The same where thousands of ways to cut are looked at."""
SURE: Final = 10.0
"""The same, to look no further."""
WINDOW: Final = 56
"""Small pixels of the window's side that cuts are looked for in."""
SMALLEST: Final = 32
"""Pixels of a side under which nothing is looked for."""
SMALLEST_CUT: Final = 0.5
"""Share of its short side that is left of a cut photograph that is looked for."""
MOST_CUTS: Final = 200
"""Sizes that a cut photograph may have had."""
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
    for base in BASES:
        levels = scale.small(picture, scale.usual(picture.shape, base))
        scores = [_score(mended) for mended in _mended(levels)]
        best = int(np.argmax(scores))
        for orientation in range(ORIENTATIONS if scores[best] > ALIGNED else 0):
            upright = turned(picture, orientation)
            again = scale.small(upright, scale.usual(upright.shape, base))
            yield Laid(list(_mended(again))[best], cut=False, score=scores[best])


def cuts(picture: Picture) -> Iterator[Laid]:
    """Yields how a photograph lies that was cut, but not resized since, the likeliest first."""
    plane = luma(picture.astype(np.float32))
    short = min(plane.shape)
    found: list[tuple[float, float, tuple[float, float]]] = []
    for side in _sides(short):
        pitch = side / BASES[side >= ENOUGH]
        score, origin = _best_origin(plane, pitch)
        if score > CUT:
            found.append((score, pitch, origin))
        if score > SURE:
            break
    for score, pitch, origin in sorted(found, reverse=True)[:3]:
        grid = scale.within(picture.shape, pitch, origin)
        yield Laid(scale.small(picture, grid), cut=True, score=score)


def _sides(short: int) -> list[int]:
    """Returns what the short side may have been, round numbers first."""
    sides = range(max(short, SHORTEST), int(short / SMALLEST_CUT) + 1)
    ordered = sorted(sides, key=lambda side: -math.gcd(side, 2**12 * 3**2 * 5**2))
    return ordered[:MOST_CUTS]


def _best_origin(plane: Large, pitch: float) -> tuple[float, tuple[float, float]]:
    """Returns how well a photograph of this pitch lies on the lattice at best, and where.

    A window in its middle tells; blocks go on from there to its edges.
    """
    wide = math.ceil((WINDOW + scale.BLOCK) * pitch)
    above, before = (max(0, (length - wide) // 2) for length in plane.shape)
    window = np.ascontiguousarray(plane[above : above + wide, before : before + wide])
    starts = np.arange(0.0, pitch - 1e-9, max(1.0, pitch / 4)).tolist()
    best, where = -math.inf, (0.0, 0.0)
    for top in starts:
        for left in starts:
            grid = scale.within(window.shape, pitch, (top, left))
            if min(grid.height, grid.width) < 2 * scale.BLOCK:
                continue
            phases = alignment(scale.small_plane(window, grid))
            row, column = divmod(int(np.argmax(phases)), scale.BLOCK)
            if phases[row, column] > best:
                best = float(phases[row, column])
                where = (above + top + row * pitch, before + left + column * pitch)
    block = scale.BLOCK * pitch
    return best, (where[0] % block, where[1] % block)


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
