"""One primitive of a traced JAX function, on its way into the core graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.builder import Builder, Value
from latebra.core.errors import Unsupported


@dataclass(frozen=True)
class Call:
    """One primitive with the values that it takes.

    Args:
        builder: The graph that grows.
        primitive: Its name.
        inputs: What it takes.
        told: Its parameters, as JAX holds them.
        results: The shape and dtype of each result, as JAX says.
    """

    builder: Builder
    primitive: str
    inputs: Sequence[Value]
    told: Mapping[str, Any]
    results: Sequence[tuple[tuple[int, ...], str]]

    def __getitem__(self, at: int) -> Value:
        return self.inputs[at]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return self.results[0][0]

    @property
    def dtype(self) -> str:
        """The type of the first result's elements."""
        return self.results[0][1]

    def numbers(self, name: str) -> tuple[int, ...]:
        """Returns a parameter that is a list of whole numbers."""
        return tuple(int(each) for each in self.told[name])

    def constant(self, array: NDArray[Any]) -> Value:
        """Returns a constant."""
        return self.builder.constant(array)

    def whole(self, array: Any) -> Value:
        """Returns a constant of whole numbers of 64 bits."""
        return self.builder.constant(np.asarray(array, np.int64))

    def unsupported(self, reason: str) -> Unsupported:
        """Returns the error that says why this primitive cannot be taken."""
        return Unsupported(
            f"{self.primitive} of JAX cannot be taken: {reason}",
            fix="write the function with simpler operations, or export it to ONNX yourself",
        )


Result: TypeAlias = "Value | tuple[Value, ...]"
Rule: TypeAlias = "Callable[[Call], Result]"
"""How a primitive is said: a value, or a tuple of them where it has several results."""
