"""From the core graph to ONNX: few operators, fixed shapes, for compilers that read that."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from latebra.compiling.ir.exporting.rules import OPSET, RULES, plain
from latebra.compiling.ir.exporting.writer import Writer
from latebra.compiling.ir.graph import Graph, Type
from latebra.compiling.ir.passes.whole import spell_whole_convs

_IR: Final = 8
"""The version of the file format that holds this opset."""


def to_onnx(graph: Graph) -> bytes:
    """Returns a core graph as the bytes of an ONNX file.

    Raises:
        Unsupported: An operator has no counterpart on values of its type.
    """
    import onnx
    from onnx import helper, numpy_helper

    vendor: Any = helper
    graph = spell_whole_convs(graph)
    w = Writer(graph)
    for node in graph.nodes:
        inputs = [w.name(name) for name in node.inputs]
        rule = RULES.get(node.op, plain)
        rule(w, node, inputs, w.name(node.output))
    for name, held in graph.outputs.items():
        if w.name(held) != name:
            w.put("Identity", [w.name(held)], name)
    read = {name for node in w.nodes for name in node.input}
    constants = {w.name(name): array for name, array in graph.constants.items()} | w.constants
    written = vendor.make_graph(
        w.nodes,
        graph.name,
        [_told(name, kind) for name, kind in graph.inputs.items()],
        [_told(name, graph.output_type(name)) for name in graph.outputs],
        [
            numpy_helper.from_array(np.asarray(a, order="C"), n)
            for n, a in constants.items()
            if n in read
        ],
    )
    model = vendor.make_model(written, opset_imports=[vendor.make_opsetid("", OPSET)])
    model.ir_version = _IR
    model.producer_name = "latebra"
    onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType] half typed
    return model.SerializeToString()


def _told(name: str, kind: Type) -> Any:
    from onnx import helper

    vendor: Any = helper
    dtype = vendor.np_dtype_to_tensor_dtype(np.dtype(kind.dtype))
    return vendor.make_tensor_value_info(name, dtype, list(kind.shape))
