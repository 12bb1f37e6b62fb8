"""Operators that go element by element, broadcasting as numpy does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import DTYPES, FLOATS, WHOLE, Attributes, Type
from latebra.compiling.ir.operation import Computed, Operator, refuse, together, word

NUMBERS: Final = FLOATS | WHOLE
_ALL: Final = DTYPES
_BITS: Final = WHOLE | {"bool"}

Numeric = Callable[..., Computed]


def _erf(x: NDArray[Any]) -> Computed:
    flat = [math.erf(each) for each in x.reshape(-1).tolist()]
    return np.asarray(flat, np.float64).reshape(x.shape).astype(x.dtype)


def _sigmoid(x: NDArray[Any]) -> Computed:
    small = np.exp(-np.abs(x))  # at most 1, so that nothing overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(x.dtype)


def _softplus(x: NDArray[Any]) -> Computed:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _divide(a: NDArray[Any], b: NDArray[Any]) -> Computed:
    if a.dtype.name in FLOATS:
        return np.divide(a, b)
    if a.dtype.kind == "u":
        return np.floor_divide(a, b)
    quotient = np.floor_divide(a, b)  # towards minus infinity; C rounds towards zero
    return quotient + ((np.remainder(a, b) != 0) & (quotient < 0)).astype(a.dtype)


def _power(a: NDArray[Any], b: NDArray[Any]) -> Computed:
    if a.dtype.name in FLOATS:
        return np.power(a, b)
    # Negative exponents of whole numbers: numpy refuses, C truncates the true quotient.
    positive = np.power(a, np.maximum(b, 0))
    return np.where(b >= 0, positive, _divide(np.ones_like(a), positive)).astype(a.dtype)


def _shift_left(a: NDArray[Any], b: NDArray[Any]) -> Computed:
    width = a.dtype.itemsize * 8
    return np.where(b < width, np.left_shift(a, np.minimum(b, width - 1)), 0).astype(a.dtype)


def _shift_right(a: NDArray[Any], b: NDArray[Any]) -> Computed:
    width = a.dtype.itemsize * 8
    shifted = np.right_shift(a, np.minimum(b, width - 1))
    if a.dtype.kind == "i":  # the sign moves in, however far
        return shifted
    return np.where(b < width, shifted, 0).astype(a.dtype)


_UNARY: Final[dict[str, tuple[Numeric, frozenset[str], str]]] = {
    "abs": (np.abs, NUMBERS, "The value without its sign."),
    "exp": (np.exp, FLOATS, "e to the power of the value."),
    "log": (np.log, FLOATS, "The natural logarithm."),
    "softplus": (_softplus, FLOATS, "log(1 + exp(x)), which overflows nowhere."),
    "sqrt": (np.sqrt, FLOATS, "The square root; NaN below zero."),
    "sin": (np.sin, FLOATS, "The sine of an angle in radians."),
    "cos": (np.cos, FLOATS, "The cosine of an angle in radians."),
    "asin": (np.arcsin, FLOATS, "The angle in radians that has this sine."),
    "acos": (np.arccos, FLOATS, "The angle in radians that has this cosine."),
    "tan": (np.tan, FLOATS, "The tangent of an angle in radians."),
    "atan": (np.arctan, FLOATS, "The angle in radians that has this tangent."),
    "sinh": (np.sinh, FLOATS, "The hyperbolic sine."),
    "cosh": (np.cosh, FLOATS, "The hyperbolic cosine."),
    "tanh": (np.tanh, FLOATS, "The hyperbolic tangent."),
    "asinh": (np.arcsinh, FLOATS, "The inverse of sinh."),
    "acosh": (np.arccosh, FLOATS, "The inverse of cosh."),
    "atanh": (np.arctanh, FLOATS, "The inverse of tanh."),
    "erf": (_erf, FLOATS, "2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."),
    "sigmoid": (_sigmoid, FLOATS, "1 / (1 + exp(-x))."),
    "floor": (np.floor, FLOATS, "The largest whole number not above."),
    "round": (np.rint, FLOATS, "The nearest whole number, halves to the even one."),
}
_TESTS: Final[dict[str, tuple[Numeric, frozenset[str], str]]] = {
    "is_nan": (np.isnan, FLOATS, "Whether it is not a number."),  # Some hold x == x to be true.
}
_BINARY: Final[dict[str, tuple[Numeric, frozenset[str], str]]] = {
    "add": (np.add, NUMBERS, "The sum; whole numbers wrap."),
    "sub": (np.subtract, NUMBERS, "The difference; whole numbers wrap."),
    "mul": (np.multiply, NUMBERS, "The product; whole numbers wrap."),
    "div": (_divide, NUMBERS, "The quotient; of whole numbers, rounded towards zero."),
    "rem": (np.fmod, NUMBERS, "What division leaves, with the dividend's sign."),
    "pow": (_power, NUMBERS, "The first to the power of the second."),
    "min": (np.minimum, NUMBERS, "The smaller one; NaN if either is."),
    "max": (np.maximum, NUMBERS, "The larger one; NaN if either is."),
    "and": (np.bitwise_and, _BITS, "Bitwise and."),
    "or": (np.bitwise_or, _BITS, "Bitwise or."),
    "xor": (np.bitwise_xor, _BITS, "Bitwise exclusive or."),
    "shift_left": (_shift_left, WHOLE, "Bits moved up; zero beyond the width."),
    "shift_right": (_shift_right, WHOLE, "Bits moved down; the sign moves in."),
}
_COMPARED: Final[dict[str, tuple[Numeric, frozenset[str], str]]] = {
    "equal": (np.equal, _ALL, "Whether both are the same; never for NaN."),
    "less": (np.less, _ALL, "Whether the first is below the second; never for NaN."),
}


def _agreeing(name: str, types: Sequence[Type], allowed: frozenset[str]) -> str:
    kinds = {each.dtype for each in types}
    if len(kinds) > 1:
        raise refuse(f"{name} takes values of one type, not {', '.join(sorted(kinds))}")
    (kind,) = kinds
    if kind not in allowed:
        raise refuse(f"{name} does not take {kind}")
    return kind


def _plain(
    name: str, step: Numeric, allowed: frozenset[str], about: str, arity: int, result: str = ""
) -> Operator:
    def infer(types: Sequence[Type], _: Attributes) -> Type:
        kind = _agreeing(name, types, allowed)
        return Type(result or kind, together([each.shape for each in types]))

    def evaluate(arrays: Sequence[NDArray[Any]], _: Attributes) -> Computed:
        with np.errstate(all="ignore"):
            return np.asarray(step(*arrays), result or arrays[0].dtype)

    return Operator(name, about, arity, arity, (), infer, evaluate, elementwise=True)


def _select_type(types: Sequence[Type], _: Attributes) -> Type:
    if types[0].dtype != "bool":
        raise refuse(f"select chooses by booleans, not by {types[0].dtype}")
    kind = _agreeing("select", types[1:], _ALL)
    return Type(kind, together([each.shape for each in types]))


def _select(arrays: Sequence[NDArray[Any]], _: Attributes) -> Computed:
    return np.where(*arrays)  # pyright: ignore[reportCallIssue, reportUnknownVariableType] overloads


def _cast(arrays: Sequence[NDArray[Any]], attributes: Attributes) -> Computed:
    with np.errstate(all="ignore"):
        return arrays[0].astype(word(attributes, "dtype"))


OPERATORS: Final = (
    *(_plain(name, *entry, 1) for name, entry in _UNARY.items()),
    *(_plain(name, *entry, 1, "bool") for name, entry in _TESTS.items()),
    *(_plain(name, *entry, 2) for name, entry in _BINARY.items()),
    *(_plain(name, *entry, 2, "bool") for name, entry in _COMPARED.items()),
    Operator(
        "select",
        "The second where the first is true, else the third.",
        3,
        3,
        (),
        _select_type,
        _select,
        elementwise=True,
    ),
    Operator(
        "cast",
        "The value as another type: floats lose their fraction, whole numbers wrap.",
        1,
        1,
        ("dtype",),
        lambda types, attributes: Type(word(attributes, "dtype"), types[0].shape),
        _cast,
        elementwise=True,
    ),
)
"""Every operator of this file."""
