"""What a mark shows to anyone, without a key, and how to take it away.

The lattice is public: where blocks lie on it, somebody painted a mark, whoever it was. Whoever
moves each of its coefficients by as much as chance may, up to half a step, leaves nothing of the
bits: what is left of a coefficient modulo the step is even over it, whatever it was (dithered
quantisation: Schuchman 1964, Dither signals and their effect on quantization noise).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.hiding.audit.distributions import normal_two_sided
from latebra.hiding.marks import finding, scale
from latebra.hiding.marks.finding import Picture, turned
from latebra.hiding.marks.lattice import STEP, alignment, luma
from latebra.hiding.marks.refining import added
from latebra.hiding.marks.scale import BASES, BLOCK, Grid, Plane

WAYS: Final = (0, 1, 2, 3)
"""Orientations that are looked at: a mirrored lattice is the same one, from another corner."""
PLAIN: Final = 0.01
"""How often chance shows as much where no mark is seen, so that none is taken away."""
CUT: Final = 3
"""Ways to lay a cut picture that are treated, whatever is seen after the first: beside the right
one lie others that hide it, and of what one dither left, a sixth was still read."""
MOST: Final = 4
"""Marks that are taken away one after another."""


@dataclass(frozen=True)
class Look:
    """How well blocks lie on the lattice in one way to lay them.

    Args:
        score: Standard deviations from chance.
        orientation: Of the picture, as ``finding.turned`` has it.
        grid: Where the small picture lies in it then.
        cut: Whether it may begin anywhere.
    """

    score: float
    orientation: int
    grid: Grid
    cut: bool = False


def looks(picture: Picture) -> tuple[list[Look], int]:
    """Returns likely ways to lay a picture, without a key, and how many were looked at."""
    taken: list[Look] = []
    if min(picture.shape[:2]) < finding.SMALLEST:
        return taken, 0
    for orientation in WAYS:
        upright = turned(picture, orientation)
        for base in BASES:
            grid = scale.usual(upright.shape, base)
            score = alignment(luma(scale.small(upright, grid)))[0, 0]
            taken.append(Look(float(score), orientation, grid))
    whole = len(taken)
    likely, count = finding.likely_places(luma(picture.astype(np.float32)))
    for place in likely:
        grid = scale.within(picture.shape, (place.pitch, place.pitch), place.origin)
        taken.append(Look(place.score, 0, grid, cut=True))
    return taken, whole + count


def seen(picture: Picture) -> tuple[float, float]:
    """Returns how well a picture lies on the lattice at best, and how often chance does as well.

    The first is in standard deviations; the second counts all looks that were taken.
    """
    best, chance = _best(picture)
    return (0.0 if best is None else best.score), chance


def erased(picture: Picture, rng: np.random.Generator) -> Plane:
    """Returns what to add to all colours of a picture so that no mark is left in it.

    The best way to lay it is dithered, until none is seen. Where none was seen from the beginning,
    the places where a marker would have painted are.
    """
    total = np.zeros(picture.shape[:2], np.float32)
    sure = 0
    for number in range(MOST):
        look, chance = _best(added(picture, total))
        if look is None or (chance > PLAIN and number >= sure):
            break
        if number == 0 and look.cut:
            sure = CUT
        total += _dithered(picture, look.orientation, look.grid, rng)
    if not total.any():
        for base in BASES:
            total += _dithered(picture, 0, scale.usual(picture.shape, base), rng)
    return total


def _best(picture: Picture) -> tuple[Look | None, float]:
    """Returns the best look, and how often chance gives as good a one.

    A whole picture's blocks begin at some place of a cut one, too, and lie as well there: where the
    whole shows a mark by itself, it is the one.
    """
    taken, count = looks(picture)

    def by_chance(look: Look) -> float:
        alone = normal_two_sided(look.score) / 2 if look.score > 0 else 1.0
        return min(1.0, alone * count)

    clear = [look for look in taken if not look.cut and by_chance(look) <= PLAIN]
    best = max(clear or taken, key=lambda look: look.score, default=None)
    return best, 1.0 if best is None else by_chance(best)


def _dithered(picture: Picture, orientation: int, grid: Grid, rng: np.random.Generator) -> Plane:
    """Returns a dither over one grid, as large as the picture."""
    shape = turned(picture, orientation).shape
    plane = scale.large(_dither(grid, rng), grid, shape)
    return np.ascontiguousarray(np.rot90(plane, -orientation % 4))


def _dither(grid: Grid, rng: np.random.Generator) -> Plane:
    """Returns a small picture whose marked coefficients are even over a step, the others zero."""
    cosines = np.cos(np.pi * (2 * np.arange(BLOCK) + 1) / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    flat = np.full(BLOCK, BLOCK**-0.5)
    waves = [np.outer(flat, cosines), np.outer(cosines, flat), np.outer(cosines, cosines)]
    rows, columns = grid.height // BLOCK, grid.width // BLOCK
    moved = rng.uniform(-STEP / 2, STEP / 2, (rows, columns, len(waves)))
    blocks = np.einsum("rck,kij->ricj", moved, np.stack(waves))
    return blocks.reshape(rows * BLOCK, columns * BLOCK).astype(np.float32)
