"""Graphs to and from ONNX files."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError, Unavailable, UnreadableFile
from latebra.models.exact.graph import Graph, Node, Tensor

OPSET: Final = 17
IR_VERSION: Final = 8
"""Of the release of ONNX that brought opset 17."""
OPSETS: Final = range(13, 18)
"""Those that are read: between them no operator of ours changed its form."""
_OWN: Final = ("", "ai.onnx")


def to_onnx(graph: Graph, name: str = "exact") -> bytes:
    """Returns the bytes of an ONNX file, constants inside.

    Args:
        graph: What it holds.
        name: Of the graph in the file.
    """
    vendor = _onnx()
    helper = vendor.helper
    given, result = (
        [
            helper.make_tensor_value_info(
                each.name, helper.np_dtype_to_tensor_dtype(np.dtype(each.dtype)), each.shape
            )
            for each in tensors
        ]
        for tensors in (graph.inputs, graph.outputs)
    )
    nodes = [
        helper.make_node(node.operator, node.inputs, [node.output], **node.attributes)
        for node in graph.nodes
    ]
    held = [vendor.numpy_helper.from_array(each, key) for key, each in graph.constants.items()]
    proto = helper.make_model(
        helper.make_graph(nodes, name, given, result, held),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    vendor.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def from_onnx(file: bytes) -> Graph:
    """Returns the graph in an ONNX file.

    Raises:
        UnreadableFile: It is not an ONNX file.
        InputError: It has an operator that is not ONNX's own, an open shape, several outputs at one
            node, or constants in another file.
    """
    vendor = _onnx()
    try:
        proto = vendor.load_model_from_string(file)
        vendor.checker.check_model(proto, full_check=True)
    except Exception as error:
        said = str(error).strip().splitlines()
        raise UnreadableFile(
            f"this is not a sound ONNX file: {said[0] if said else type(error).__name__}",
            fix="give an ONNX file, its weights inside",
        ) from error
    graph = proto.graph
    opset = next((each.version for each in proto.opset_import if each.domain in _OWN), 0)
    if opset not in OPSETS:
        raise InputError(
            f"the file is of opset {opset}",
            fix=f"export the network with opset {OPSETS[0]} to {OPSETS[-1]}",
        )
    elsewhere = any(each.data_location for each in graph.initializer)
    if proto.functions or graph.sparse_initializer or elsewhere:
        raise InputError(
            "the file has functions, sparse weights or weights in another file",
            fix="export the network with standard operators and its weights inside",
        )
    constants: dict[str, NDArray[Any]] = {
        each.name: vendor.numpy_helper.to_array(each) for each in graph.initializer
    }
    if free := sorted(constants.keys() & {each.name for each in graph.input}):
        raise InputError(
            f"weights {free[0]!r} are an input too, so anybody may give others",
            fix="export the network with weights that are no inputs",
        )
    nodes: list[Node] = []
    for each in graph.node:
        if each.domain not in _OWN:
            raise InputError(
                f"{each.domain}::{each.op_type} is no operator of ONNX's own",
                fix="export the network with standard operators",
            )
        if len([name for name in each.output if name]) != 1:
            raise InputError(
                f"node {each.output[0]!r} ({each.op_type}) has several outputs",
                fix="export the network with operators of one output",
            )
        attributes = {a.name: _plain(vendor.helper.get_attribute_value(a)) for a in each.attribute}
        nodes.append(Node(each.op_type, tuple(each.input), each.output[0], attributes))
    inputs = tuple(_tensor(vendor, each) for each in graph.input)
    outputs = tuple(_tensor(vendor, each) for each in graph.output)
    return Graph(inputs, outputs, constants, tuple(nodes))


def _tensor(vendor: Any, info: Any) -> Tensor:
    kind = info.type.tensor_type
    lengths = [each.dim_value if each.HasField("dim_value") else 0 for each in kind.shape.dim]
    if not all(lengths) or not math.prod(lengths):
        raise InputError(
            f"{info.name!r} has an open or empty shape", fix="export the network with fixed shapes"
        )
    dtype = vendor.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return Tensor(info.name, tuple(lengths), dtype.name)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, (int, float, str)) else list(value)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise Unavailable(
            "onnx is not installed", fix="pip install 'latebra[reference]'"
        ) from error
    return onnx
