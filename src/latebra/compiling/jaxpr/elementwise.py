"""Primitives of JAX that go element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import at_most, ceil, is_infinite, sign
from latebra.compiling.ir.graph import WHOLE
from latebra.compiling.jaxpr.call import Call, Rule

_NAMES: Final = """
    abs acos acosh add and asin asinh atan atanh cos cosh div erf exp floor log max min mul or
    pow rem shift_left sin sinh sqrt sub tan tanh xor
"""
_SAME: Final = {
    **{name: name for name in _NAMES.split()},
    "add_any": "add",
    "eq": "equal",
    "logistic": "sigmoid",
    "lt": "less",
    "shift_right_arithmetic": "shift_right",
}
"""Primitives that are one core operator."""
_TO_EVEN: Final = 1
"""``lax.RoundingMethod.TO_NEAREST_EVEN``."""


def rules() -> Mapping[str, Rule]:
    """Returns the rule of each primitive of this kind."""
    same: dict[str, Rule] = {name: _one(op) for name, op in _SAME.items()}
    for name in ("copy", "copy_p", "reduce_precision", "stop_gradient"):
        same[name] = _unchanged
    for name in ("device_put", "optimization_barrier", "sharding_constraint"):
        same[name] = lambda call: tuple(call.inputs)
    return {
        **same,
        "atan2": _atan2,
        "cbrt": lambda call: sign(call[0]) * call[0].op("abs").op("pow", 1 / 3),
        "ceil": lambda call: ceil(call[0]),
        "clamp": lambda call: call[1].op("max", call[0]).op("min", call[2]),
        "convert_element_type": _convert,
        "erfc": lambda call: -call[0].op("erf") + 1,
        "exp2": lambda call: (call[0] * float(np.log(2))).op("exp"),
        "expm1": _expm1,
        "ge": lambda call: at_most(call[1], call[0]),
        "gt": lambda call: call[1].op("less", call[0]),
        "integer_pow": _integer_pow,
        "is_finite": _is_finite,
        "le": lambda call: at_most(call[0], call[1]),
        "log1p": _log1p,
        "ne": lambda call: ~call[0].op("equal", call[1]),
        "neg": lambda call: -call[0],
        "not": lambda call: ~call[0],
        "pow": _pow,
        "round": _round,
        "rsqrt": lambda call: call[0].like(1) / call[0].op("sqrt"),
        "select_n": _select,
        "shift_right_logical": _shift_right,
        "sign": lambda call: sign(call[0]),
        "square": lambda call: call[0] * call[0],
    }


def _one(op: str) -> Rule:
    return lambda call: call[0].op(op, *call.inputs[1:])


def _unchanged(call: Call) -> Value:
    if call.primitive == "reduce_precision" and call.told["mantissa_bits"] < _mantissa(call[0]):
        raise call.unsupported(f"it rounds {call[0].dtype} to a narrower type")
    return call[0]


def _mantissa(x: Value) -> int:
    return int(np.finfo(x.dtype).nmant)


def _convert(call: Call) -> Value:
    return call[0].cast(call.dtype)


def _pow(call: Call) -> Value:
    return call[0].op("pow", call[1].cast(call[0].dtype))


def _integer_pow(call: Call) -> Value:
    x, power = call[0], int(call.told["y"])
    found: Value | None = None
    square, left = x, abs(power)
    while left:
        if left & 1:
            found = square if found is None else found * square
        left >>= 1
        square = square * square if left else square
    found = x.like(np.ones(x.shape)) if found is None else found
    return found.like(1) / found if power < 0 else found


def _is_finite(call: Call) -> Value:
    return ~call[0].op("is_nan").op("or", is_infinite(call[0]))


def _log1p(call: Call) -> Value:
    """Kahan's: the rounding of 1 + x is divided out again."""
    x = call[0]
    u = x + 1
    small = u.op("equal", 1.0)
    safe = small.op("select", x.like(1), u - 1)
    ordinary = u.op("log") * (x / safe)
    infinite = is_infinite(x)
    return small.op("select", x, infinite.op("select", u.op("log"), ordinary))


def _expm1(call: Call) -> Value:
    """Kahan's: (u - 1) x / log(u) with u = exp(x)."""
    x = call[0]
    u = x.op("exp")
    small = u.op("equal", 1.0)
    far = is_infinite(u).op("or", (u - 1).op("equal", -1.0))
    other = small.op("or", far)
    safe = other.op("select", x.like(2), u).op("log")
    ordinary = (u - 1) * (x / safe)
    return small.op("select", x, far.op("select", u - 1, ordinary))


def _round(call: Call) -> Value:
    x = call[0]
    if int(call.told["rounding_method"]) == _TO_EVEN:
        return x.op("round")
    return sign(x) * (x.op("abs") + 0.5).op("floor")


def _atan2(call: Call) -> Value:
    y, x = call[0], call[1]
    half = float(np.pi / 2)
    zero = x.op("equal", 0.0)
    slope = (y / zero.op("select", x.like(1), x)).op("atan")
    turn = y.op("less", 0.0).op("select", x.like(-np.pi), x.like(np.pi))
    turned = x.op("less", 0.0).op("select", slope + turn, slope)
    return zero.op("select", sign(y) * half, turned)


def _select(call: Call) -> Value:
    which, *cases = call.inputs
    if which.dtype == "bool":
        return which.op("select", cases[1], cases[0])
    found = cases[0]
    for number, case in enumerate(cases[1:], 1):
        found = which.op("equal", number).op("select", case, found)
    return found


def _shift_right(call: Call) -> Value:
    x = call[0]
    if x.dtype not in WHOLE or x.dtype.startswith("u"):
        return x.op("shift_right", call[1])
    bare = f"u{x.dtype}"
    return x.cast(bare).op("shift_right", call[1].cast(bare)).cast(x.dtype)
