"""One node of an ONNX graph, with its values, as its spelling reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.spelling.algebra import Algebra
from latebra.core.errors import Unsupported


@dataclass(frozen=True)
class Node:
    """One node of an ONNX graph, with its values.

    Args:
        algebra: The vendor's functions on arrays.
        operator: The operator's name.
        inputs: The vendor's values; None for an input that is left out.
        held: The inputs that are constants, as arrays; None for the others.
        told: Attributes by name, as ``onnx.helper`` reads them.
        outputs: How many outputs are wanted.
        opset: Version of the standard operator set.
    """

    algebra: Algebra
    operator: str
    inputs: Sequence[Any]
    held: Sequence[NDArray[Any] | None]
    told: Mapping[str, Any]
    outputs: int
    opset: int

    def map(self, name: str, *values: Any) -> Any:
        """Returns a function of each element; see ``Algebra.map``."""
        return self.algebra.map(name, *values)

    def like(self, number: float) -> Any:
        """Returns a number of the first input's type."""
        return self.algebra.constant(np.array(number).astype(self.algebra.dtype(self.inputs[0])))

    def shape(self, at: int = 0) -> tuple[int, ...]:
        """Returns the shape of an input."""
        return self.algebra.shape(self.inputs[at])

    def optional(self, at: int) -> Any:
        """Returns an input, or None where it is left out."""
        return self.inputs[at] if at < len(self.inputs) else None

    def get(self, name: str, usual: Any) -> Any:
        """Returns an attribute, or what it is when nothing is said."""
        return self.told.get(name, usual)

    def axis(self, usual: int) -> int:
        """Returns the attribute ``axis``, counted from the start."""
        told: int = self.get("axis", usual)
        return told % max(1, len(self.shape()))

    def text(self, name: str, usual: str) -> str:
        """Returns an attribute that is a word."""
        return self.told[name].decode() if name in self.told else usual

    def dtype(self, name: str) -> np.dtype[Any]:
        """Returns an attribute that names a type of elements."""
        from onnx import helper

        return np.dtype(helper.tensor_dtype_to_np_dtype(self.told[name]))

    def known(self, at: int) -> NDArray[Any] | None:
        """Returns an input that is a constant, or None."""
        return self.held[at] if at < len(self.held) else None

    def numbers(self, at: int, name: str = "") -> list[int] | None:
        """Returns whole numbers from a constant input or an attribute, or None for neither.

        Raises:
            Unsupported: The input is there but not a constant, so that shapes would depend on it.
        """
        held = self.known(at)
        if held is not None:
            return [int(each) for each in held.reshape(-1)]
        if self.optional(at) is not None:
            raise Unsupported(
                f"input {at} of {self.operator} is computed, and shapes depend on it",
                fix="export the network with fixed shapes",
            )
        told = self.told.get(name)
        return None if told is None else [int(each) for each in told]


Entry = Callable[[Node], Any]
"""How an operator is spelt: a value, or a tuple of them where it has several outputs."""
