"""ONNX operators that read or write where indices say, and sources of constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import (
    gather_elements,
    gather_nd,
    scatter_elements,
    scatter_nd,
)
from latebra.compiling.ir.importing.call import Call, Rule

_REDUCTIONS: Final = {"none": "none", "add": "add", "mul": "mul", "min": "min", "max": "max"}


def from_front(at: Value, length: int) -> Value:
    """Returns indices counted from the front; negative ones count from the back."""
    held = at.array
    if held is not None:
        return at.like(np.where(held < 0, held + length, held))
    return at.op("less", 0).op("select", at + length, at)


def _gather(call: Call) -> Value:
    x, axis = call[0], call.axis()
    return x.op("gather", from_front(call[1], x.shape[axis]), axis=axis)


def _gather_elements(call: Call) -> Value:
    x, axis = call[0], call.axis()
    return gather_elements(x, from_front(call[1], x.shape[axis]), axis)


def _rows_from_front(call: Call, at: Value, first: int) -> Value:
    """Returns rows of indices counted from the front, each column by its own axis."""
    lengths = np.asarray(call[0].shape[first : first + at.shape[-1]], np.int64)
    held = at.array
    if held is not None:
        return at.like(np.where(held < 0, held + lengths, held))
    return at.op("less", 0).op("select", at + at.like(lengths), at)


def _gather_nd(call: Call) -> Value:
    batch = int(call.get("batch_dims", 0))
    return gather_nd(call[0], _rows_from_front(call, call[1], batch), batch)


def _how(call: Call) -> str:
    return _REDUCTIONS[call.get("reduction", "none")]


def _scatter_elements(call: Call) -> Value:
    x, axis = call[0], call.axis()
    at = from_front(call[1], x.shape[axis])
    return scatter_elements(x, at, call[2], axis, _how(call))


def _scatter_nd(call: Call) -> Value:
    at = _rows_from_front(call, call[1], 0)
    return scatter_nd(call[0], at, call[2], _how(call))


def _non_zero(call: Call) -> Value:
    return call.constant(np.asarray(np.nonzero(np.atleast_1d(call.array(0))), np.int64))


def _compress(call: Call) -> Value:
    x, chosen = call[0], np.flatnonzero(call.array(1)).astype(np.int64)
    if "axis" not in call.told:
        return x.reshape(x.type.size).op("gather", call.constant(chosen), axis=0)
    return x.op("gather", call.constant(chosen), axis=call.axis())


def _one_hot(call: Call) -> Value:
    at, values = call[0], call[2]
    depth = int(call.scalar(1, 0))
    axis = call.axis(-1, at.rank + 1)
    if at.dtype != "int64":
        at = at.cast("int64")
    at = from_front(at, depth)
    at = at.reshape(*at.shape[:axis], 1, *at.shape[axis:])
    shape = [depth if i == axis else 1 for i in range(at.rank)]
    hot = call.constant(np.arange(depth, dtype=np.int64).reshape(shape)).op("equal", at)
    return hot.op("select", values.part(0, 1, 2).reshape(), values.part(0, 0, 1).reshape())


def _constant(call: Call) -> Value:
    if "sparse_value" in call.told:
        raise call.unsupported("its value is sparse")
    for name, kind in (("value_float", np.float32), ("value_int", np.int64)):
        for spelling in (name, name + "s"):
            if spelling in call.told:
                return call.constant(np.asarray(call.told[spelling], kind))
    if "value" not in call.told:
        raise call.unsupported("its value is text")
    return call.constant(call.told["value"])


def _constant_of_shape(call: Call) -> Value:
    value = np.asarray(call.get("value", np.zeros(1, np.float32))).reshape(-1)[:1].reshape(())
    return call.constant(value).broadcast(*(call.numbers(0) or []))


def _range(call: Call) -> Value:
    start, stop, step = (call.array(i).reshape(-1)[0] for i in range(3))
    count = max(0, int(np.ceil((stop.astype("f8") - start.astype("f8")) / step.astype("f8"))))
    return call.constant((start + np.arange(count) * step).astype(start.dtype))


def _eye(call: Call) -> Value:
    x = call[0]
    return call.constant(
        np.eye(*x.shape, k=int(call.get("k", 0)), dtype=call.dtype("dtype", x.dtype))
    )


def _at_random(call: Call) -> Value:
    raise call.unsupported("it draws at random")


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    draws = "Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"
    return {
        "Gather": _gather,
        "GatherElements": _gather_elements,
        "GatherND": _gather_nd,
        "Scatter": _scatter_elements,
        "ScatterElements": _scatter_elements,
        "ScatterND": _scatter_nd,
        "NonZero": _non_zero,
        "Compress": _compress,
        "OneHot": _one_hot,
        "Constant": _constant,
        "ConstantOfShape": _constant_of_shape,
        "Range": _range,
        "EyeLike": _eye,
        **dict.fromkeys(draws.split(), _at_random),
    }
