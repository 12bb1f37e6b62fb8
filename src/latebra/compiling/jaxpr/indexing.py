"""Primitives of JAX that read and write where indices say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import gather_nd, least, scatter_nd
from latebra.compiling.jaxpr.call import Call, Rule

_REDUCTIONS: Final = {
    "scatter": "none",
    "scatter-add": "add",
    "scatter-max": "max",
    "scatter-min": "min",
    "scatter-mul": "mul",
    "scatter_add": "add",
    "scatter_max": "max",
    "scatter_min": "min",
    "scatter_mul": "mul",
}


def rules() -> Mapping[str, Rule]:
    """Returns the rule of each primitive of this kind."""
    return {
        **dict.fromkeys(_REDUCTIONS, _scatter),
        "dynamic_slice": _dynamic_slice,
        "dynamic_update_slice": _dynamic_update,
        "gather": _gather,
    }


def _starts(call: Call, given: Sequence[Value], sizes: Sequence[int]) -> list[Value]:
    """Returns where slices begin, moved so that they end within the value."""
    return [
        start.cast("int64").reshape(1).op("max", 0).op("min", length - size)
        for start, length, size in zip(given, call[0].shape, sizes, strict=True)
    ]


def _dynamic_slice(call: Call) -> Value:
    x, sizes = call[0], call.numbers("slice_sizes")
    for axis, (start, size) in enumerate(
        zip(_starts(call, call.inputs[1:], sizes), sizes, strict=True)
    ):
        if size != x.shape[axis]:
            x = x.op("gather", start + call.whole(np.arange(size)), axis=axis)
    return x


def _dynamic_update(call: Call) -> Value:
    x, update = call[0], call[1]
    inside: Value | None = None
    starts = _starts(call, call.inputs[2:], update.shape)
    for axis, (start, size) in enumerate(zip(starts, update.shape, strict=True)):
        length = x.shape[axis]
        if size == length:
            continue
        off = call.whole(np.arange(length)) - start
        update = update.op("gather", off.op("max", 0).op("min", size - 1), axis=axis)
        here = (~off.op("less", 0)).op("and", off.op("less", size))
        here = here.reshape(length, *[1] * (x.rank - axis - 1))
        inside = here if inside is None else inside.op("and", here)
    return update if inside is None else inside.op("select", update, x)


def _mode(call: Call) -> str:
    """Returns what happens beyond the ends: ``clip``, ``fill_or_drop`` or ``promise``."""
    return str(call.told.get("mode", "")).rpartition(".")[2].lower()


def _within(call: Call, at: Value, lengths: Sequence[int]) -> Value:
    """Returns which rows of indices lie within, ``(..., 1)``."""
    low = ~at.op("less", 0)
    high = at.op("less", call.whole(lengths))
    return least(low.op("and", high), [at.rank - 1])


def _gather(call: Call) -> Value:
    """Whole slices of the axes that no index names, of which one element each is read."""
    x, told = call[0], call.told["dimension_numbers"]
    sizes = call.numbers("slice_sizes")
    named = _numbers(told.start_index_map)
    batch, batch_at = (
        _numbers(told.operand_batching_dims),
        _numbers(told.start_indices_batching_dims),
    )
    single = {*_numbers(told.collapsed_slice_dims), *batch}
    rest = [i for i in range(x.rank) if i not in (*named, *batch)]
    if set(named) - single or any(sizes[i] != x.shape[i] for i in rest):
        raise call.unsupported("it reads parts of axes, not single elements")
    at = call[1].cast("int64")
    lead = [i for i in range(at.rank - 1) if i not in batch_at]
    at = at.transpose(*batch_at, *lead, at.rank - 1)
    lengths = [x.shape[i] for i in named]
    safe = at.op("max", 0).op("min", call.whole([n - 1 for n in lengths]))
    rows = x.transpose(*batch, *named, *rest)
    found = gather_nd(rows, safe, len(batch))
    if "fill" in _mode(call) and not _all_within(at, lengths):
        real = _within(call, at, lengths).reshape(*at.shape[:-1], *[1] * len(rest))
        found = real.op("select", found, _filling(call, found))
    # The index axes keep their own order, and the slices go where they are said to.
    offsets = _numbers(told.offset_dims)
    places = [i for i in range(found.rank) if i not in offsets]
    order = [0] * found.rank
    for source, axis in enumerate([*batch_at, *lead]):
        order[places[axis]] = source
    for number, axis in enumerate(offsets):
        order[axis] = len(places) + number
    return found.transpose(*order)


def _scatter(call: Call) -> Value:
    """The mirror image of ``_gather``; what lies beyond the ends goes to a row that is dropped."""
    x, told = call[0], call.told["dimension_numbers"]
    named, inserted = (
        _numbers(told.scatter_dims_to_operand_dims),
        _numbers(told.inserted_window_dims),
    )
    if set(named) != set(inserted) or _numbers(told.operand_batching_dims):
        raise call.unsupported("it writes parts of axes, or in batches")
    rest = [i for i in range(x.rank) if i not in named]
    at, updates = call[1].cast("int64"), call[2].cast(x.dtype)
    windows = _numbers(told.update_window_dims)
    lead = [i for i in range(updates.rank) if i not in windows]
    updates = updates.transpose(*lead, *windows)
    order = [*named, *rest]
    rows = x.transpose(*order)
    if updates.shape[len(lead) :] != rows.shape[len(named) :]:
        raise call.unsupported("it writes parts of axes")
    lengths = [x.shape[i] for i in named]
    limit = call.whole([n - 1 for n in lengths])
    safe = at.op("max", 0).op("min", limit)
    loose = "clip" not in _mode(call) and not _all_within(at, lengths)
    if loose:
        last = call.whole([lengths[0], *[0] * (len(lengths) - 1)])
        safe = _within(call, at, lengths).op("select", safe, last)
        high = (1, *[0] * (rows.rank - 1))
        rows = rows.op("pad", low=(0,) * rows.rank, high=high, mode="constant", value=0)
    found = scatter_nd(rows, safe, updates, _REDUCTIONS[call.primitive])
    found = found.part(0, 0, lengths[0]) if loose else found
    return found.transpose(*np.argsort(order).tolist())


def _all_within(at: Value, lengths: Sequence[int]) -> bool:
    """Are the indices constants, and all within?"""
    held = at.array
    return held is not None and bool(((held >= 0) & (held < np.asarray(lengths))).all())


def _filling(call: Call, found: Value) -> Value:
    """Returns what JAX gives beyond the ends: NaN, or the end of a whole type."""
    told = call.told.get("fill_value")
    kind = np.dtype(found.dtype)
    if told is not None:
        return found.like(np.asarray(told))
    if kind.kind == "f":
        return found.like(np.nan)
    if kind.kind == "b":
        return found.like(1)
    info = np.iinfo(kind)
    return found.like(np.asarray(info.min if kind.kind == "i" else info.max))


def _numbers(told: Any) -> tuple[int, ...]:
    return tuple(int(each) for each in told)
