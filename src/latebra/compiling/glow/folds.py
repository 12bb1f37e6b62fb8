"""Fold values over axes: which axes vanish, and in how many steps."""

from __future__ import annotations

from latebra.compiling.glow.low import Acc, Fold, on_views
from latebra.compiling.glow.orders import best_order, nearest, spread
from latebra.compiling.glow.values import Pending, Value, picked
from latebra.compiling.glow.writer import Writer


def fold(
    w: Writer, kind: str, value: Value, axes: tuple[int, ...], *, factor: Value | None = None
) -> Value:
    """Returns a value folded over some of its axes, each of which becomes one.

    Args:
        w: Where to write.
        kind: As in ``low.Fold``.
        value: What is folded.
        axes: Which axes of the tensor.
        factor: For ``dot``, over the same axes.

    Raises:
        ValueError: The factor's space is another.
    """
    parts = spread(value.axes)
    inside = {axis for i in axes for axis in parts[i]}
    return fold_space(w, kind, value, inside, factor=factor)


def fold_space(
    w: Writer, kind: str, value: Value, inside: set[int], *, factor: Value | None = None
) -> Value:
    """Returns a value folded over some axes of its space.

    Raises:
        ValueError: The factor's space is another.
    """
    if value.pending:
        value = w.settled(value)
    if factor is not None and factor.axes != value.axes:
        raise ValueError(f"axes {factor.axes} and {value.axes} differ")
    outside: list[int] = []
    groups: list[tuple[int, ...]] = []
    for axes_of in spread(value.axes):
        left = [axis for axis in axes_of if axis not in inside]
        outside += left or [-1]
        groups.append(tuple(value.space[axis] for axis in left) or (1,))
    folded = sorted(inside)
    order = (*outside, *folded)
    guide = best_order(value)
    rest = [guide.index(axis) if axis >= 0 else -1 for axis in outside]
    made = Fold(
        w.nowhere(tuple(n for group in groups for n in group), value.dtype),
        kind,
        on_views(value.expr, lambda view: picked(view, order)),
        tuple(value.space[axis] for axis in folded),
        Acc(value.dtype),
        on_views(factor.expr, lambda view: picked(view, order)) if factor else None,
    )
    lay = tuple(sorted(range(len(outside)), key=lambda i: (rest[i], i)))
    return Value(made.expr, tuple(groups), Pending(made, lay))


def total(w: Writer, kind: str, value: Value, axes: tuple[int, ...]) -> Value:
    """Returns a fold in two steps where a short axis of neighbours is only part of it.

    First the other axes: lanes hold neighbours then. What is left is small.
    """
    value = w.settled(value) if value.pending else value
    parts = spread(value.axes)
    inside = [axis for i in axes for axis in parts[i] if value.space[axis] != 1]
    order = [axis for axis in best_order(value) if axis in inside]
    if len(order) > 1 and nearest(value) == order[-1]:
        first = fold_space(w, kind, value, set(order[:-1]))
        value = w.settled(first)
    return fold(w, kind, value, axes)
