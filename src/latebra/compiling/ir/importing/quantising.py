"""ONNX operators on quantised numbers, in plain arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import least
from latebra.compiling.ir.graph import WHOLE
from latebra.compiling.ir.importing.call import Call, Rule
from latebra.compiling.ir.importing.linear import convolved, matmul

_EIGHT = ("int8", "uint8", "int16", "uint16")


def _spread(call: Call, x: Value, scale: Value) -> Value:
    """Returns one number a tensor, an axis or a block, ready to broadcast against ``x``."""
    block = int(call.get("block_size", 0))
    if scale.type.size == 1 and scale.rank <= 1:
        return scale.reshape()
    axis = call.axis(1, x.rank)
    if scale.rank == 1:
        return scale.reshape(*(scale.type.size if i == axis else 1 for i in range(x.rank)))
    if not block:
        raise call.unsupported(f"its scale has {scale.rank} axes")
    shape = scale.shape
    wide = scale.reshape(*shape[: axis + 1], 1, *shape[axis + 1 :])
    wide = wide.broadcast(*shape[: axis + 1], block, *shape[axis + 1 :])
    whole = wide.reshape(*shape[:axis], shape[axis] * block, *shape[axis + 1 :])
    return whole.part(axis, 0, x.shape[axis])


def clipped(x: Value, dtype: str) -> Value:
    """Returns rounded floats as whole numbers, those beyond the range at its ends."""
    if dtype not in _EIGHT:
        return x.cast(dtype)
    ends = np.iinfo(dtype)
    return x.op("max", float(ends.min)).op("min", float(ends.max)).cast(dtype)


def _quantise(call: Call) -> Value:
    x, scale, zero = call[0], call[1], call.optional(2)
    dtype = zero.dtype if zero is not None else call.dtype("output_dtype") or "uint8"
    if dtype not in WHOLE:
        raise call.unsupported(f"it quantises to {dtype}")
    if x.dtype not in ("float32", "float16"):
        x = x.cast(scale.dtype)
    rounded = (x / _spread(call, x, scale)).op("round")
    if zero is not None:
        rounded = rounded + _spread(call, x, zero).cast(rounded.dtype)
    return clipped(rounded, dtype)


def _dequantise(call: Call) -> Value:
    x, scale, zero = call[0], call[1], call.optional(2)
    if x.dtype not in WHOLE:
        raise call.unsupported(f"it is given {x.dtype}")
    wide = x.cast("int32")
    if zero is not None:
        wide = wide - _spread(call, x, zero).cast("int32")
    return wide.cast(scale.dtype) * _spread(call, x, scale)


def _dynamic(call: Call) -> tuple[Value, ...]:
    x = call[0]
    axes = range(x.rank)
    high = x.fold("reduce_max", axes, keep=False).op("max", 0)
    low = least(x, axes, keep=False).op("min", 0)
    scale = (high - low) / 255
    zero = (-low / scale).op("round").op("max", 0).op("min", 255)
    found = clipped((x / scale).op("round") + zero, "uint8")
    return found, scale, zero.cast("uint8")


def _off_zero(call: Call, x: Value, zero: Value | None, axis: int) -> Value:
    wide = x.cast("int32")
    if zero is None:
        return wide
    zero = zero.cast("int32")
    if zero.type.size == 1:
        return wide - zero.reshape()
    if zero.rank != 1:
        return wide - zero
    return wide - zero.reshape(*(zero.type.size if i == axis else 1 for i in range(x.rank)))


def _matmul_integer(call: Call) -> Value:
    a = _off_zero(call, call[0], call.optional(2), call[0].rank - 2)
    b = _off_zero(call, call[1], call.optional(3), call[1].rank - 1)
    return matmul(a, b)


def _conv_integer(call: Call) -> Value:
    x = _off_zero(call, call[0], call.optional(2), 1)
    return convolved(call, x, _off_zero(call, call[1], call.optional(3), 0), None)


def _requantised(total: Value, factor: Value, zero: Value) -> Value:
    rounded = (total.cast("float32") * factor).op("round") + zero.cast("float32")
    return clipped(rounded, zero.dtype)


def _linear_matmul(call: Call) -> Value:
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = (call[i] for i in range(8))
    total = matmul(_off_zero(call, a, a_zero, a.rank - 2), _off_zero(call, b, b_zero, b.rank - 1))
    if a_scale.type.size > 1 and a_scale.rank == 1:
        a_scale = a_scale.reshape(a_scale.type.size, 1)
    factor = a_scale.cast("float32") * b_scale.cast("float32") / scale.cast("float32")
    return _requantised(total, factor, zero)


def _linear_conv(call: Call) -> Value:
    x, x_scale, x_zero, w, w_scale, w_zero, scale, zero = (call[i] for i in range(8))
    total = convolved(
        call, _off_zero(call, x, x_zero, 1), _off_zero(call, w, w_zero, 0), call.optional(8)
    )
    if w_scale.type.size > 1:
        w_scale = w_scale.reshape(w_scale.type.size, *(1,) * (x.rank - 2))
    factor = x_scale.reshape() * w_scale / scale.reshape()
    return _requantised(total, factor if factor.type.size > 1 else factor.reshape(), zero)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {
        "QuantizeLinear": _quantise,
        "DequantizeLinear": _dequantise,
        "DynamicQuantizeLinear": _dynamic,
        "MatMulInteger": _matmul_integer,
        "ConvInteger": _conv_integer,
        "QLinearMatMul": _linear_matmul,
        "QLinearConv": _linear_conv,
    }
