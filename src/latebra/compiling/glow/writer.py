"""Write a low-level program from tensors: what is computed when, in which order of memory."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.low import (
    Acc,
    Buffer,
    Const,
    Fold,
    Load,
    Map,
    Op,
    Program,
    Space,
    View,
    contiguous,
    loads,
    on_views,
    walk,
)
from latebra.compiling.glow.spaces import joined, merged
from latebra.compiling.glow.target import Target
from latebra.compiling.glow.values import (
    Axes,
    Pending,
    Value,
    broadcast,
    finer,
    picked,
    plain,
    reshaped,
    split,
)

_MOST: Final = 48
"""Operations of one instruction: past that, compiling takes longer than a store and a load."""

_SHORT: Final = 64
"""An axis of so few neighbours is worth a copy of what is repeated along it."""


class Writer:
    """A low-level program in the making.

    Args:
        target: The processor it is for.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.program = Program()
        self.borders: dict[Buffer, tuple[View, tuple[int, ...], int | float]] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], View] = {}

    def constant(self, array: NDArray[Any]) -> View:
        """Returns a view of an array that is part of the program; equal ones are kept once."""
        array = np.ascontiguousarray(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._known:
            buffer = Buffer(Space.CONSTANTS, array.nbytes)
            self.program.constants[buffer] = array
            self._known[key] = View(
                buffer, str(array.dtype), 0, array.shape, contiguous(array.shape)
            )
        return self._known[key]

    def held(self, array: NDArray[Any]) -> Value:
        """Returns a constant tensor; one that repeats a number is that number."""
        if array.size and (array.size == 1 or bool((array == array.flat[0]).all())):
            number = array.flat[0].item()
            if number == number:
                shape = tuple((length,) for length in array.shape)
                return Value(Const(str(array.dtype), number), shape)
        return plain(self.constant(array))

    def room(self, shape: tuple[int, ...], dtype: str, order: tuple[int, ...] = ()) -> View:
        """Returns a fresh tensor among the activations.

        Args:
            shape: Its shape.
            dtype: Its type.
            order: Its axes from the widest stride to the narrowest; as they come unless told.
        """
        order = order or tuple(range(len(shape)))
        buffer = Buffer(Space.ACTIVATIONS, prod(shape) * np.dtype(dtype).itemsize)
        steps = contiguous(tuple(shape[axis] for axis in order))
        strides = dict(zip(order, steps, strict=True))
        return View(buffer, dtype, 0, shape, tuple(strides[axis] for axis in range(len(shape))))

    def settled(self, value: Value, order: tuple[int, ...] | None = None) -> Value:
        """Returns the value, computed if it was not; it lies in memory, or is one number.

        Args:
            value: Any value.
            order: The order of the space's axes in memory, where it has to be computed.
        """
        if value.is_plain:
            return value
        if order is None:
            order = value.pending.order if value.pending else best_order(value)
        out = self.room(value.space, value.dtype, order)
        self.write(value, out)
        return Value(Load(value.dtype, out), value.axes)

    def write(self, value: Value, out: View) -> None:
        """Writes a value to a view over its space."""
        if value.pending is None:
            self.program.instructions.append(Map(out, value.expr))
        else:
            made = replace(value.pending.made, out=out, expr=value.expr)
            self.program.instructions.append(made)

    def view(self, value: Value) -> View:
        """Returns the value in memory, one stride an axis of the tensor."""
        value = self.settled(value)
        if isinstance(value.expr, Const):
            value = self.settled_copy(value)
        found = whole(value)
        if found is None:
            found = whole(self.settled_copy(value))
        assert found is not None, "a tensor in the order of its axes is a view"
        return found

    def settled_copy(self, value: Value) -> Value:
        """Returns the value in memory of its own, in the order of its axes."""
        out = self.room(value.space, value.dtype)
        self.write(value, out)
        return Value(Load(value.dtype, out), value.axes)

    def reshape(self, value: Value, shape: tuple[int, ...]) -> Value:
        """Returns a value in another shape; it is copied only where no view would do."""
        if isinstance(value.expr, Const):
            return Value(value.expr, tuple((length,) for length in shape))
        if value.pending:
            value = self.settled(value)
        found = reshaped(value, shape)
        if found is None:
            found = reshaped(plain(self._flat(value)), shape)
        assert found is not None, (value.axes, shape)
        return found

    def _flat(self, value: Value) -> View:
        view = whole(self.settled_copy(value))
        assert view is not None
        return joined(view, [tuple(range(len(view.shape)))]) if view.shape else view

    def combine(self, name: str, dtype: str, *values: Value) -> Value:
        """Returns an operation on tensors that are broadcast to one shape."""
        shape = np.broadcast_shapes(*(value.shape for value in values))
        size = prod(shape)
        ready: list[Value] = []
        several = sum(value.pending is not None for value in values) > 1
        owner: Pending | None = None
        for value in values:
            if (value.pending and (several and owner not in (None, value.pending))) or (value.pending and value.shape != shape) or (prod(value.shape) * 2 <= size and value.cost > 0):
                ready.append(self.settled(value))
            else:
                owner = owner or value.pending
                ready.append(value)
        axes = self._axes([value for value in ready if len(value.shape) == len(shape)], shape)
        if axes is None or any(value.pending and value.axes != axes for value in ready):
            ready = [self._simple(value) for value in ready]
            axes = tuple((length,) for length in shape)
            owner = None
        args = [value.expr if value.pending else broadcast(value, axes).expr for value in ready]
        made = Value(Op(dtype, name, tuple(args)), axes, owner)
        if sum(1 for each in walk(made.expr) if isinstance(each, Op)) > _MOST:
            return self.settled(made)
        return made

    def _axes(self, values: list[Value], shape: tuple[int, ...]) -> Axes | None:
        found: list[Axes] = [value.axes for value in values]
        axes: Axes | None = found[0] if found else tuple((length,) for length in shape)
        for each in found[1:]:
            axes = finer(axes, each) if axes is not None else None
        if axes is None:
            return None
        # Where no operand of full rank has an axis whole, it is one axis of the space.
        return tuple(
            group if prod(group) == length else (length,)
            for group, length in zip(axes, shape, strict=True)
        )

    def _simple(self, value: Value) -> Value:
        if isinstance(value.expr, Const):
            return Value(value.expr, tuple((length,) for length in value.shape))
        return plain(self.view(value))

    def fold(
        self, kind: str, value: Value, axes: tuple[int, ...], *, factor: Value | None = None
    ) -> Value:
        """Returns a value folded over some of its axes, each of which becomes one.

        Args:
            kind: As in ``low.Fold``.
            value: What is folded.
            axes: Which axes of the tensor.
            factor: For ``dot``, over the same axes.

        Raises:
            ValueError: The factor's space is another.
        """
        spread = _spread(value.axes)
        inside = {axis for i in axes for axis in spread[i]}
        return self.fold_space(kind, value, inside, factor=factor)

    def fold_space(
        self, kind: str, value: Value, inside: set[int], *, factor: Value | None = None
    ) -> Value:
        """Returns a value folded over some axes of its space.

        Raises:
            ValueError: The factor's space is another.
        """
        if value.pending:
            value = self.settled(value)
        if factor is not None and factor.axes != value.axes:
            raise ValueError(f"axes {factor.axes} and {value.axes} differ")
        outside: list[int] = []
        groups: list[tuple[int, ...]] = []
        for axes_of in _spread(value.axes):
            left = [axis for axis in axes_of if axis not in inside]
            outside += left or [-1]
            groups.append(tuple(value.space[axis] for axis in left) or (1,))
        folded = sorted(inside)
        order = (*outside, *folded)
        guide = best_order(value)
        rest = [guide.index(axis) if axis >= 0 else -1 for axis in outside]
        made = Fold(
            self.nowhere(tuple(n for group in groups for n in group), value.dtype),
            kind,
            on_views(value.expr, lambda view: picked(view, order)),
            tuple(value.space[axis] for axis in folded),
            Acc(value.dtype),
            on_views(factor.expr, lambda view: picked(view, order)) if factor else None,
        )
        lay = tuple(sorted(range(len(outside)), key=lambda i: (rest[i], i)))
        return Value(made.expr, tuple(groups), Pending(made, lay))

    def total(self, kind: str, value: Value, axes: tuple[int, ...]) -> Value:
        """Returns a fold in two steps where a short axis of neighbours is only part of it.

        First the other axes: lanes hold neighbours then. What is left is small.
        """
        value = self.settled(value) if value.pending else value
        spread = _spread(value.axes)
        inside = [axis for i in axes for axis in spread[i] if value.space[axis] != 1]
        order = [axis for axis in best_order(value) if axis in inside]
        if len(order) > 1 and nearest(value) == order[-1]:
            first = self.fold_space(kind, value, set(order[:-1]))
            value = self.settled(first)
        return self.fold(kind, value, axes)

    def spread(self, small: Value, like: Value) -> Value:
        """Returns a value of axes of one repeated along the short axis of neighbours of another.

        Without it a loop over both would end after every few neighbours.

        Args:
            small: As many axes as ``like``; each is one, or as long.
            like: Where ``small`` will be used.
        """
        axis = nearest(like)
        small = self.settled(small)
        if axis < 0 or like.space[axis] > _SHORT or not isinstance(small.expr, Load):
            return small
        wide = broadcast(small, like.axes).expr
        assert isinstance(wide, Load)
        used = [i for i, step in enumerate(wide.view.strides) if step and like.space[i] != 1]
        if axis in used or not used:
            return small
        order = [i for i in best_order(like) if i in used or i == axis]
        source = wide.view.pick(tuple(order))
        room = self.room(source.shape, small.dtype)
        self.program.instructions.append(Map(room, Load(small.dtype, source)))
        steps = dict(zip(order, room.strides, strict=True))
        strides = tuple(steps.get(i, 0) for i in range(len(like.space)))
        return Value(Load(small.dtype, replace(room, shape=like.space, strides=strides)), like.axes)

    def dropped(self, value: Value, axes: tuple[int, ...]) -> Value:
        """Returns a value without some axes of one; a fold stays open to what follows."""
        if value.pending is None or not isinstance(value.pending.made, Fold):
            keep = [length for axis, length in enumerate(value.shape) if axis not in axes]
            return self.reshape(value, tuple(keep))
        groups = tuple(group for axis, group in enumerate(value.axes) if axis not in axes)
        starts = np.cumsum([0, *(len(group) for group in value.axes)])
        gone = {int(starts[axis]) for axis in axes}
        made = value.pending.made
        rank = len(made.out.shape)
        keep_axes = tuple(i for i in range(rank) if i not in gone)
        inside = (*keep_axes, *range(rank, rank + len(made.folded)))
        fold = replace(
            made,
            out=made.out.pick(keep_axes),
            source=on_views(made.source, lambda view: view.pick(inside)),
            factor=on_views(made.factor, lambda view: view.pick(inside)) if made.factor else None,
        )
        order = tuple(keep_axes.index(axis) for axis in value.pending.order if axis in keep_axes)
        expr = on_views(value.expr, lambda view: view.pick(keep_axes))
        return Value(expr, groups, Pending(fold, order))

    def known(self, value: Value) -> NDArray[Any] | None:
        """Returns a tensor as an array, if it is a constant."""
        if isinstance(value.expr, Const):
            return np.full(value.shape, value.expr.value, value.dtype)
        view = whole(value)
        held = self.program.constants.get(view.buffer) if view else None
        if view is None or held is None:
            return None
        steps = tuple(step * held.itemsize for step in view.strides)
        return np.lib.stride_tricks.as_strided(held.reshape(-1)[view.offset :], view.shape, steps)

    def plain_view(self, value: Value) -> Value:
        """Returns the value in memory, one axis of the space an axis of the tensor."""
        return plain(self.view(value))

    def settled_in(self, value: Value, order: tuple[int, ...]) -> Value:
        """Returns a copy of a value, its axes in memory in a given order."""
        out = self.room(value.space, value.dtype, order)
        self.write(value, out)
        return Value(Load(value.dtype, out), value.axes)

    def write_as(self, value: Value, out: View) -> None:
        """Writes a value to a view with the tensor's own axes."""
        self.write(value, split(out, value.axes))

    def bordered(self, value: Value, pads: tuple[int, ...], fill: int | float) -> View | None:
        """Returns the bordered tensor around a value, if it was written into one that will do."""
        found = whole(value)
        if found is None or found.buffer not in self.borders:
            return None
        view, has, held = self.borders[found.buffer]
        rank = len(pads) // 2
        if held != fill or any(a < b for a, b in zip(has, pads, strict=True)):
            return None
        start = view.offset
        lengths = list(view.shape)
        for axis in range(rank):
            start += (has[axis] - pads[axis]) * view.strides[2 + axis]
            lengths[2 + axis] -= has[axis] - pads[axis] + has[rank + axis] - pads[rank + axis]
        return replace(view, offset=start, shape=tuple(lengths))

    def nowhere(self, shape: tuple[int, ...], dtype: str) -> View:
        """A view that stands for an output until its place is known."""
        return View(Buffer(Space.ACTIVATIONS, 0), dtype, 0, shape, contiguous(shape))


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


def _spread(axes: Axes) -> list[range]:
    """For each axis of the tensor, which axes of the space it is made of."""
    starts = np.cumsum([0, *(len(group) for group in axes)]).tolist()
    return [range(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)]


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
