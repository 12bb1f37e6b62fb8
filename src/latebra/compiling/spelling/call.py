"""One node of a core graph with its values, as its spelling reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Node, Type
from latebra.compiling.ir.operation import integer, integers, word
from latebra.compiling.spelling.algebra import Algebra


@dataclass(frozen=True)
class Call:
    """One node of a core graph with its values.

    Args:
        algebra: The vendor's functions on arrays.
        node: The node.
        inputs: What it takes, the vendor's values.
        types: What those are.
        result: What it gives.
        held: The inputs that are constants, as arrays; None for the others.
        rounded: Whether the result is rounded to whole numbers next, so that its last bit matters.
    """

    algebra: Algebra
    node: Node
    inputs: Sequence[Any]
    types: Sequence[Type]
    result: Type
    held: Sequence[NDArray[Any] | None]
    rounded: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the first input."""
        return self.types[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the first input's elements."""
        return np.dtype(self.types[0].dtype)

    def map(self, name: str, *values: Any) -> Any:
        """Returns a function of each element; see ``Algebra.map``."""
        return self.algebra.map(name, *values)

    def like(self, number: float | int) -> Any:
        """Returns a number of the first input's type."""
        return self.algebra.constant(np.asarray(number).astype(self.dtype))

    def whole(self, array: Any) -> Any:
        """Returns whole numbers of 64 bits as a constant."""
        return self.algebra.constant(np.asarray(array, np.int64))

    def integers(self, name: str) -> tuple[int, ...]:
        """Returns a setting that is a list of whole numbers."""
        return integers(self.node.attributes, name)

    def integer(self, name: str) -> int:
        """Returns a setting that is a whole number or a flag."""
        return integer(self.node.attributes, name)

    def word(self, name: str) -> str:
        """Returns a setting that is a word."""
        return word(self.node.attributes, name)


Entry = Callable[[Call], Any]
"""How an operator is spelt."""
