"""The order in which an instruction walks its indices: few loops, the last one contiguous."""

from __future__ import annotations

from dataclasses import replace

from latebra.compiling.glow.low import Expr, View, loads, on_views


def ordered(view: View) -> tuple[int, ...]:
    """Returns the axes of a view from the widest stride to the narrowest, without those of one."""
    axes = [axis for axis, length in enumerate(view.shape) if length != 1]
    return tuple(sorted(axes, key=lambda axis: (-view.strides[axis], axis)))


def merged(views: list[View], keep: frozenset[int] = frozenset()) -> list[tuple[int, ...]]:
    """Returns which neighbouring axes can be walked as one, for all views of one shape at once.

    Args:
        views: They have the same shape.
        keep: Axes that stay alone.
    """
    groups: list[tuple[int, ...]] = []
    for axis in range(len(views[0].shape)):
        if groups and not {axis, groups[-1][-1]} & keep:
            before = groups[-1][-1]
            if all(v.strides[before] == v.strides[axis] * v.shape[axis] for v in views):
                groups[-1] += (axis,)
                continue
        groups.append((axis,))
    return groups


def joined(view: View, groups: list[tuple[int, ...]]) -> View:
    """Returns the view with each group of axes made one."""
    shape: list[int] = []
    for group in groups:
        length = 1
        for axis in group:
            length *= view.shape[axis]
        shape.append(length)
    strides = tuple(view.strides[group[-1]] for group in groups)
    return replace(view, shape=tuple(shape), strides=strides)


def simplified(out: View, expr: Expr) -> tuple[View, Expr]:
    """Returns a map's views with the axes in the order of ``out``, and merged where possible."""
    order = ordered(out)
    out, expr = out.pick(order), on_views(expr, lambda view: view.pick(order))
    groups = merged([out, *all_views(expr)]) if order else []
    return joined(out, groups), on_views(expr, lambda view: joined(view, groups))


def all_views(expr: Expr | None) -> list[View]:
    """Returns each view that an expression reads, tables included."""
    found: list[View] = []
    for load in loads(expr):
        found += [load.view, *(table for table, _ in load.tables)]
    return found
