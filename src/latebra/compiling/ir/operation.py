"""What a core operator is: how many values it takes, its shape rule and its definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Attributes, Type
from latebra.core.errors import Unsupported

Infer: TypeAlias = "Callable[[Sequence[Type], Attributes], Type]"
Computed: TypeAlias = "NDArray[Any] | np.generic"
"""What numpy gives: of no axes, it is a number of numpy's."""
Evaluate: TypeAlias = "Callable[[Sequence[NDArray[Any]], Attributes], Computed]"


@dataclass(frozen=True)
class Operator:
    """One core operator.

    Args:
        name: Its id.
        about: What it computes, one sentence.
        least: The fewest values it takes.
        most: The most values it takes.
        attributes: Names of its settings; a node gives all of them.
        infer: Returns the type of its result from the types of what it takes.
        evaluate: Computes it with numpy, in whatever floats it is given: its definition.
        elementwise: Whether an element of the result depends on one element of each value alone,
            after numpy's broadcasting.
    """

    name: str
    about: str
    least: int
    most: int
    attributes: tuple[str, ...]
    infer: Infer
    evaluate: Evaluate
    elementwise: bool = False


def refuse(what: str) -> Unsupported:
    """Returns the error of a node that breaks its operator's rules."""
    return Unsupported(what, fix="this is a fault in the graph; check how it was built")


def integers(attributes: Attributes, name: str) -> tuple[int, ...]:
    """Returns a setting that is a list of whole numbers."""
    found = attributes[name]
    if not isinstance(found, tuple):
        raise refuse(f"{name} is {found!r}, not a list")
    return found


def integer(attributes: Attributes, name: str) -> int:
    """Returns a setting that is a whole number or a flag."""
    found = attributes[name]
    if not isinstance(found, int):
        raise refuse(f"{name} is {found!r}, not a whole number")
    return int(found)


def word(attributes: Attributes, name: str) -> str:
    """Returns a setting that is a word."""
    return str(attributes[name])


def number(attributes: Attributes, name: str) -> float:
    """Returns a setting that is a number."""
    found = attributes[name]
    if isinstance(found, tuple | str):
        raise refuse(f"{name} is {found!r}, not a number")
    return float(found)


def together(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Returns the shape that shapes broadcast to, by numpy's rule."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise refuse(f"shapes {', '.join(map(str, shapes))} do not broadcast") from None
