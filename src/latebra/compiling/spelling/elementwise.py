"""Operators that go element by element."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from latebra.compiling.spelling.call import Call, Entry

_MAPS: Final = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "add": "add",
    "and": "bitwise_and",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atanh": "arctanh",
    "cos": "cos",
    "tan": "tan",
    "cosh": "cosh",
    "equal": "equal",
    "erf": "erf",
    "exp": "exp",
    "floor": "floor",
    "is_nan": "isnan",
    "less": "less",
    "log": "log",
    "max": "maximum",
    "min": "minimum",
    "mul": "multiply",
    "or": "bitwise_or",
    "rem": "fmod",
    "round": "round",
    "select": "where",
    "sigmoid": "sigmoid",
    "sin": "sin",
    "sinh": "sinh",
    "sqrt": "sqrt",
    "sub": "subtract",
    "tanh": "tanh",
    "xor": "bitwise_xor",
}
"""Operators that are one function of NumPy."""


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    own: dict[str, Entry] = {
        "cast": lambda call: call.algebra.cast(call.inputs[0], np.dtype(call.word("dtype"))),
        "div": _div,
        "pow": _pow,
        "shift_left": lambda call: _shift(call, "left_shift"),
        "shift_right": lambda call: _shift(call, "right_shift"),
        "softplus": _softplus,
    }
    return {**{operator: _map(name) for operator, name in _MAPS.items()}, **own}


def _map(name: str) -> Entry:
    return lambda call: call.map(name, *call.inputs)


def _div(call: Call) -> Any:
    if call.dtype.kind != "f":
        return call.map("trunc_divide", *call.inputs)
    return call.map("exact_divide" if call.rounded else "divide", *call.inputs)


def _pow(call: Call) -> Any:
    base, exponent = call.inputs
    held = call.held[1]
    if call.dtype.kind == "f":
        if held is not None and held.size and len(np.unique(held)) == 1:
            # A logarithm of a negative base is no number, and products are exacter.
            match float(held.reshape(-1)[0]):
                case 2.0 if call.shape == call.result.shape:
                    return call.map("multiply", base, base)
                case 3.0 if call.shape == call.result.shape:
                    return call.map("multiply", call.map("multiply", base, base), base)
                case 0.5 if call.shape == call.result.shape:
                    return call.map("sqrt", base)
                case _:
                    pass
        return call.map("power", base, exponent)
    if call.dtype.kind == "u" or (held is not None and (held >= 0).all()):
        return call.map("power", base, exponent)
    # Negative exponents of whole numbers: the true quotient, rounded towards zero.
    zero, one = call.like(0), call.like(1)
    positive = call.map("power", base, call.map("maximum", exponent, zero))
    safe = call.map("where", call.map("equal", positive, zero), one, positive)
    below = call.map("less", exponent, zero)
    return call.map("where", below, call.map("trunc_divide", one, safe), positive)


def _shift(call: Call, name: str) -> Any:
    """Bits moved up or down; vendors differ where it is by the width or more."""
    x, by = call.inputs
    width = call.dtype.itemsize * 8
    moved = call.map(name, x, call.map("minimum", by, call.like(width - 1)))
    if name == "right_shift" and call.dtype.kind == "i":  # The sign moves in, however far.
        return moved
    return call.map("where", call.map("less", by, call.like(width)), moved, call.like(0))


def _softplus(call: Call) -> Any:
    x = call.inputs[0]
    tail = call.map("log1p", call.map("exp", call.map("negative", call.map("absolute", x))))
    return call.map("add", call.map("maximum", x, call.like(0)), tail)
