"""A graph of ONNX operators as plain values, and a draft of one in the making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tensor:
    """A value that flows through a graph.

    Args:
        name: It is known by it, once in a graph.
        shape: The length of each axis.
        dtype: NumPy's name for the type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Node:
    """One operator of ONNX's own, with one output.

    Args:
        operator: Its name.
        inputs: Names of tensors; an empty one for an input that is left out.
        output: Name of the tensor it computes.
        attributes: Numbers, text, or lists of numbers, by name.
    """

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Graph:
    """Operators in the order of computation.

    Args:
        inputs: What is given to it.
        outputs: What it gives back.
        constants: Weights and tables by name.
        nodes: The operators.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    constants: Mapping[str, NDArray[Any]]
    nodes: tuple[Node, ...]


class Draft:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, array: NDArray[Any]) -> str:
        """Returns the name of a constant tensor; equal ones are kept once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        name = self._names.setdefault(key, f"constant{len(self._names)}")
        self._constants[name] = np.ascontiguousarray(array).reshape(array.shape)
        return name

    def scalar(self, value: float | int) -> str:
        """Returns the name of one number, as a 32-bit float of no axes."""
        return self.constant(np.array(value, np.float32))

    def do(
        self,
        operator: str,
        *inputs: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        name: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Returns the tensor that ``operator`` computes from ``inputs``, named if it has to be."""
        name = name or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(Node(operator, inputs, name, attributes))
        return Tensor(name, shape, dtype)

    def reshape(self, source: Tensor, *shape: int) -> Tensor:
        """Returns the same numbers in another shape; one length may be -1, for the rest."""
        rest = prod(source.shape) // abs(prod(shape))
        shape = tuple(rest if n == -1 else n for n in shape)
        wanted = self.constant(np.array(shape, np.int64))
        return self.do("Reshape", source.name, wanted, shape=shape, dtype=source.dtype)

    def transpose(self, source: Tensor, *axes: int) -> Tensor:
        """Returns the same numbers with the axes in another order."""
        shape = tuple(source.shape[axis] for axis in axes)
        return self.do("Transpose", source.name, shape=shape, dtype=source.dtype, perm=list(axes))

    def look_up(self, table: NDArray[Any], place: Tensor) -> Tensor:
        """Returns an entry of ``table`` for each whole number of ``place``, a tensor of floats."""
        # ONNX numbers its types; 7 is int64.
        index = self.do("Cast", place.name, shape=place.shape, dtype="int64", to=7)
        return self.do("Gather", self.constant(table), index.name, shape=place.shape)

    def done(self, given: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> Graph:
        """Returns the finished graph."""
        return Graph(given, results, dict(self._constants), tuple(self.nodes))
