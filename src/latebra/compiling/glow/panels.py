"""Put the right-hand factor of a contraction in panels, the order in which tiles read it."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.low import Load, Map, Panels, Space, View
from latebra.compiling.glow.spaces import joined, merged
from latebra.compiling.glow.tiles import vectors_for
from latebra.compiling.glow.writer import Writer


def in_panels(w: Writer, factor: View, depth: int, rows: int, spread: tuple[int, ...]) -> Panels:
    """Returns a factor in panels.

    A constant is packed now, once. What is computed is packed while the program runs, unless its
    rows can be read where they are.

    Args:
        w: Where to write.
        factor: Axes: those of the output that it varies along, then ``depth`` axes of ``k``, then
            the columns.
        depth: How many axes ``k`` has.
        rows: Rows of the product, to choose how wide a panel is.
        spread: For each axis of the output, which axis of ``factor`` it is, or -1.
    """
    grid = len(factor.shape) - depth - 1
    columns = factor.shape[-1]
    vectors = vectors_for(w.target, rows, columns)
    width = vectors * w.target.lanes
    k_view = factor.pick(tuple(range(grid, grid + depth)))
    groups = merged([k_view]) if depth > 1 else [(0,)]
    in_rows = len(groups) == 1 and (factor.strides[-1] == 1 or columns == 1)
    if factor.buffer.space is Space.CONSTANTS:
        packed = _packed_now(w, factor, grid, width)
    elif in_rows:
        step = joined(k_view, groups).strides[0]
        view = spread_over(factor, spread)
        return Panels(view, width, step, vectors)
    else:
        packed = _packed_later(w, factor, grid, width)
    k = prod(factor.shape[grid:-1])
    return Panels(spread_over(packed, spread), k * width, width, vectors)


def unrolled(w: Writer, factor: View) -> NDArray[Any]:
    """Returns a constant factor as an array."""
    held = w.program.constants[factor.buffer].reshape(-1)[factor.offset :]
    steps = tuple(step * held.itemsize for step in factor.strides)
    return np.lib.stride_tricks.as_strided(held, factor.shape, steps)


def spread_over(view: View, spread: tuple[int, ...]) -> View:
    """Returns a view over other axes: for each, which of its own it is, or -1 where it repeats."""
    shape = tuple(1 if axis < 0 else view.shape[axis] for axis in spread)
    strides = tuple(0 if axis < 0 else view.strides[axis] for axis in spread)
    return replace(view, shape=shape, strides=strides)


def _packed_now(w: Writer, factor: View, grid: int, width: int) -> View:
    array = unrolled(w, factor)
    lead, columns = factor.shape[:grid], factor.shape[-1]
    array = array.reshape(*lead, -1, columns)
    panels = -(-columns // width)
    array = np.pad(array, [(0, 0)] * (grid + 1) + [(0, panels * width - columns)])
    array = array.reshape(*lead, -1, panels, width)
    array = np.moveaxis(array, -2, -3)
    view = w.constant(array)
    return view.pick(tuple(range(grid)))


def _packed_later(w: Writer, factor: View, grid: int, width: int) -> View:
    lead, k, columns = factor.shape[:grid], factor.shape[grid:-1], factor.shape[-1]
    panels, rest = divmod(columns, width)
    room = w.room((*lead, panels + bool(rest), *k, width), factor.dtype)
    step = factor.strides[-1]
    for first, count, length in ((0, panels, width), (panels, min(rest, 1), rest)):
        if not count:
            continue
        shape = (*lead, count, *k, length)
        strides = (*factor.strides[:grid], width * step, *factor.strides[grid:])
        start = factor.offset + first * width * step
        source = replace(factor, offset=start, shape=shape, strides=strides)
        out = replace(room, offset=first * room.strides[grid], shape=shape)
        w.program.instructions.append(Map(out, Load(factor.dtype, source)))
    return room.pick(tuple(range(grid)))
