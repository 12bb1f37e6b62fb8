"""A whole core graph, computed in a vendor's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.from_onnx import from_onnx
from latebra.compiling.ir.graph import Graph
from latebra.compiling.ir.passes.halves import widen_halves
from latebra.compiling.ir.passes.usual import improved
from latebra.compiling.ir.passes.whole import spell_whole_convs
from latebra.compiling.spelling import arranging, elementwise, folding
from latebra.compiling.spelling.algebra import Algebra
from latebra.compiling.spelling.call import Call, Entry

ENTRIES: Final[Mapping[str, Entry]] = {
    **arranging.entries(),
    **elementwise.entries(),
    **folding.entries(),
}
"""The spelling of each core operator, by its name."""
_ROUNDING: Final = frozenset({"floor", "round"})


def read(onnx: bytes) -> Graph:
    """Returns an ONNX file as a core graph that can be spelt.

    It is improved, floats have 32 bits at least, and convolutions of whole numbers are products.

    Raises:
        Unsupported: An operator cannot be taken, or a shape is open.
    """
    return spell_whole_convs(improved(widen_halves(from_onnx(onnx))))


def compute(graph: Graph, algebra: Algebra, values: Sequence[Any]) -> tuple[Any, ...]:
    """Returns the outputs of a core graph, the vendor's values each.

    Args:
        graph: The graph.
        algebra: The vendor's functions on arrays.
        values: The inputs, the vendor's values, in the graph's order.
    """
    known: dict[str, Any] = dict(zip(graph.inputs, values, strict=True))
    known.update((name, algebra.constant(array)) for name, array in graph.constants.items())
    rounded: set[str] = set()
    for node in reversed(graph.nodes):  # What is rounded up is turned twice on its way.
        if node.op in _ROUNDING or (node.op == "mul" and node.output in rounded):
            rounded.update(node.inputs)
    for node in graph.nodes:
        kind = graph.types[node.output]
        if not kind.size:  # Vendors differ in what they make of nothing.
            known[node.output] = algebra.constant(np.zeros(kind.shape, kind.dtype))
            continue
        known[node.output] = ENTRIES[node.op](
            Call(
                algebra,
                node,
                [known[name] for name in node.inputs],
                [graph.types[name] for name in node.inputs],
                kind,
                [graph.constants.get(name) for name in node.inputs],
                node.output in rounded,
            )
        )
    return tuple(known[held] for held in graph.outputs.values())
