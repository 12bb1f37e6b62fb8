"""A model with open dimensions, as one graph for each set of lengths that it is called with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from latebra.compiling.ir.from_onnx import from_onnx
from latebra.compiling.ir.graph import Graph
from latebra.compiling.ir.passes.usual import improved

KEPT: Final = 16
"""Graphs kept unless told otherwise: a batch and a few lengths of sequences."""

Shapes = Mapping[str, Sequence[int]]


class Specialised:
    """A model with open dimensions, and the graphs made of it so far.

    Args:
        source: The bytes of an ONNX file, or its path.
        keep: How many graphs are kept; the one unused for longest goes first.
    """

    def __init__(self, source: bytes | Path, keep: int = KEPT) -> None:
        self._source = source
        self._keep = keep
        self._graphs: OrderedDict[tuple[tuple[str, tuple[int, ...]], ...], Graph] = OrderedDict()

    def graph(self, shapes: Shapes) -> Graph:
        """Returns the improved graph for inputs of these shapes.

        Raises:
            Unsupported: The model cannot be taken at these shapes.
        """
        key = tuple(sorted((name, tuple(map(int, shape))) for name, shape in shapes.items()))
        if key not in self._graphs:
            self._graphs[key] = improved(from_onnx(self._source, shapes=shapes))
            while len(self._graphs) > self._keep:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]

    def graph_of(self, inputs: Mapping[str, NDArray[Any]]) -> Graph:
        """Returns the improved graph for these inputs.

        Raises:
            Unsupported: The model cannot be taken at their shapes.
        """
        return self.graph({name: array.shape for name, array in inputs.items()})
