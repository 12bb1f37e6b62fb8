"""ONNX operators that go element by element."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import at_most, ceil, is_infinite, modulo, sign
from latebra.compiling.ir.graph import FLOATS
from latebra.compiling.ir.importing.call import Call, Rule

_LOWER: Final = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh Cos Cosh Div Equal Erf Exp Floor Less Log Mul
    Or Round Sigmoid Sin Sinh Softplus Sqrt Sub Tan Tanh Xor
"""
_SAME: Final = {
    **{name: name.lower() for name in _LOWER.split()},
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "xor",
    "IsNaN": "is_nan",
    "Where": "select",
}


def _same(op: str) -> Rule:
    def rule(call: Call) -> Value:
        return call.builder.add(op, [call[i] for i in range(len(call.inputs))], {})

    return rule


def _swapped(op: str) -> Rule:
    return lambda call: call[1].op(op, call[0])


def _one(function: Callable[[Value], Value]) -> Rule:
    return lambda call: function(call[0])


def _many(op: str) -> Rule:
    def rule(call: Call) -> Value:
        return functools.reduce(lambda a, b: a.op(op, b), [v for v in call.inputs if v is not None])

    return rule


def _mean(call: Call) -> Value:
    total = _many("add")(call)
    assert isinstance(total, Value)  # noqa: S101 - a rule of one output
    return total / len(call.inputs)


def _power(call: Call) -> Value:
    x, y = call[0], call[1]
    held = y.array
    if held is not None and held.size == 1 and x.dtype in FLOATS:
        exponent = held.reshape(-1)[0].item()
        lifted = x if y.rank <= x.rank else x.reshape(*(1,) * (y.rank - x.rank), *x.shape)
        for wanted, answer in ((2, lambda: lifted * lifted), (0.5, lambda: lifted.op("sqrt"))):
            if exponent == wanted:
                return answer()
    if x.dtype == y.dtype:
        return x.op("pow", y)
    if x.dtype in FLOATS:
        return x.op("pow", y.cast(x.dtype))
    # A whole number to a fraction is computed in floats, and loses its fraction.
    kind = y.dtype if y.dtype in FLOATS else "int64"
    return x.cast(kind).op("pow", y.cast(kind)).cast(x.dtype)


def _mod(call: Call) -> Value:
    return call[0].op("rem", call[1]) if call.get("fmod", 0) else modulo(call[0], call[1])


def _shift(call: Call) -> Value:
    return call[0].op(
        "shift_left" if call.get("direction", "") == "LEFT" else "shift_right", call[1]
    )


def _cast(call: Call) -> Value:
    return call[0].cast(call.dtype("to"))


def _cast_like(call: Call) -> Value:
    return call[0].cast(call[1].dtype)


def _clip(call: Call) -> Value:
    x = call[0]
    low, high = call.optional(1), call.optional(2)
    if call.opset < 11:
        low = x.like(float(call.told["min"])) if "min" in call.told else None
        high = x.like(float(call.told["max"])) if "max" in call.told else None
    if low is not None:
        x = x.op("max", low)
    return x if high is None else x.op("min", high)


def _is_inf(call: Call) -> Value:
    x, low, high = call[0], call.get("detect_negative", 1), call.get("detect_positive", 1)
    if low and high:
        return is_infinite(x)
    if low or high:
        return x.op("equal", np.inf if high else -np.inf)
    return call.constant(np.zeros(x.shape, np.bool_))


def _relu(call: Call) -> Value:
    return call[0].op("max", 0)


def _leaky(x: Value, slope: Value | int | float) -> Value:
    return x.op("less", 0).op("select", x * slope, x)


def _leaky_relu(call: Call) -> Value:
    return _leaky(call[0], float(call.get("alpha", 0.01)))


def _prelu(call: Call) -> Value:
    return _leaky(call[0], call[1])


def _elu(x: Value, alpha: float, gamma: float = 1.0) -> Value:
    curve = (x.op("min", 0).op("exp") - 1) * (alpha * gamma)
    return x.like(0).op("less", x).op("select", x * gamma if gamma != 1 else x, curve)


