"""Tensors that are not computed yet: an expression over a space whose axes may be split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from latebra.compiling.glow.low import (
    Const,
    Contract,
    Expr,
    Fold,
    Load,
    Op,
    View,
    on_views,
    sure,
    walk,
)

Axes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Pending:
    """An instruction that will be written once what follows it is known.

    Args:
        made: The instruction; its output and its expression are still open.
        order: The axes of its space, from the widest stride of its output to the narrowest.
    """

    made: Fold | Contract
    order: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor, computed or to be computed.

    Args:
        expr: What each element is, over the axes of the space.
        axes: For each axis of the tensor, the lengths of the axes of the space that make it up.
        pending: Where ``expr`` speaks of an accumulator: whose.
    """

    expr: Expr
    axes: Axes
    pending: Pending | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """One length for each axis of the tensor."""
        return tuple(prod(group) for group in self.axes)

    @property
    def space(self) -> tuple[int, ...]:
        """One length for each axis of the space."""
        return tuple(length for group in self.axes for length in group)

    @property
    def dtype(self) -> str:
        """Element type, as numpy spells it."""
        return self.expr.dtype

    @property
    def is_plain(self) -> bool:
        """Does it lie in memory as it is, or is it one number?"""
        if isinstance(self.expr, Const):
            return True
        return isinstance(self.expr, Load) and not self.expr.tables

    @property
    def cost(self) -> int:
        """How many operations an element takes; elementary functions count ten."""
        cheap = {"add", "sub", "mul", "neg", "cast", "min", "max", "where", "and", "or", "xor"}
        return sum(
            (1 if each.name in cheap else 10) for each in walk(self.expr) if isinstance(each, Op)
        )


NOTHING: Final = Value(Const("float32", 0.0), ((0,),))
"""Stands for an input that was left out."""


def plain(view: View) -> Value:
    """Returns the tensor that a view is."""
    return Value(Load(view.dtype, view), tuple((length,) for length in view.shape))


def changed(value: Value, change: Callable[[View], View], axes: Axes) -> Value:
    """Returns a value with each view that it reads changed; it has nothing pending."""
    if value.pending is not None:
        raise RuntimeError("a pending value has no views of its own")
    return Value(on_views(value.expr, change), axes)


def common(first: Sequence[int], second: Sequence[int]) -> list[int] | None:
    """Returns the coarsest lengths that split both lists of lengths, or None where there are none.

    Example:
        >>> common([4, 6], [8, 3])
        [4, 2, 3]
        >>> common([6, 4], [4, 6]) is None
        True
    """
    left, right = [n for n in first if n != 1], [n for n in second if n != 1]
    found: list[int] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        small = min(a, b)
        if max(a, b) % small:
            return None
        found.append(small)
        left[i] //= small
        right[j] //= small
        i += left[i] == 1
        j += right[j] == 1
    return found


def split(view: View, pieces: Sequence[Sequence[int]]) -> View:
    """Returns a view with each axis split in pieces; an axis of one may become any."""
    shape: list[int] = []
    strides: list[int] = []
    for length, stride, parts in zip(view.shape, view.strides, pieces, strict=True):
        for i, part in enumerate(parts):
            shape.append(part)
            strides.append(stride * prod(parts[i + 1 :]) if length != 1 else 0)
    return replace(view, shape=tuple(shape), strides=tuple(strides))


def cut(lengths: Sequence[int], pieces: Sequence[int]) -> list[list[int]] | None:
    """Returns which of ``pieces`` make up each length, or None where they do not."""
    found: list[list[int]] = []
    at = 0
    for length in lengths:
        group: list[int] = []
        while prod(group) < length:
            if at == len(pieces):
                return None
            group.append(pieces[at])
            at += 1
        if prod(group) != length:
            return None
        found.append(group or [1])
    return found if at == len(pieces) else None


def refined(value: Value, axes: Axes) -> Value:
    """Returns a value over a space that is split further; nothing may be pending."""
    pieces: list[list[int]] = []
    for mine, wanted in zip(value.axes, axes, strict=True):
        pieces += sure(cut(mine, [n for n in wanted if n != 1]))
    finer = tuple(tuple(n for n in group if n != 1) or (1,) for group in axes)

    def change(view: View) -> View:
        return split(view, pieces)

    at = 0
    made: list[tuple[int, ...]] = []
    for group in value.axes:
        parts = pieces[at : at + len(group)]
        made.append(tuple(n for part in parts for n in part))
        at += len(group)
    return _without_ones(changed(value, change, tuple(made)), finer)


