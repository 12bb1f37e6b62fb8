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


def _elements_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at = types[0], _indices(types[1])
    _axis(x, attributes)
    if len(x.shape) != len(at.shape):
        raise refuse(f"indices {at} do not suit {x}")
    return Type(x.dtype, at.shape)


def _along(at: NDArray[Any], axis: int) -> tuple[NDArray[Any], ...]:
    """Returns where each element is, all axes given."""
    places: list[Any] = list(np.indices(at.shape, sparse=True))
    places[axis] = at
    return tuple(places)


def _elements(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at = arrays
    _within(at, x.shape[integer(attributes, "axis")])
    return x[_along(at, integer(attributes, "axis"))]


def _nd_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at = types[0], _indices(types[1])
    batch, depth = integer(attributes, "batch"), at.shape[-1]
    if x.shape[:batch] != at.shape[:batch] or batch + depth > len(x.shape):
        raise refuse(f"indices {at} do not suit {x}")
    return Type(x.dtype, (*at.shape[:-1], *x.shape[batch + depth :]))


def _nd(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at = arrays
    batch = integer(attributes, "batch")
    for i in range(at.shape[-1]):
        _within(at[..., i], x.shape[batch + i])
    lead = np.indices(at.shape[:-1], sparse=True)[:batch]
    return x[(*lead, *np.moveaxis(at, -1, 0))]


def _scatter_elements_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at, updates = types[0], _indices(types[1]), types[2]
    _axis(x, attributes)
    if updates != Type(x.dtype, at.shape) or len(at.shape) != len(x.shape):
        raise refuse(f"updates {updates} at {at} do not suit {x}")
    _reduction(attributes)
    return x


def _scatter_nd_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, at, updates = types[0], _indices(types[1]), types[2]
    wanted = Type(x.dtype, (*at.shape[:-1], *x.shape[at.shape[-1] :]))
    if updates != wanted:
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


def _put(whole: Any, where: tuple[NDArray[Any], ...], updates: NDArray[Any]) -> None:
    whole[where] = updates


def _written(
    x: NDArray[Any], where: tuple[NDArray[Any], ...], updates: NDArray[Any], how: str
) -> Computed:
    result = np.array(x)
    if how == "none":
        _put(result, where, updates)
    else:
        _COMBINE[how](result, where, updates)
    return result


def _scatter_elements(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at, updates = arrays
    axis = integer(attributes, "axis")
    _within(at, x.shape[axis])
    return _written(x, _along(at, axis), updates, _reduction(attributes))


def _scatter_nd(arrays: Arrays, attributes: Attributes) -> Computed:
    x, at, updates = arrays
    for i in range(at.shape[-1]):
        _within(at[..., i], x.shape[i])
    return _written(x, tuple(np.moveaxis(at, -1, 0)), updates, _reduction(attributes))


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
        "gather_elements",
        "One element for each index: its own place, but for the axis where the index says.",
        2,
        2,
        ("axis",),
        _elements_type,
        _elements,
    ),
    Operator(
        "gather_nd",
        "A slice for each row of indices, which names its first axes after the batch axes.",
        2,
        2,
        ("batch",),
        _nd_type,
        _nd,
    ),
    Operator(
        "scatter_elements",
        "The value with updates written, or combined, where gather_elements would read.",
        3,
        3,
        ("axis", "reduction"),
        _scatter_elements_type,
        _scatter_elements,
    ),
    Operator(
        "scatter_nd",
        "The value with updates written, or combined, where gather_nd would read.",
        3,
        3,
        ("reduction",),
        _scatter_nd_type,
        _scatter_nd,
    ),
)
"""Every operator of this file."""
