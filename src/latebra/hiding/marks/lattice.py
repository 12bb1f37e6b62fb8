"""The lattice that marked coefficients lie on, seen without networks: is a picture aligned with it?

A marked coefficient lies near a quarter or three quarters of a step, whichever its bit is. So its
closeness to the nearer of the two, squared, is large on average where blocks are aligned with those
of the marker, and a third where they are not.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from latebra.hiding.channel.kernel import kernel
from latebra.hiding.marks.scale import BLOCK, Levels, Plane

STEP: Final = 14.0
"""Distance of two lattice points of one bit, in grey levels of an orthonormal coefficient."""
_CHANCE: Final = 1 / 3
"""Mean of the squared closeness of a coefficient that lies anywhere."""
_SPREAD: Final = math.sqrt(4 / 45)
"""Its standard deviation."""
_COSINES: Final = tuple(
    math.sqrt(2 / BLOCK) * math.cos(math.pi * (2 * n + 1) / (2 * BLOCK)) for n in range(BLOCK)
)
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)


def luma(levels: Levels) -> Plane:
    """Returns the brightness of a picture."""
    return levels @ _LUMA


def alignment(plane: Plane) -> Float64[np.ndarray, "4 4"]:
    """Returns how well blocks lie on the lattice, by where the first one begins.

    The values are standard deviations from what chance gives.
    """
    sums, counts = np.zeros((BLOCK, BLOCK)), np.zeros((BLOCK, BLOCK))
    _closeness(np.ascontiguousarray(plane, np.float32), sums, counts)
    counts = np.maximum(counts, 1)
    return (sums / counts - _CHANCE) / _SPREAD * np.sqrt(counts)


@kernel
def _closeness(plane: Any, sums: Any, counts: Any) -> Any:
    height, width = plane.shape
    flat = 0.5
    for y in range(height - BLOCK + 1):
        for x in range(width - BLOCK + 1):
            across, down, both = 0.0, 0.0, 0.0
            for i in range(BLOCK):
                row, wave = 0.0, 0.0
                for j in range(BLOCK):
                    row += plane[y + i, x + j]
                    wave += plane[y + i, x + j] * _COSINES[j]
                across += flat * wave
                down += flat * row * _COSINES[i]
                both += wave * _COSINES[i]
            total = 0.0
            for value in (across, down, both):
                place = value / STEP + 0.25
                place -= math.floor(place)
                close = 1.0 - 4.0 * abs(place - 0.5)
                total += close * close
            sums[y % BLOCK, x % BLOCK] += total
            counts[y % BLOCK, x % BLOCK] += 3