def _without_ones(value: Value, axes: Axes) -> Value:
    """Drops the axes of one that splitting left, except where a group would be empty."""
    keep: list[int] = []
    at = 0
    for group, wanted in zip(value.axes, axes, strict=True):
        here = [at + i for i, n in enumerate(group) if n != 1]
        keep += here if here else [at]
        if len(here or [at]) != len(wanted):
            raise RuntimeError(f"{value.axes} do not become {axes}")
        at += len(group)
    return changed(value, lambda view: view.pick(tuple(keep)), axes)


def reshaped(value: Value, shape: tuple[int, ...]) -> Value | None:
    """Returns a value in another shape, without moving anything; None where that cannot be."""
    pieces = common(value.space, shape)
    if pieces is None:
        return None
    mine = cut(value.space, pieces)
    groups = cut(shape, pieces)
    if mine is None or groups is None:
        return None
    flat = changed(value, lambda view: split(view, mine), ())
    # Where an axis is one, splitting left a one; the new axes of one are put in their place.
    lengths = [n for parts in mine for n in parts]
    real = [i for i, n in enumerate(lengths) if n != 1]
    keep = iter(real)
    order: list[int] = []
    for group in groups:
        order += [-1 if n == 1 else next(keep) for n in group]

    axes = tuple(tuple(group) for group in groups)
    return changed(flat, lambda view: picked(view, order), axes)


def picked(view: View, axes: Sequence[int]) -> View:
    """Returns a view with some of its axes in some order; -1 is a new axis of one."""
    shape = tuple(1 if axis < 0 else view.shape[axis] for axis in axes)
    strides = tuple(0 if axis < 0 else view.strides[axis] for axis in axes)
    return replace(view, shape=shape, strides=strides)


def reordered(value: Value, order: Sequence[int]) -> Value:
    """Returns a value with the axes of the tensor in another order."""
    starts: list[int] = []
    at = 0
    for group in value.axes:
        starts.append(at)
        at += len(group)
    picks = tuple(starts[axis] + i for axis in order for i in range(len(value.axes[axis])))
    return changed(value, lambda view: view.pick(picks), tuple(value.axes[a] for a in order))


def broadcast(value: Value, axes: Axes) -> Value:
    """Returns a value repeated along axes of one, over a given space with more axes in front."""
    missing = len(axes) - len(value.axes)
    own: Axes = (*(((1,),) * missing), *value.axes)
    value = changed(value, lambda view: _fronted(view, missing), own)
    pieces: list[tuple[int, ...]] = []
    for mine, wanted in zip(own, axes, strict=True):
        if prod(mine) == 1 and prod(wanted) != 1:
            pieces.append((1,))
        else:
            pieces.append(tuple(wanted))
    value = refined(value, tuple(pieces))
    order: list[int] = []
    lengths: list[int] = []
    at = 0
    for mine, wanted in zip(value.axes, axes, strict=True):
        if prod(mine) == 1:
            order += [-1] * len(wanted)
        else:
            order += list(range(at, at + len(mine)))
        lengths += list(wanted)
        at += len(mine)

    def change(view: View) -> View:
        strides = tuple(0 if i < 0 else view.strides[i] for i in order)
        return replace(view, shape=tuple(lengths), strides=strides)

    return changed(value, change, axes)


def _fronted(view: View, count: int) -> View:
    return replace(view, shape=(*(1,) * count, *view.shape), strides=(*(0,) * count, *view.strides))


def finer(first: Axes, second: Axes) -> Axes | None:
    """Returns the axes that split both, tensors of one shape; ones give way. None if none do."""
    found: list[tuple[int, ...]] = []
    for a, b in zip(first, second, strict=True):
        if prod(a) == 1 or prod(b) == 1:
            longer = a if prod(b) == 1 else b
            found.append(tuple(n for n in longer if n != 1) or (1,))
            continue
        pieces = common(a, b)
        if pieces is None:
            return None
        found.append(tuple(pieces))
    return tuple(found)
