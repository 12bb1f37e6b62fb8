"""One node of an ONNX graph, with its values, as its rule reads it."""

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
    """One node of an ONNX graph.

    Args:
        builder: The graph that grows.
        operator: The operator's name.
        opset: Version of its operator set.
        inputs: Values; None for one that is left out.
        told: Attributes: numbers, text, lists, arrays; graphs as ONNX has them.
        outputs: For each output, whether somebody may want it.
        branch: Runs a graph attribute on values, and returns what it gives.
    """

    builder: Builder
    operator: str
    opset: int
    inputs: Sequence[Value | None]
    told: Mapping[str, Any]
    outputs: Sequence[bool]
    branch: Callable[[Any, Sequence[Value]], list[Value]]

    def __getitem__(self, at: int) -> Value:
        value = self.optional(at)
        if value is None:
            raise self.unsupported(f"its input {at} is missing")
        return value

    def optional(self, at: int) -> Value | None:
        """Returns an input, or None where it is left out."""
        return self.inputs[at] if at < len(self.inputs) else None

    def get(self, name: str, usual: Any) -> Any:
        """Returns an attribute, or what it is when nothing is said."""
        return self.told.get(name, usual)

    def has(self, at: int) -> bool:
        """Returns whether an output is wanted."""
        return at < len(self.outputs) and self.outputs[at]

    def array(self, at: int) -> NDArray[Any]:
        """Returns an input that must be a constant.

        Raises:
            Unsupported: It is computed, so that shapes would depend on it.
        """
        found = self[at].array
        if found is None:
            raise self.unsupported(f"its input {at} is computed, and shapes depend on it")
        return found

    def numbers(self, at: int, name: str = "") -> list[int] | None:
        """Returns whole numbers from a constant input or an attribute; None for neither.

        Raises:
            Unsupported: The input is computed, so that shapes would depend on it.
        """
        if self.optional(at) is not None:
            return [int(each) for each in self.array(at).reshape(-1)]
        told = self.told.get(name)
        return None if told is None else [int(each) for each in np.atleast_1d(told)]

    def scalar(self, at: int, usual: int | float) -> int | float:
        """Returns a constant input of one element, or what it is when nothing is given."""
        if self.optional(at) is None:
            return usual
        return self.array(at).reshape(-1)[0].item()

    def dtype(self, name: str, usual: str = "") -> str:
        """Returns an attribute that names a type of elements, as numpy spells it."""
        from onnx import helper

        if name not in self.told:
            return usual
        vendor: Any = helper
        return np.dtype(vendor.tensor_dtype_to_np_dtype(int(self.told[name]))).name

    def axis(self, usual: int = 0, rank: int | None = None) -> int:
        """Returns the attribute ``axis``, counted from the front."""
        rank = self[0].rank if rank is None else rank
        axis = int(self.get("axis", usual))
        if not -rank <= axis < max(rank, 1):
            raise self.unsupported(f"axis {axis} is beyond {rank} axes")
        return axis % rank if rank else 0

    def constant(self, array: NDArray[Any]) -> Value:
        """Returns a constant."""
        return self.builder.constant(array)

    def unsupported(self, reason: str) -> Unsupported:
        """Returns the error that says why this node cannot be taken."""
        return Unsupported(
            f"{self.operator} of opset {self.opset} cannot be taken: {reason}",
            fix="export the network with fixed shapes and standard operators",
        )


Result: TypeAlias = "Value | tuple[Value | None, ...]"
Rule: TypeAlias = "Callable[[Call], Result]"
"""How an operator is said: a value, or a tuple of them where it has several outputs."""
