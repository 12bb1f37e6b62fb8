"""Operators that compute each element from those at the same place."""

# The tables below are of short functions whose arguments have no room for types.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.low import Const
from latebra.compiling.glow.values import Value, plain
from latebra.compiling.glow.writer import Writer

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


class Point:
    """A tensor with Python's operators, to write formulas as they are printed.

    Args:
        w: Where to write.
        value: The tensor.
    """

    def __init__(self, w: Writer, value: Value) -> None:
        self.w, self.value = w, value

    def do(self, name: str, *others: Point | int | float, dtype: str = "") -> Point:
        """Returns an operation of ``operations.py`` on this and others."""
        values = [self.value, *(self._of(other) for other in others)]
        if name == "where":
            dtype = values[1].dtype
        return Point(self.w, self.w.combine(name, dtype or self.value.dtype, *values))

    def _of(self, other: Point | int | float) -> Value:
        return other.value if isinstance(other, Point) else number(other, self.value.dtype)

    def __add__(self, other: Point | int | float) -> Point:
        return self.do("add", other)

    def __sub__(self, other: Point | int | float) -> Point:
        return self.do("sub", other)

    def __rsub__(self, other: int | float) -> Point:
        return Point(self.w, self._of(other)).do("sub", self)

    def __mul__(self, other: Point | int | float) -> Point:
        return self.do("mul", other)

    def __truediv__(self, other: Point | int | float) -> Point:
        return self.do("div", other)

    def __rtruediv__(self, other: int | float) -> Point:
        return Point(self.w, self._of(other)).do("div", self)

    def __neg__(self) -> Point:
        return self.do("neg")

    def __lt__(self, other: Point | int | float) -> Point:
        return self.do("less", other, dtype="bool")

    def __gt__(self, other: Point | int | float) -> Point:
        return self.do("greater", other, dtype="bool")

    def where(self, yes: Point | int | float, no: Point | int | float) -> Point:
        """Returns ``yes`` where this holds, else ``no``; one of them is a tensor."""
        kinds = [side.value.dtype for side in (yes, no) if isinstance(side, Point)]
        sides = [
            side if isinstance(side, Point) else Point(self.w, number(side, kinds[0]))
            for side in (yes, no)
        ]
        return self.do("where", *sides)


def number(value: int | float, dtype: str) -> Value:
    """Returns one number as a tensor without axes."""
    return Value(Const(dtype, value), ())


def _named(name: str, dtype: str = "") -> Rule:
    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        found = inputs[0]
        if len(inputs) == 1:
            return found if name in ("min", "max") else w.combine(name, dtype or found.dtype, found)
        for other in inputs[1:]:
            found = w.combine(name, dtype or found.dtype, found, other)
        return found

    return rule


def _formula(formula: Callable[..., Point], **defaults: int | float) -> Rule:
    """Makes a rule of a formula whose further arguments are attributes with defaults."""

    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        points = [Point(w, value) for value in inputs]
        return formula(
            *points, **{key: told.get(key, value) for key, value in defaults.items()}
        ).value

    return rule


