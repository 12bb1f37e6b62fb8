"""Graphs on 16-bit floats, computed in 32 bits."""

from __future__ import annotations

import numpy as np

from latebra.compiling.ir.builder import Builder, Value
from latebra.compiling.ir.graph import Attribute, Graph

_HALF = "float16"
_SINGLE = "float32"


def widen_halves(graph: Graph) -> Graph:
    """Computes 16-bit floats in 32 bits; inputs, outputs and casts to 16 bits are rounded alone.

    Few processors compute in 16 bits, so compilers widen each operator anyway, and round after it
    or not as they like.
    """
    if all(kind.dtype != _HALF for kind in graph.types.values()):
        return graph
    builder = Builder(graph.name)
    known: dict[str, Value] = {}
    for name, kind in graph.inputs.items():
        given = builder.input(name, kind)
        known[name] = given.cast(_SINGLE) if kind.dtype == _HALF else given
    for name, array in graph.constants.items():
        wide = array.astype(np.float32) if array.dtype == np.float16 else array
        known[name] = builder.constant(wide, name)
    for node in graph.nodes:
        told: dict[str, Attribute] = dict(node.attributes)
        rounds = told.get("dtype") == _HALF
        found = builder.add(node.op, [known[each] for each in node.inputs], told, node.output)
        known[node.output] = found.cast(_SINGLE) if rounds else found
    outputs = {
        name: known[held].cast(_HALF) if graph.types[held].dtype == _HALF else known[held]
        for name, held in graph.outputs.items()
    }
    return builder.finish(outputs)
