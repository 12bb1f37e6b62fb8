"""Functions that are said in several core operators, wherever a format has them as one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import FLOATS

_COUNTED: Final = 2048
"""Up to here floats of 16 bits hold every whole number."""


def at_most(a: Value, b: Value | int | float) -> Value:
    """Returns whether the first is not above the second; never for NaN."""
    return a.op("less", b).op("or", a.op("equal", b))


def is_infinite(x: Value) -> Value:
    """Returns whether it is infinite, of either sign."""
    return x.op("equal", np.inf).op("or", x.op("equal", -np.inf))


def sign(x: Value) -> Value:
    """Returns -1, 0 or 1; zeros and NaN stay."""
    upper = x.like(0).op("less", x).op("select", x.like(1), x)
    return x.op("less", 0).op("select", x.like(-1), upper)


def ceil(x: Value) -> Value:
    """Returns the smallest whole number not below."""
    return -(-x).op("floor")


def modulo(a: Value, b: Value) -> Value:
    """Returns what division leaves, with the divisor's sign."""
    left = a.op("rem", b)
    if a.dtype.startswith("u"):
        return left
    below, nothing = b.op("less", 0), left.op("equal", 0)
    apart = left.op("less", 0).op("xor", below).op("and", ~nothing)
    moved = apart.op("select", left + b, left)
    if a.dtype not in FLOATS:
        return moved
    # A zero has the divisor's sign too; zero times an infinite one would be no number.
    return nothing.op("select", below.op("select", a.like(-0.0), a.like(0)), moved)


def backwards(x: Value, axis: int) -> Value:
    """Returns the value with an axis read backwards."""
    places = np.arange(x.shape[axis], dtype=np.int64)[::-1]
    return x.op("gather", x.builder.constant(places.copy()), axis=axis)


def mirrored(x: Value) -> Value:
    """Returns values of the opposite order: a minimum is a maximum of these, mirrored."""
    return -x if x.dtype in FLOATS else ~x


def least(x: Value, axes: Sequence[int], keep: bool = True) -> Value:
    """Returns the smallest over axes; of booleans, whether all are true."""
    return mirrored(mirrored(x).fold("reduce_max", axes, keep=keep))


def least_place(x: Value, axis: int, keep: int) -> Value:
    """Returns where the smallest element of an axis is, the first of equal ones."""
    return mirrored(x).op("arg_max", axis=axis, keep=keep)


def mean(x: Value, axes: Sequence[int], keep: bool = True) -> Value:
    """Returns the mean over axes; of whole numbers, rounded towards zero."""
    count = prod(x.shape[axis] for axis in axes)
    if x.dtype == "float16" and count > _COUNTED:
        return mean(x.cast("float32"), axes, keep).cast(x.dtype)
    return x.fold("sum", axes, keep=keep) / count


def gather_nd(x: Value, at: Value, batch: int = 0) -> Value:
    """Returns a slice for each row of indices, which names the first axes after the batch axes.

    Args:
        x: What is read.
        at: Rows of indices, along the last axis; before it come the batch axes.
        batch: How many axes both have in common.
    """
    outer, lengths = x.shape[:batch], x.shape[batch : batch + at.shape[-1]]
    places = _places(at, lengths)
    if batch:  # Each index counts within its own batch.
        starts = np.arange(prod(outer), dtype=np.int64) * prod(lengths)
        rest = [1] * (places.rank - batch)
        places = places + places.like(starts.reshape(*outer, *rest))
    rows = x.reshape(prod(outer) * prod(lengths), *x.shape[batch + len(lengths) :])
    return rows.op("gather", places, axis=0)


def scatter_nd(x: Value, at: Value, updates: Value, reduction: str) -> Value:
    """Returns the value with updates written, or combined, where ``gather_nd`` would read."""
    depth, count = at.shape[-1], prod(at.shape[:-1])
    rest = x.shape[depth:]
    rows = x.reshape(prod(x.shape[:depth]), *rest)
    places = _places(at, x.shape[:depth]).reshape(count)
    new = updates.reshape(count, *rest)
    return rows.op("scatter", places, new, reduction=reduction).reshape(*x.shape)


def gather_elements(x: Value, at: Value, axis: int) -> Value:
    """Returns an element for each index: its own place, but for an axis where the index says."""
    return x.reshape(x.type.size).op("gather", _own_places(x, at, axis), axis=0)


def scatter_elements(x: Value, at: Value, updates: Value, axis: int, reduction: str) -> Value:
    """Returns the value with updates written, or combined, where ``gather_elements`` reads."""
    places = _own_places(x, at, axis).reshape(at.type.size)
    flat, new = x.reshape(x.type.size), updates.reshape(at.type.size)
    return flat.op("scatter", places, new, reduction=reduction).reshape(*x.shape)


def _places(at: Value, lengths: Sequence[int]) -> Value:
    """Returns where each row of indices is among all places of axes of some lengths."""
    at = at.cast("int64")
    if len(lengths) == 1:
        return at.reshape(*at.shape[:-1])
    return (at * at.like(np.asarray(_steps(lengths)))).fold("sum", [-1], keep=False)


def _own_places(x: Value, at: Value, axis: int) -> Value:
    """Returns where, among all elements of a value, each index means."""
    steps = _steps(x.shape)
    rest = np.zeros((1,) * at.rank, np.int64)
    for i, each in enumerate(np.indices(at.shape, sparse=True)):
        rest = rest if i == axis else rest + each * steps[i]
    at = at.cast("int64")
    return at * steps[axis] + at.like(rest)


def _steps(lengths: Sequence[int]) -> list[int]:
    return [prod(lengths[i + 1 :]) for i in range(len(lengths))]
