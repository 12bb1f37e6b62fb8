"""ONNX operators that normalise."""

from __future__ import annotations

import math
from collections.abc import Mapping

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import mean
from latebra.compiling.ir.graph import FLOATS
from latebra.compiling.ir.importing.call import Call, Rule

_EPSILON = 1e-5


def _channels(x: Value, rank: int) -> Value:
    """Returns one number a channel, ready to broadcast."""
    return x.reshape(x.type.size, *(1,) * (rank - 2))


def _normalised(call: Call, x: Value, axis: int = 2) -> Value:
    return x.op("normalise", axis=axis, epsilon=_epsilon(call))


def _epsilon(call: Call) -> float:
    return float(call.get("epsilon", _EPSILON))


def _batch(call: Call) -> Value:
    if call.get("training_mode", 0) or any(call.outputs[1:]):
        raise call.unsupported("it trains")
    x, scale, bias, middle, variance = (call[i] for i in range(5))
    kind, wide = x.dtype, variance.dtype
    spread = (variance + _epsilon(call)).op("sqrt")
    if scale.dtype != wide:
        scale, bias = scale.cast(wide), bias.cast(wide)
    x = x.cast(wide) if kind != wide else x
    factor = scale / spread
    shift = bias - middle * factor
    found = x * _channels(factor, x.rank) + _channels(shift, x.rank)
    return found.cast(kind) if kind != wide else found


def _instance(call: Call) -> Value:
    x = call[0]
    return _normalised(call, x) * _channels(call[1], x.rank) + _channels(call[2], x.rank)


def _group(call: Call) -> Value:
    x, groups = call[0], int(call.told["num_groups"])
    n, c = x.shape[:2]
    apart = x.reshape(n, groups, c // groups, *x.shape[2:])
    wide = call.get("stash_type", 1) == 1 and x.dtype == "float16"
    apart = apart.cast("float32") if wide else apart
    found = _normalised(call, apart)
    found = found.cast(x.dtype) if wide else found
    if call.opset < 21:  # one scale for each group
        lengths = (groups, *(1,) * (apart.rank - 2))
        return (found * call[1].reshape(*lengths) + call[2].reshape(*lengths)).reshape(*x.shape)
    found = found.reshape(*x.shape)
    return found * _channels(call[1], x.rank) + _channels(call[2], x.rank)


def _layer(call: Call) -> Value | tuple[Value, ...]:
    x, scale, bias = call[0], call[1], call.optional(2)
    axis = call.axis(-1)
    wide = x.cast("float32") if call.get("stash_type", 1) == 1 and x.dtype == "float16" else x
    found = _normalised(call, wide, axis).cast(x.dtype) * scale
    found = found if bias is None else found + bias
    if not any(call.outputs[1:]):
        return found
    axes = range(axis, x.rank)
    middle = mean(wide, axes)
    off = wide - middle
    spread = (mean(off * off, axes) + _epsilon(call)).op("sqrt")
    return found, middle, spread.like(1) / spread


def _rms(call: Call) -> Value:
    x = call[0]
    axes = range(call.axis(-1), x.rank)
    wide = x.cast("float32") if call.get("stash_type", 1) == 1 and x.dtype == "float16" else x
    root = (mean(wide * wide, axes) + _epsilon(call)).op("sqrt")
    return (wide / root).cast(x.dtype) * call[1]


def _mean_variance(call: Call) -> Value:
    x = call[0]
    axes = [axis % x.rank for axis in call.get("axes", [0, 2, 3])]
    off = x - mean(x, axes)
    return off / (mean(off * off, axes).op("sqrt") + 1e-9)


def _lp(call: Call) -> Value:
    x, axis, p = call[0], call.axis(-1), int(call.get("p", 2))
    one = x.op("abs") if p == 1 else x * x
    size = one.fold("sum", [axis])
    size = size if p == 1 else size.op("sqrt")
    return size.op("equal", 0).op("select", size.like(0), x / size)


def _local_response(call: Call) -> Value:
    x, size = call[0], int(call.told["size"])
    alpha, beta = float(call.get("alpha", 1e-4)), float(call.get("beta", 0.75))
    n, c, *rest = x.shape
    before = (size - 1) // 2
    total = (
        (x * x)
        .reshape(n, 1, c, math.prod(rest))
        .op(
            "sum_pool",
            kernel=(size, 1),
            strides=(1, 1),
            pads=(before, 0, size - 1 - before, 0),
            dilations=(1, 1),
        )
    )
    base = total.reshape(*x.shape) * (alpha / size) + float(call.get("bias", 1.0))
    return x / base.op("pow", beta)


def _check(rule: Rule) -> Rule:
    """Refuses what is not in floats."""

    def checked(call: Call) -> Value | tuple[Value | None, ...]:
        if call[0].dtype not in FLOATS:
            raise call.unsupported(f"it is given {call[0].dtype}")
        return rule(call)

    return checked


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    plain: dict[str, Rule] = {
        "BatchNormalization": _batch,
        "InstanceNormalization": _instance,
        "GroupNormalization": _group,
        "LayerNormalization": _layer,
        "RMSNormalization": _rms,
        "MeanVarianceNormalization": _mean_variance,
        "LpNormalization": _lp,
        "LRN": _local_response,
    }
    return {name: _check(rule) for name, rule in plain.items()}
