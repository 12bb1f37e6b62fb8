"""Operators that fold axes, or look along one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import FLOATS, Attributes, Type
from latebra.compiling.ir.operation import Computed, Operator, integer, integers, number, refuse
from latebra.compiling.ir.operations.linear import lowest

Arrays = Sequence[NDArray[Any]]


def _check_axes(kind: Type, axes: Sequence[int]) -> None:
    if len(set(axes)) < len(axes) or any(not 0 <= axis < len(kind.shape) for axis in axes):
        raise refuse(f"{tuple(axes)} are not axes of {kind}")


def _folded_shape(kind: Type, axes: Sequence[int], keep: int) -> tuple[int, ...]:
    _check_axes(kind, axes)
    if keep:
        return tuple(1 if i in axes else n for i, n in enumerate(kind.shape))
    return tuple(n for i, n in enumerate(kind.shape) if i not in axes)


def _fold_type(types: Sequence[Type], attributes: Attributes) -> Type:
    axes, keep = integers(attributes, "axes"), integer(attributes, "keep")
    return Type(types[0].dtype, _folded_shape(types[0], axes, keep))


def _fold(name: str, about: str, step: Callable[..., Computed]) -> Operator:
    def evaluate(arrays: Arrays, attributes: Attributes) -> Computed:
        axes, keep = integers(attributes, "axes"), integer(attributes, "keep")
        with np.errstate(all="ignore"):
            found = step(arrays[0], axis=axes, keepdims=bool(keep))
        return np.asarray(found, arrays[0].dtype)

    return Operator(name, about, 1, 1, ("axes", "keep"), _fold_type, evaluate)


def _sum(x: NDArray[Any], axis: tuple[int, ...], keepdims: bool) -> Computed:
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _prod(x: NDArray[Any], axis: tuple[int, ...], keepdims: bool) -> Computed:
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _max(x: NDArray[Any], axis: tuple[int, ...], keepdims: bool) -> Computed:
    return np.max(x, axis=axis, keepdims=keepdims, initial=lowest(x.dtype))


def _arg_type(types: Sequence[Type], attributes: Attributes) -> Type:
    axis, keep = integer(attributes, "axis"), integer(attributes, "keep")
    return Type("int64", _folded_shape(types[0], [axis], keep))


def _arg_max(arrays: Arrays, attributes: Attributes) -> Computed:
    axis, keep = integer(attributes, "axis"), integer(attributes, "keep")
    return np.asarray(np.argmax(arrays[0], axis=axis, keepdims=bool(keep)), np.int64)


def _cumulative(arrays: Arrays, attributes: Attributes) -> Computed:
    axis = integer(attributes, "axis")
    total = np.cumsum(arrays[0], axis, dtype=arrays[0].dtype)
    if not integer(attributes, "exclusive"):
        return total
    head = np.zeros_like(np.take(total, [0], axis)) if total.shape[axis] else total
    return np.concatenate([head, np.delete(total, -1, axis)], axis) if total.size else total


def _along_type(types: Sequence[Type], attributes: Attributes) -> Type:
    _check_axes(types[0], [integer(attributes, "axis")])
    return types[0]


def _softmax(arrays: Arrays, attributes: Attributes) -> Computed:
    axis = integer(attributes, "axis")
    with np.errstate(all="ignore"):
        powers = np.exp(arrays[0] - np.max(arrays[0], axis, keepdims=True, initial=-np.inf))
        return powers / np.sum(powers, axis, keepdims=True)


def _softmax_type(types: Sequence[Type], attributes: Attributes) -> Type:
    if types[0].dtype not in FLOATS:
        raise refuse(f"softmax does not take {types[0].dtype}")
    return _along_type(types, attributes)


def _normalise_type(types: Sequence[Type], attributes: Attributes) -> Type:
    if types[0].dtype not in FLOATS:
        raise refuse(f"normalise does not take {types[0].dtype}")
    return _along_type(types, attributes)


def _normalise(arrays: Arrays, attributes: Attributes) -> Computed:
    (x,) = arrays
    axes = tuple(range(integer(attributes, "axis"), x.ndim))
    with np.errstate(all="ignore"):
        off = x - np.mean(x, axes, keepdims=True, dtype=x.dtype)
        spread = np.mean(off * off, axes, keepdims=True, dtype=x.dtype)
        return off / np.sqrt(spread + np.asarray(number(attributes, "epsilon"), x.dtype))


def _sorted_type(types: Sequence[Type], attributes: Attributes) -> Type:
    return Type("int64", _along_type(types, attributes).shape)


def _sorted(arrays: Arrays, attributes: Attributes) -> Computed:
    axis = integer(attributes, "axis")
    if not integer(attributes, "descending"):
        return np.argsort(arrays[0], axis, kind="stable").astype(np.int64)
    # Backwards twice: of equal elements, the earlier one still comes first.
    order = np.argsort(np.flip(arrays[0], axis), axis, kind="stable")
    return np.asarray(arrays[0].shape[axis] - 1 - np.flip(order, axis), np.int64)


OPERATORS: Final = (
    _fold("sum", "The sum over axes; zero over nothing.", _sum),
    _fold("prod", "The product over axes; one over nothing.", _prod),
    _fold("reduce_max", "The largest over axes; of booleans, whether any is true.", _max),
    Operator(
        "arg_max",
        "Where the largest element of an axis is, the first of equal ones.",
        1,
        1,
        ("axis", "keep"),
        _arg_type,
        _arg_max,
    ),
    Operator(
        "cumsum",
        "The sum of an axis up to each place, or up to the one before.",
        1,
        1,
        ("axis", "exclusive"),
        _along_type,
        _cumulative,
    ),
    Operator(
        "softmax",
        "exp(x - max) along an axis, divided by its sum.",
        1,
        1,
        ("axis",),
        _softmax_type,
        _softmax,
    ),
    Operator(
        "normalise",
        "(x - mean) / sqrt(variance + epsilon) over all axes from one on.",
        1,
        1,
        ("axis", "epsilon"),
        _normalise_type,
        _normalise,
    ),
    Operator(
        "arg_sort",
        "Where the elements of an axis are in order; equal ones keep theirs.",
        1,
        1,
        ("axis", "descending"),
        _sorted_type,
        _sorted,
    ),
)
"""Every operator of this file."""
