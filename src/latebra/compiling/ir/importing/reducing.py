"""ONNX operators that fold axes, or look along one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import (
    backwards,
    gather_elements,
    is_infinite,
    least,
    least_place,
    mean,
)
from latebra.compiling.ir.graph import FLOATS
from latebra.compiling.ir.importing.call import Call, Rule

Fold = Callable[[Value, Sequence[int], bool], Value]


def _reduce(fold: Fold) -> Rule:
    def rule(call: Call) -> Value:
        x, axes = call[0], call.numbers(1, "axes")
        if not axes:
            if call.get("noop_with_empty_axes", 0):
                return fold(x, (), True)
            axes = list(range(x.rank))
        return fold(x, axes, bool(call.get("keepdims", 1)))

    return rule


def _plain(op: str) -> Fold:
    return lambda x, axes, keep: x.fold(op, axes, keep=keep)


def _l1(x: Value, axes: Sequence[int], keep: bool) -> Value:
    return x.op("abs").fold("sum", axes, keep=keep)


def _squares(x: Value, axes: Sequence[int], keep: bool) -> Value:
    return (x * x).fold("sum", axes, keep=keep)


def _through_floats(x: Value, name: str) -> Value:
    return x.op(name) if x.dtype in FLOATS else x.cast("float64").op(name).cast(x.dtype)


def _l2(x: Value, axes: Sequence[int], keep: bool) -> Value:
    return _through_floats(_squares(x, axes, keep), "sqrt")


def _log_sum(x: Value, axes: Sequence[int], keep: bool) -> Value:
    return _through_floats(x.fold("sum", axes, keep=keep), "log")


def log_sum_exp(x: Value, axes: Sequence[int], keep: bool) -> Value:
    """Returns log(sum(exp(x))), which overflows nowhere."""
    if x.dtype not in FLOATS:
        return log_sum_exp(x.cast("float64"), axes, keep).cast(x.dtype)
    top = x.fold("reduce_max", axes)
    # Where all are minus infinity, or one is plus infinity, the difference would be NaN.
    top = is_infinite(top).op("select", top.like(0), top)
    total = (x - top).op("exp").fold("sum", axes).op("log") + top
    return total if keep else total.fold("reduce_max", axes, keep=False)


def _arg(place: Callable[[Value, int, int], Value]) -> Rule:
    def rule(call: Call) -> Value:
        x, axis = call[0], call.axis()
        keep = int(call.get("keepdims", 1))
        if not call.get("select_last_index", 0):
            return place(x, axis, keep)
        first = place(backwards(x, axis), axis, keep)
        return first.like(x.shape[axis] - 1) - first

    return rule


def _cumsum(call: Call) -> Value:
    x, axis = call[0], int(call.scalar(1, 0)) % call[0].rank
    exclusive, reverse = int(call.get("exclusive", 0)), bool(call.get("reverse", 0))
    if reverse:
        x = backwards(x, axis)
    x = x.op("cumsum", axis=axis, exclusive=exclusive)
    return backwards(x, axis) if reverse else x


def _flat_rows(call: Call, along: Callable[[Value, int], Value]) -> Value:
    """Applies a rule along an axis; before opset 13, along all axes from there on."""
    x = call[0]
    if call.opset >= 13:
        return along(x, call.axis(-1))
    axis = call.axis(1)
    rows = int(np.prod(x.shape[:axis]))
    flat = x.reshape(rows, x.type.size // max(rows, 1))
    return along(flat, 1).reshape(*x.shape)


def _softmax(call: Call) -> Value:
    return _flat_rows(call, lambda x, axis: x.op("softmax", axis=axis))


def _log_softmax(call: Call) -> Value:
    def along(x: Value, axis: int) -> Value:
        off = x - x.fold("reduce_max", [axis])
        return off - off.op("exp").fold("sum", [axis]).op("log")

    return _flat_rows(call, along)


def _hardmax(call: Call) -> Value:
    def along(x: Value, axis: int) -> Value:
        at = x.op("arg_max", axis=axis, keep=1)
        shape = [n if i == axis else 1 for i, n in enumerate(x.shape)]
        places = call.constant(np.arange(x.shape[axis], dtype=np.int64).reshape(shape))
        return places.op("equal", at).cast(x.dtype)

    return _flat_rows(call, along)


def _top_k(call: Call) -> tuple[Value, Value]:
    x, axis = call[0], call.axis(-1)
    (count,) = call.numbers(1, "k") or [0]
    order = x.op("arg_sort", axis=axis, descending=int(call.get("largest", 1)))
    order = order.part(axis, 0, count)
    return gather_elements(x, order, axis), order


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {
        "ReduceSum": _reduce(_plain("sum")),
        "ReduceMean": _reduce(mean),
        "ReduceMax": _reduce(_plain("reduce_max")),
        "ReduceMin": _reduce(least),
        "ReduceProd": _reduce(_plain("prod")),
        "ReduceL1": _reduce(_l1),
        "ReduceL2": _reduce(_l2),
        "ReduceSumSquare": _reduce(_squares),
        "ReduceLogSum": _reduce(_log_sum),
        "ReduceLogSumExp": _reduce(log_sum_exp),
        "ArgMax": _arg(lambda x, axis, keep: x.op("arg_max", axis=axis, keep=keep)),
        "ArgMin": _arg(least_place),
        "CumSum": _cumsum,
        "Softmax": _softmax,
        "LogSoftmax": _log_softmax,
        "Hardmax": _hardmax,
        "TopK": _top_k,
    }
