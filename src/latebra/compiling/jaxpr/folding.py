"""Primitives of JAX that fold axes, sort, multiply matrices and slide windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import backwards, gather_elements, least, mirrored
from latebra.compiling.jaxpr.arranging import padded, spread
from latebra.compiling.jaxpr.call import Call, Rule

Fold = Callable[[Value, Sequence[int], bool], Value]
_FOLDS: Final = {
    "reduce_max": "reduce_max",
    "reduce_or": "reduce_max",
    "reduce_prod": "prod",
    "reduce_sum": "sum",
}


def rules() -> Mapping[str, Rule]:
    """Returns the rule of each primitive of this kind."""
    folds: dict[str, Rule] = {name: _fold(_plain(op)) for name, op in _FOLDS.items()}
    folds |= dict.fromkeys(("reduce_and", "reduce_min"), _fold(least))
    return {
        **folds,
        "argmax": lambda call: _largest_place(call, call[0]),
        "argmin": lambda call: _largest_place(call, mirrored(call[0])),
        "conv_general_dilated": _convolve,
        "cumsum": _cumsum,
        "dot_general": _dot,
        "reduce_window_max": lambda call: _window(call, "max_pool"),
        "reduce_window_min": lambda call: _window(call, "min_pool"),
        "reduce_window_sum": lambda call: _window(call, "sum_pool"),
        "sort": _sort,
        "top_k": _top,
    }


def _plain(op: str) -> Fold:
    return lambda x, axes, keep: x.fold(op, axes, keep=keep)


def _fold(fold: Fold) -> Rule:
    def rule(call: Call) -> Value:
        x = call[0]
        if call.primitive in ("reduce_and", "reduce_or") and x.dtype != "bool":
            raise call.unsupported(f"it folds the bits of {x.dtype}")
        return fold(x, call.numbers("axes"), False)

    return rule


def _largest_place(call: Call, x: Value) -> Value:
    (axis,) = call.numbers("axes")
    return x.op("arg_max", axis=axis, keep=0).cast(call.dtype)


def _cumsum(call: Call) -> Value:
    x, axis = call[0], int(call.told["axis"])
    back = bool(call.told["reverse"])
    x = backwards(x, axis) if back else x
    found = x.op("cumsum", axis=axis, exclusive=0)
    return backwards(found, axis) if back else found


def _sort(call: Call) -> tuple[Value, ...]:
    axis = int(call.told["dimension"])
    if int(call.told["num_keys"]) != 1:
        raise call.unsupported("it sorts by several keys")
    order = call[0].op("arg_sort", axis=axis, descending=0)
    return tuple(gather_elements(each, order, axis) for each in call.inputs)


def _top(call: Call) -> tuple[Value, ...]:
    x, k = call[0], int(call.told["k"])
    axis = int(call.told.get("axis", -1)) % x.rank
    order = x.op("arg_sort", axis=axis, descending=1).part(axis, 0, k)
    return gather_elements(x, order, axis), order.cast(call.results[1][1])


def _dot(call: Call) -> Value:
    (inner_a, inner_b), (batch_a, batch_b) = (
        (_whole(a), _whole(b)) for a, b in call.told["dimension_numbers"]
    )
    kind = call.dtype
    a, b = call[0].cast(kind), call[1].cast(kind)
    free_a = [i for i in range(a.rank) if i not in (*inner_a, *batch_a)]
    free_b = [i for i in range(b.rank) if i not in (*inner_b, *batch_b)]
    batch = [a.shape[i] for i in batch_a]
    rows = prod(a.shape[i] for i in free_a)
    inner = prod(a.shape[i] for i in inner_a)
    columns = prod(b.shape[i] for i in free_b)
    left = a.transpose(*batch_a, *free_a, *inner_a).reshape(*batch, rows, inner)
    right = b.transpose(*batch_b, *inner_b, *free_b).reshape(*batch, inner, columns)
    return (left @ right).reshape(*call.shape)


def _convolve(call: Call) -> Value:
    told = call.told
    if int(told["batch_group_count"]) != 1:
        raise call.unsupported("it groups the batch")
    lay_x, lay_w, lay_y = (tuple(map(int, each)) for each in told["dimension_numbers"])
    x = call[0].cast(call.dtype).transpose(*lay_x)
    w = call[1].cast(call.dtype).transpose(*lay_w)
    for axis, step in enumerate(told["lhs_dilation"], 2):
        x = spread(x, axis, int(step))
    pads = [(int(a), int(b)) for a, b in told["padding"]]
    if min((0, *(n for pair in pads for n in pair))) < 0:
        x, pads = padded(x, [(0, 0), (0, 0), *pads]), [(0, 0)] * len(pads)
    found = x.op(
        "conv",
        w,
        strides=call.numbers("window_strides"),
        pads=(*(a for a, _ in pads), *(b for _, b in pads)),
        dilations=call.numbers("rhs_dilation"),
        groups=int(told["feature_group_count"]),
    )
    return found.transpose(*np.argsort(lay_y).tolist())


def _window(call: Call, op: str) -> Value:
    """Folds windows: axes that they do not span become one batch axis."""
    x = call[0]
    told = {name: call.numbers(f"window_{name}") for name in ("dimensions", "strides", "dilation")}
    if set(call.numbers("base_dilation")) - {1}:
        raise call.unsupported("it spreads what it slides over")
    pads = [(int(a), int(b)) for a, b in call.told["padding"]]
    sliding = [
        i
        for i in range(x.rank)
        if told["dimensions"][i] != 1 or told["strides"][i] != 1 or any(pads[i])
    ]
    if not sliding:
        return x
    rest = [i for i in range(x.rank) if i not in sliding]
    moved = x.transpose(*rest, *sliding)
    lead = prod(x.shape[i] for i in rest)
    flat = moved.reshape(lead, 1, *(x.shape[i] for i in sliding))
    flat = mirrored(flat) if op == "min_pool" else flat
    found = flat.op(
        "max_pool" if op == "min_pool" else op,
        kernel=_of(told["dimensions"], sliding),
        strides=_of(told["strides"], sliding),
        dilations=_of(told["dilation"], sliding),
        pads=(*(pads[i][0] for i in sliding), *(pads[i][1] for i in sliding)),
    )
    found = mirrored(found) if op == "min_pool" else found
    order = [*rest, *sliding]
    wide = found.reshape(*(call.shape[i] for i in order))
    return wide.transpose(*np.argsort(order).tolist())


def _of(values: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(values[i] for i in axes)


def _whole(axes: Any) -> list[int]:
    return [int(axis) for axis in axes]
