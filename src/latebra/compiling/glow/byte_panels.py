"""Put both factors of a contraction of bytes so that four products go to a lane at a step."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Final

import numpy as np

from latebra.compiling.glow.low import Panels, View
from latebra.compiling.glow.panels import spread_over, unrolled
from latebra.compiling.glow.spaces import joined, merged
from latebra.compiling.glow.tiles import vectors_for
from latebra.compiling.glow.writer import Writer

FOUR: Final = 4


def has_fours(left: View, head: int) -> bool:
    """Do the summed elements of a factor lie side by side, so that four can be read at once?"""
    run = joined(left, _groups(left, head))
    return run.strides[-1] == 1 or run.shape[-1] == 1


def in_fours(
    w: Writer,
    left: View,
    head: int,
    factor: View,
    depth: int,
    rows: int,
    spread: tuple[int, ...],
) -> tuple[View, Panels]:
    """Returns both factors of a contraction of bytes: the left one by fours, the right in panels.

    Where the summed axis ends within a four, the weights are zero: what the left-hand factor has
    there, be it the next row or what lies behind the tensor, counts for nothing.

    Args:
        w: Where to write.
        left: Over the axes of the output, then those of ``k``; see ``has_fours``.
        head: How many axes the output has.
        factor: A constant. Axes: those of the output that it varies along, then ``depth`` axes of
            ``k``, then the columns.
        depth: How many axes ``k`` has there.
        rows: Rows of the product, to choose how wide a panel is.
        spread: For each axis of the output, which axis of ``factor`` it is, or -1.
    """
    groups = _groups(left, head)
    left = joined(left, groups)
    *outer, length = left.shape[head:]
    fours = -(-length // FOUR)
    left = replace(left, shape=(*left.shape[:-1], fours), strides=(*left.strides[:-1], FOUR))
    grid = len(factor.shape) - depth - 1
    lead, columns = factor.shape[:grid], factor.shape[-1]
    vectors = vectors_for(w.target, rows, columns)
    width = vectors * w.target.lanes
    count = -(-columns // width)
    array = unrolled(w, factor).reshape(*lead, *outer, length, columns)
    room = [(0, 0)] * (array.ndim - 2)
    array = np.pad(array, [*room, (0, fours * FOUR - length), (0, count * width - columns)])
    array = array.reshape(*lead, *outer, fours, FOUR, count, width)
    array = np.moveaxis(array, (-2, -3), (grid, -1))
    packed = w.constant(array).pick(tuple(range(grid)))
    step = width * FOUR
    return left, Panels(spread_over(packed, spread), prod(outer) * fours * step, step, vectors)


def _groups(left: View, head: int) -> list[tuple[int, ...]]:
    """Which axes are walked as one: each of the output alone, those of ``k`` where they can be."""
    tail = tuple(range(head, len(left.shape)))
    inner = merged([left.pick(tail)])
    return [*((axis,) for axis in range(head)), *(tuple(head + i for i in g) for g in inner)]
