"""Functions that are said in several core operators, wherever a format has them as one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import FLOATS


def at_most(a: Value, b: Value | int | float) -> Value:
    """Returns whether the first is not above the second; never for NaN."""
    return a.op("less", b).op("or", a.op("equal", b))


def is_infinite(x: Value) -> Value:
    """Returns whether it is infinite, of either sign."""
    return x.op("abs").op("equal", np.inf)


def sign(x: Value) -> Value:
    """Returns -1, 0 or 1; zeros and NaN stay."""
    upper = x.like(0).op("less", x).op("select", x.like(1), x)
    return x.op("less", 0).op("select", x.like(-1), upper)


def ceil(x: Value) -> Value:
    """Returns the smallest whole number not below."""
    return -(-x).op("floor")


def tangent(x: Value) -> Value:
    """Returns the tangent of an angle in radians."""
    return x.op("sin") / x.op("cos")


def modulo(a: Value, b: Value) -> Value:
    """Returns what division leaves, with the divisor's sign."""
    left = a.op("rem", b)
    if a.dtype.startswith("u"):
        return left
    below, nothing = b.op("less", 0), left.op("equal", 0)
    apart = left.op("less", 0).op("xor", below).op("and", nothing.op("not"))
    moved = apart.op("select", left + b, left)
    if a.dtype not in FLOATS:
        return moved
    # A zero has the divisor's sign too; zero times an infinite one would be no number.
    return nothing.op("select", below.op("select", a.like(-0.0), a.like(0)), moved)


def backwards(x: Value, axis: int) -> Value:
    """Returns the value with an axis read backwards."""
    places = np.arange(x.shape[axis], dtype=np.int64)[::-1]
    return x.op("gather", x.builder.constant(places.copy()), axis=axis)


def mean(x: Value, axes: Sequence[int], *, keep: bool = True) -> Value:
    """Returns the mean over axes; of whole numbers, rounded towards zero."""
    count = prod(x.shape[axis] for axis in axes)
    if x.dtype == "float16" and np.float16(count) != count:
        return mean(x.cast("float32"), axes, keep=keep).cast(x.dtype)
    return x.fold("sum", axes, keep=keep) / count
