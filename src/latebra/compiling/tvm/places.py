"""Places in a tensor as one number or as many, in the vendor's expressions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any


def where(condition: Any, value: Any) -> Any:
    """Returns the value where the condition holds, else zero, with nothing read there."""
    return import_module("tvm.tirx").if_then_else(condition, value, 0.0)


def flat(place: Sequence[Any], shape: Sequence[int]) -> Any:
    """Returns the number of a place in the order of the axes."""
    found: Any = 0
    for at, length in zip(place, shape, strict=True):
        found = found * length + at
    return found


def unflat(place: Any, shape: Sequence[int]) -> list[Any]:
    """Returns the place that has a number in the order of the axes."""
    found: list[Any] = []
    for length in reversed(shape):
        found.append(place % length if length > 1 else 0)
        place = place // length
    return found[::-1]
