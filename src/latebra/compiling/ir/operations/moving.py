"""Operators that move elements and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Attributes, Type
from latebra.compiling.ir.operation import (
    Computed,
    Operator,
    integer,
    integers,
    number,
    refuse,
    together,
    word,
)

Arrays = Sequence[NDArray[Any]]


def _reshape_type(types: Sequence[Type], attributes: Attributes) -> Type:
    result = Type(types[0].dtype, integers(attributes, "shape"))
    if result.size != types[0].size:
        raise refuse(f"{types[0]} cannot be reshaped to {result.shape}")
    return result


def _reshape(arrays: Arrays, attributes: Attributes) -> Computed:
    return arrays[0].reshape(integers(attributes, "shape"))


def _transpose_type(types: Sequence[Type], attributes: Attributes) -> Type:
    order = integers(attributes, "permutation")
    if sorted(order) != list(range(len(types[0].shape))):
        raise refuse(f"{order} is no permutation of the axes of {types[0]}")
    return Type(types[0].dtype, tuple(types[0].shape[axis] for axis in order))


def _transpose(arrays: Arrays, attributes: Attributes) -> Computed:
    return arrays[0].transpose(integers(attributes, "permutation"))


def _broadcast_type(types: Sequence[Type], attributes: Attributes) -> Type:
    shape = integers(attributes, "shape")
    if together([types[0].shape, shape]) != shape:
        raise refuse(f"{types[0]} does not broadcast to {shape}")
    return Type(types[0].dtype, shape)


def _broadcast(arrays: Arrays, attributes: Attributes) -> Computed:
    return np.broadcast_to(arrays[0], integers(attributes, "shape"))


def _concat_type(types: Sequence[Type], attributes: Attributes) -> Type:
    axis, first = integer(attributes, "axis"), types[0]
    for each in types:
        same = each.dtype == first.dtype and len(each.shape) == len(first.shape)
        if not same or any(
            a != b
            for i, (a, b) in enumerate(zip(each.shape, first.shape, strict=True))
            if i != axis
        ):
            raise refuse(f"{first} and {each} cannot be joined along axis {axis}")
    total = sum(each.shape[axis] for each in types)
    return Type(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _concat(arrays: Arrays, attributes: Attributes) -> Computed:
    return np.concatenate(list(arrays), integer(attributes, "axis"))


def _slice_type(types: Sequence[Type], attributes: Attributes) -> Type:
    settings = [integers(attributes, name) for name in ("starts", "stops", "steps")]
    lengths: list[int] = []
    for length, start, stop, step in zip(types[0].shape, *settings, strict=True):
        if not 0 <= start <= stop <= length or step < 1:
            raise refuse(f"{start}:{stop}:{step} is no part of an axis of {length}")
        lengths.append(-(-(stop - start) // step))
    return Type(types[0].dtype, tuple(lengths))


def _slice(arrays: Arrays, attributes: Attributes) -> Computed:
    settings = [integers(attributes, name) for name in ("starts", "stops", "steps")]
    return arrays[0][tuple(slice(*each) for each in zip(*settings, strict=True))]


MODES: Final = ("constant", "reflect", "edge", "wrap")


def _pad_type(types: Sequence[Type], attributes: Attributes) -> Type:
    low, high = integers(attributes, "low"), integers(attributes, "high")
    mode = word(attributes, "mode")
    if mode not in MODES or min((*low, *high), default=0) < 0:
        raise refuse(f"pad does not take {mode} by {low} and {high}")
    lengths = [a + b + n for a, b, n in zip(low, high, types[0].shape, strict=True)]
    return Type(types[0].dtype, tuple(lengths))


def _pad(arrays: Arrays, attributes: Attributes) -> Computed:
    low, high = integers(attributes, "low"), integers(attributes, "high")
    border = list(zip(low, high, strict=True))
    if not border:
        return arrays[0]
    if word(attributes, "mode") == "constant":
        value = np.asarray(number(attributes, "value")).astype(arrays[0].dtype)
        return np.pad(arrays[0], border, constant_values=value)
    mode: Literal["reflect", "edge", "wrap"] = word(attributes, "mode")  # pyright: ignore[reportAssignmentType] checked by the shape rule
    return np.pad(arrays[0], border, mode)


OPERATORS: Final = (
    Operator(
        "reshape",
        "The same elements in the same order in another shape.",
        1,
        1,
        ("shape",),
        _reshape_type,
        _reshape,
    ),
    Operator(
        "transpose",
        "Axis i of the result is axis permutation[i] of the value.",
        1,
        1,
        ("permutation",),
        _transpose_type,
        _transpose,
    ),
    Operator(
        "broadcast",
        "The value repeated to a shape, by numpy's rule.",
        1,
        1,
        ("shape",),
        _broadcast_type,
        _broadcast,
    ),
    Operator(
        "concat",
        "Values joined along an axis.",
        1,
        4096,
        ("axis",),
        _concat_type,
        _concat,
    ),
    Operator(
        "slice",
        "Every step-th element of each axis from start, below stop; steps are positive.",
        1,
        1,
        ("starts", "stops", "steps"),
        _slice_type,
        _slice,
    ),
    Operator(
        "pad",
        "The value in a border of a constant, its mirror image, its edge, or its other side.",
        1,
        1,
        ("low", "high", "mode", "value"),
        _pad_type,
        _pad,
    ),
)
"""Every operator of this file."""