def _elu_rule(call: Call) -> Value:
    return _elu(call[0], float(call.get("alpha", 1.0)))


def _selu(call: Call) -> Value:
    usual = (1.67326319217681884765625, 1.05070102214813232421875)
    return _elu(call[0], float(call.get("alpha", usual[0])), float(call.get("gamma", usual[1])))


def _celu(call: Call) -> Value:
    alpha = float(call.get("alpha", 1.0))
    x = call[0]
    return x.op("max", 0) + ((x / alpha).op("min", 0).op("exp") - 1) * alpha


def _hard_sigmoid(call: Call) -> Value:
    alpha, beta = float(call.get("alpha", 0.2)), float(call.get("beta", 0.5))
    return (call[0] * alpha + beta).op("max", 0).op("min", 1)


def _hard_swish(call: Call) -> Value:
    x = call[0]
    return x * (x * (1 / 6) + 0.5).op("max", 0).op("min", 1)


def _mish(call: Call) -> Value:
    return call[0] * call[0].op("softplus").op("tanh")


def _softsign(call: Call) -> Value:
    return call[0] / (call[0].op("abs") + 1)


def _swish(call: Call) -> Value:
    x, alpha = call[0], float(call.get("alpha", 1.0))
    return x * (x * alpha if alpha != 1 else x).op("sigmoid")


def _gelu(call: Call) -> Value:
    x = call[0]
    if call.get("approximate", "none") == "tanh":
        inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
        return x * (inner.op("tanh") + 1) * 0.5
    return x * ((x * math.sqrt(0.5)).op("erf") + 1) * 0.5


def _thresholded(call: Call) -> Value:
    x = call[0]
    above = x.like(float(call.get("alpha", 1.0))).op("less", x)
    return above.op("select", x, x.like(0))


def _shrink(call: Call) -> Value:
    x = call[0]
    edge, bias = float(call.get("lambd", 0.5)), float(call.get("bias", 0.0))
    low = x.op("less", -edge).op("select", x + bias, x.like(0))
    return x.like(edge).op("less", x).op("select", x - bias, low)


def _reciprocal(call: Call) -> Value:
    return call[0].like(1).op("div", call[0])


def _identity(call: Call) -> Value:
    return call[0]


def _dropout(call: Call) -> Value | tuple[Value, ...]:
    training = call.opset >= 12 and call.optional(2) is not None and bool(call.array(2).any())
    if training and call.scalar(1, 0.5):
        raise call.unsupported("it draws at random")
    if not call.has(1):
        return call[0]
    kind = "bool" if call.opset >= 10 else call[0].dtype
    return call[0], call.constant(np.ones(call[0].shape, kind))


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {
        **{name: _same(op) for name, op in _SAME.items()},
        "Greater": _swapped("less"),
        "GreaterOrEqual": lambda call: at_most(call[1], call[0]),
        "LessOrEqual": lambda call: at_most(call[0], call[1]),
        "Max": _many("max"),
        "Min": _many("min"),
        "Sum": _many("add"),
        "Mean": _mean,
        "Pow": _power,
        "Mod": _mod,
        "BitShift": _shift,
        "Ceil": _one(ceil),
        "Neg": _one(operator.neg),
        "Not": _one(operator.invert),
        "BitwiseNot": _one(operator.invert),
        "Sign": _one(sign),
        "Cast": _cast,
        "CastLike": _cast_like,
        "Clip": _clip,
        "IsInf": _is_inf,
        "Relu": _relu,
        "LeakyRelu": _leaky_relu,
        "PRelu": _prelu,
        "Elu": _elu_rule,
        "Selu": _selu,
        "Celu": _celu,
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": _hard_swish,
        "Mish": _mish,
        "Softsign": _softsign,
        "Swish": _swish,
        "Gelu": _gelu,
        "ThresholdedRelu": _thresholded,
        "Shrink": _shrink,
        "Reciprocal": _reciprocal,
        "Identity": _identity,
        "Dropout": _dropout,
    }
