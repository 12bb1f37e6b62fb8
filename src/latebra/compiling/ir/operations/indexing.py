"""Operators that read or write where indices say; indices count from zero and are in range."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Attributes, Type
from latebra.compiling.ir.operation import Computed, Operator, integer, refuse, word

Arrays = Sequence[NDArray[Any]]
_INDICES: Final = ("int32", "int64")
REDUCTIONS: Final = ("none", "add", "mul", "min", "max")


def _indices(kind: Type) -> Type:
    if kind.dtype not in _INDICES:
        raise refuse(f"indices are {kind.dtype}, not whole numbers of 32 or 64 bits")
    return kind


def _axis(kind: Type, attributes: Attributes) -> int:
    axis = integer(attributes, "axis")
    if not 0 <= axis < len(kind.shape):
        raise refuse(f"{kind} has no axis {axis}")
    return axis


def _gather_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at = types[0], _indices(types[1])
    axis = _axis(x, attributes)
    return Type(x.dtype, (*x.shape[:axis], *at.shape, *x.shape[axis + 1 :]))


def _gather(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at = arrays
    _within(at, x.shape[integer(attributes, "axis")])
    return np.take(x, at, integer(attributes, "axis"))


def _within(at: NDArray[Any], length: int) -> None:
    if at.size and not 0 <= at.min() <= at.max() < length:
        raise IndexError(f"an index is outside 0 to {length - 1}")


def _scatter_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at, updates = types[0], _indices(types[1]), types[2]
    if len(at.shape) != 1 or updates != Type(x.dtype, (*at.shape, *x.shape[1:])):
        raise refuse(f"updates {updates} at {at} do not suit {x}")
    _reduction(attributes)
    return x


def _reduction(attributes: Attributes) -> str:
    found = word(attributes, "reduction")
    if found not in REDUCTIONS:
        raise refuse(f"reduction {found} is none of {', '.join(REDUCTIONS)}")
    return found


_COMBINE: Final[dict[str, Callable[..., None]]] = {
    "add": np.add.at,
    "mul": np.multiply.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}


def _scatter(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at, updates = arrays
    _within(at, x.shape[0])
    result, how = np.array(x), _reduction(attributes)
    if how == "none":
        result[at] = updates
    else:
        _COMBINE[how](result, at, updates)
    return result


OPERATORS: Final = (
    Operator(
        "gather",
        "Slices of an axis, as many as there are indices, in their shape.",
        2,
        2,
        ("axis",),
        _gather_type,
        _gather,
    ),
    Operator(
        "scatter",
        "The value with rows written, or combined, at indices of its first axis.",
        3,
        3,
        ("reduction",),
        _scatter_type,
        _scatter,
    ),
)
"""Every operator of this file."""
