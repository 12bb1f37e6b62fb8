"""In which order the axes of a value lie, or should lie, in memory."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np

from latebra.compiling.glow.low import Load, View, loads
from latebra.compiling.glow.spaces import joined, merged
from latebra.compiling.glow.values import Axes, Value


def best_order(value: Value) -> tuple[int, ...]:
    """Returns the order in memory that suits what a value reads most of.

    That is the order of its largest operand, the first of equals. It depends on strides and not on
    how long the axes are, so that a larger batch lies as a smaller one does.
    """
    rank = len(value.space)
    found = [load for load in loads(value.expr) if not load.tables]
    if len(found) < len(loads(value.expr)) or not found:
        return tuple(range(rank))

    def reach(load: Load) -> int:
        return prod(
            length for length, step in zip(load.view.shape, load.view.strides, strict=True) if step
        )

    guide = max(found, key=reach).view
    steps = [abs(step) for step in guide.strides]
    for axis in reversed(range(rank)):  # A repeated axis stays where it was among its neighbours.
        if not steps[axis]:
            steps[axis] = steps[axis + 1] if axis + 1 < rank else 0
    return tuple(sorted(range(rank), key=lambda axis: (-steps[axis], axis)))


def nearest(value: Value) -> int:
    """Returns the axis of the space along which what a value reads are neighbours, or -1."""
    order = best_order(value)
    views = [load.view for load in loads(value.expr)]
    last = [axis for axis in order if value.space[axis] != 1][-1:]
    return last[0] if last and any(view.strides[last[0]] == 1 for view in views) else -1


def spread(axes: Axes) -> list[range]:
    """For each axis of the tensor, which axes of the space it is made of."""
    starts = np.cumsum([0, *(len(group) for group in axes)]).tolist()
    return [range(a, b) for a, b in pairwise(starts)]


def memory_order(value: Value) -> tuple[int, ...]:
    """Returns the axes of the tensor in the order in which it lies, or would lie, in memory."""
    order = value.pending.order if value.pending else best_order(value)
    owner = [axis for axis, group in enumerate(value.axes) for _ in group]
    return tuple(dict.fromkeys(owner[axis] for axis in order))


def whole(value: Value) -> View | None:
    """Returns a plain value as a view with one stride an axis of the tensor, if there is one."""
    if not isinstance(value.expr, Load) or value.expr.tables:
        return None
    view = value.expr.view
    groups: list[tuple[int, ...]] = []
    at = 0
    for group in value.axes:
        axes = tuple(range(at, at + len(group)))
        at += len(group)
        real = tuple(axis for axis in axes if view.shape[axis] != 1) or axes[:1]
        if len(real) > 1 and len(merged([view.pick(real)])) > 1:
            return None
        groups.append(real)
    return joined(view, groups)
