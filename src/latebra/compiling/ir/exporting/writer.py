"""An ONNX graph that grows from a core graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Graph, Type


class Writer:
    """An ONNX graph that grows.

    Args:
        graph: The core graph that is written.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self._made = 0
        wanted = {held: name for name, held in graph.outputs.items()}
        results = {node.output for node in graph.nodes}
        self._names = {held: name for held, name in wanted.items() if held in results}
        self._taken = {*graph.inputs, *graph.outputs}

    def name(self, value: str) -> str:
        """Returns what a value is called in the file: outputs as the graph says."""
        if value in self.graph.inputs:
            return value
        if value not in self._names:
            self._names[value] = f"{value}_" if value in self._taken else value
        return self._names[value]

    def known(self, value: str) -> NDArray[Any] | None:
        """Returns what a value holds, where it is a constant."""
        return self.graph.constants.get(value)

    def type(self, value: str) -> Type:
        """Returns the type of a value."""
        return self.graph.types[value]

    def fresh(self) -> str:
        """Returns a name that nothing has."""
        self._made += 1
        return f"onnx_{self._made}"

    def constant(self, array: NDArray[Any]) -> str:
        """Returns the name of a new constant."""
        name = self.fresh()
        self.constants[name] = array
        return name

    def numbers(self, *values: int) -> str:
        """Returns the name of a new constant of whole numbers."""
        return self.constant(np.asarray(values, np.int64))

    def put(self, op: str, inputs: Sequence[str], output: str = "", **told: Any) -> str:
        """Adds a node, and returns the name of its result."""
        from onnx import helper

        vendor: Any = helper
        output = output or self.fresh()
        self.nodes.append(vendor.make_node(op, list(inputs), [output], **told))
        return output
