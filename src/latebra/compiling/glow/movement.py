"""Operators that move elements: most make a view and no instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.borders import bordered
from latebra.compiling.glow.low import Const, Load, View
from latebra.compiling.glow.orders import memory_order
from latebra.compiling.glow.pointwise import Point
from latebra.compiling.glow.values import Value, broadcast, changed, plain, reordered
from latebra.compiling.glow.writer import Writer

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


def known(w: Writer, value: Value, what: str) -> list[int]:
    """Returns a constant list of whole numbers.

    Raises:
        NotImplementedError: It is computed by the network.
    """
    found = w.known(value)
    if found is None:
        raise NotImplementedError(f"{what} that the network computes")
    return [int(each) for each in found.reshape(-1)]


def reshape(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Reshape: 0 keeps a length, -1 is what is left."""
    x = inputs[0]
    wanted = known(w, inputs[1], "a shape") if len(inputs) > 1 else list(told["shape"])
    if not told.get("allowzero"):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if -1 in wanted:
        rest = prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = prod(x.shape) // rest if rest else 0
    return w.reshape(x, tuple(wanted))


def transpose(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Transpose."""
    x = inputs[0]
    order = told.get("perm") or range(len(x.shape))[::-1]
    return reordered(w.settled(x) if x.pending else x, tuple(order))


def expand(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Expand: broadcasting both ways."""
    x = inputs[0]
    wanted = known(w, inputs[1], "a shape") if len(inputs) > 1 else told["shape"]
    shape = np.broadcast_shapes(x.shape, tuple(wanted))
    return broadcast(w.plain_view(x), tuple((n,) for n in shape))


def sliced(w: Writer, x: Value, axis: int, start: int, length: int, step: int = 1) -> Value:
    """Returns every ``step``-th element from ``start`` on along one axis, ``length`` of them."""
    if len(x.axes[axis]) > 1 or x.pending:
        x = w.plain_view(x)
    at = sum(len(group) for group in x.axes[:axis])

    def change(view: View) -> View:
        strides, shape = list(view.strides), list(view.shape)
        offset = view.offset + start * strides[at]
        strides[at] *= step
        shape[at] = length
        return replace(view, offset=offset, shape=tuple(shape), strides=tuple(strides))

    axes = tuple((length,) if i == axis else group for i, group in enumerate(x.axes))
    return changed(x, change, axes)


def slices(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Slice, from inputs or attributes."""
    x = inputs[0]
    lists: list[list[int]] = []
    for at, key in ((1, "starts"), (2, "ends"), (3, "axes"), (4, "steps")):
        if len(inputs) > at:
            lists.append(known(w, inputs[at], key))
        else:
            lists.append(list(told.get(key, [])))
    starts, ends, axes, steps = lists
    axes = axes or list(range(len(starts)))
    steps = steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis %= len(x.shape)
        picked = range(*slice(start, end if end > -(2**31) else None, step).indices(x.shape[axis]))
        x = sliced(w, x, axis, picked.start if picked else 0, len(picked), step)
    return x


def concat(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Concat: each part is computed into its place."""
    axis = int(told["axis"]) % len(inputs[0].shape)
    first = max(inputs, key=lambda value: prod(value.shape))
    shape = list(first.shape)
    shape[axis] = sum(value.shape[axis] for value in inputs)
    room = w.room(tuple(shape), first.dtype, memory_order(first))
    at = 0
    for value in inputs:
        offset = at * room.strides[axis]
        if prod(value.shape):
            w.write_as(value, replace(room, offset=offset, shape=value.shape))
        at += value.shape[axis]
    return plain(room)


def gather(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Gather: whole slices by index."""
    axis = int(told.get("axis", 0)) % len(inputs[0].shape)
    fixed = w.known(inputs[1])
    if fixed is not None and fixed.size == 1:
        place = int(fixed.flat[0]) % inputs[0].shape[axis]
        found = sliced(w, inputs[0], axis, place, 1)
        shape = inputs[0].shape
        return w.reshape(found, (*shape[:axis], *fixed.shape, *shape[axis + 1 :]))
    data = w.view(inputs[0])
    index = w.view(within(w, inputs[1], data.shape[axis]))
    rank = len(index.shape)
    shape = (*data.shape[:axis], *index.shape, *data.shape[axis + 1 :])
    own = (*data.strides[:axis], *(0,) * rank, *data.strides[axis + 1 :])
    other = ((0,) * axis, (0,) * (len(data.shape) - axis - 1))
    table = replace(index, shape=shape, strides=(*other[0], *index.strides, *other[1]))
    load = Load(data.dtype, replace(data, shape=shape, strides=own), ((table, data.strides[axis]),))
    return Value(load, tuple((n,) for n in shape))


def within(w: Writer, index: Value, length: int) -> Value:
    """Returns indices as places from 0 to ``length - 1``, in memory: none reads beyond."""
    fixed = w.known(index)
    if fixed is not None:
        wrapped = np.where(fixed < 0, fixed + length, fixed).astype(np.int64)
        return plain(w.constant(np.clip(wrapped, 0, length - 1)))
    x = Point(w, index).do("cast", dtype="int64")
    x = (x < 0).where(x + length, x)
    return w.settled(x.do("max", 0).do("min", length - 1).value)


def looked_up(w: Writer, x: Value, axis: int, places: Sequence[int]) -> Value:
    """Returns a tensor whose entries along one axis are those at fixed places of another's."""
    index = w.held(np.asarray(places, np.int64))
    if isinstance(index.expr, Const):
        index = plain(w.constant(np.asarray(places, np.int64)))
    return gather(w, [x, index], {"axis": axis})


def pad(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Pad: a border of one number, or of what is near it."""
    x = inputs[0]
    rank = len(x.shape)
    amounts = known(w, inputs[1], "pads") if len(inputs) > 1 else list(told["pads"])
    axes = list(range(rank))
    if len(inputs) > 3:
        axes = [axis % rank for axis in known(w, inputs[3], "axes")]
    elif told.get("axes"):
        axes = [axis % rank for axis in told["axes"]]
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        low[axis], high[axis] = amounts[i], amounts[len(axes) + i]
    mode = str(told.get("mode", "constant"))
    for axis in range(rank):  # Below zero, a border takes away.
        cut_low, cut_high = max(0, -low[axis]), max(0, -high[axis])
        if cut_low or cut_high:
            x = sliced(w, x, axis, cut_low, x.shape[axis] - cut_low - cut_high)
            low[axis], high[axis] = max(0, low[axis]), max(0, high[axis])
    if not any([*low, *high]):
        return x
    if mode == "constant":
        fill = 0.0
        if len(inputs) > 2 and prod(inputs[2].shape) == 1:
            fixed = w.known(inputs[2])
            if fixed is None:
                raise NotImplementedError("a border's value that the network computes")
            fill = fixed.flat[0].item()
        elif told.get("value"):
            fill = float(told["value"])
        return plain(bordered(w, x, low, high, fill, memory_order(x)))
    for axis in range(rank):
        if low[axis] or high[axis]:
            places = np.arange(x.shape[axis])
            kind: Any = mode
            x = looked_up(w, x, axis, np.pad(places, (low[axis], high[axis]), kind).tolist())
    return x


RULES: Final[dict[str, Rule]] = {
    "Reshape": reshape,
    "Transpose": transpose,
    "Expand": expand,
    "Slice": slices,
    "Concat": concat,
    "Gather": gather,
    "Pad": pad,
}