def _power(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    base, exponent = inputs
    known = w.known(exponent)
    x = Point(w, base)
    if known is not None and known.size == 1 and base.dtype.startswith("float"):
        shape = np.broadcast_shapes(base.shape, exponent.shape)
        simple: dict[float, Callable[[], Point]] = {
            1.0: lambda: x,
            2.0: lambda: x * x,
            3.0: lambda: x * x * x,
            0.5: lambda: x.do("sqrt"),
            -1.0: lambda: 1.0 / x,
            -0.5: lambda: 1.0 / x.do("sqrt"),
        }
        made = simple.get(float(known.flat[0]))
        if made and shape == base.shape:
            return made().value
    if base.dtype.startswith("float"):
        return x.do("pow", _cast_to(w, exponent, base.dtype)).value
    wide = _cast_to(w, base, "float64").do("pow", _cast_to(w, exponent, "float64"))
    return wide.do("cast", dtype=base.dtype).value


def _cast_to(w: Writer, value: Value, dtype: str) -> Point:
    return Point(w, value if value.dtype == dtype else w.combine("cast", dtype, value))


def _cast(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    return _cast_to(w, inputs[0], str(told["to"])).value


def _divide(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    a, b = inputs
    if not a.dtype.startswith("float"):  # Dividing a whole number by zero ends the process.
        safe = Point(w, b)
        b = safe.do("equal", 0, dtype="bool").where(1, safe).value
    return w.combine("div", a.dtype, a, b)


def _modulo(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    a, b = inputs
    x, y = Point(w, a), Point(w, b)
    if not a.dtype.startswith("float"):  # Dividing a whole number by zero ends the process.
        y = y.do("equal", 0, dtype="bool").where(1, y)
    return x.do("remainder", y).value


def _identity(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    return inputs[0]


def _softplus(x: Point) -> Point:
    # log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) never overflows.
    return x.do("max", 0.0) + ((-x.do("abs")).do("exp") + 1.0).do("log")


def _asinh(x: Point) -> Point:
    size = x.do("abs")
    value = (size + (size * size + 1.0).do("sqrt")).do("log")
    return (x < 0.0).where(-value, value)


def _sinh(x: Point) -> Point:
    wide = x.do("cast", dtype="float64")
    grown = wide.do("exp")
    return ((grown - (-wide).do("exp")) * 0.5).do("cast", dtype=x.value.dtype)


def _wide(formula: Callable[[Point], Point]) -> Callable[[Point], Point]:
    """Computes in 64-bit floats and rounds at the end."""

    def inner(x: Point) -> Point:
        return formula(x.do("cast", dtype="float64")).do("cast", dtype=x.value.dtype)

    return inner


def _quantise(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """Gives the byte ``x / scale + zero``, rounded; what is beyond a byte goes to its ends."""
    # Both lie in memory, so that tensors of other scales can share the code.
    numbers = (1 / told["scale"], told["zero"])
    steps, zero = (Point(w, plain(w.constant(np.array(n, np.float32)))) for n in numbers)
    return Point(w, inputs[0]).do("to_byte", steps, zero, dtype="uint8").value


def _shift(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    return _named(f"shift_{str(told['direction']).lower()}")(w, inputs, told)


RULES: Final[dict[str, Rule]] = {
    **{
        name: _named(step)
        for name, step in {
            "Add": "add", "Sub": "sub", "Mul": "mul", "Min": "min", "Max": "max",
            "Abs": "abs", "Sqrt": "sqrt", "Exp": "exp", "Log": "log", "Sigmoid": "sigmoid",
            "Tanh": "tanh", "Erf": "erf", "Sin": "sin", "Cos": "cos", "Tan": "tan",
            "Atan": "atan", "Floor": "floor", "Round": "round",
            "And": "and", "Or": "or", "Xor": "xor", "BitwiseAnd": "and",
            "BitwiseOr": "or", "BitwiseXor": "xor",
        }.items()
    },
    **{
        name: _named(step, "bool")
        for name, step in {"Equal": "equal", "Less": "less", "IsNaN": "isnan"}.items()
    },
    "BitShift": _shift,
    "Quantise": _quantise,
    "Div": _divide,
    "Mod": _modulo,
    "Pow": _power,
    "Cast": _cast,
    "Identity": _identity,
    "Where": lambda w, inputs, told: w.combine("where", inputs[1].dtype, *inputs),
    "Relu": _formula(lambda x: x.do("max", 0)),
    "Softplus": _formula(_softplus),
    "Sinh": _formula(_sinh),
    "Cosh": _formula(_wide(lambda x: (x.do("exp") + (-x).do("exp")) * 0.5)),
    "Asinh": _formula(_wide(_asinh)),
    "Acosh": _formula(_wide(lambda x: (x + (x * x - 1.0).do("sqrt")).do("log"))),
    "Atanh": _formula(_wide(lambda x: ((x + 1.0) / (1.0 - x)).do("log") * 0.5)),
    "Asin": _formula(_wide(lambda x: (x / (1.0 - x * x).do("sqrt")).do("atan"))),
    "Acos": _formula(
        _wide(lambda x: pi / 2 - (x / (1.0 - x * x).do("sqrt")).do("atan"))
    ),
}  # fmt: skip
