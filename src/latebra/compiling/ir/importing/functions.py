"""What ONNX says of its own operators in other ones, and of their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from latebra.compiling.ir.builder import Value


def attributes_of(node: Any) -> dict[str, Any]:
    """Returns the attributes of a node: numbers, text, lists, arrays, graphs."""
    import onnx
    from onnx import helper

    vendor: Any = helper
    told: dict[str, Any] = {}
    for each in node.attribute:
        value = vendor.get_attribute_value(each)
        if each.type == onnx.AttributeProto.TENSOR:
            value = _array(value)
        elif isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif each.type == onnx.AttributeProto.STRINGS:
            value = [part.decode(errors="replace") for part in value]
        told[each.name] = value
    return told


def _array(tensor: Any) -> Any:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))


def body_of(node: Any, inputs: Sequence[Value | None], opset: int) -> Any:
    """Returns what ONNX says a node is, in other operators; None where it says nothing."""
    import onnx
    from onnx import defs, helper

    vendor: Any = defs
    try:
        schema = vendor.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    if schema.has_function:
        body = onnx.FunctionProto()
        body.CopyFrom(schema.function_body)
        return _bound(body, node, schema)
    if not schema.has_context_dependent_function:
        return None
    kinds: Any = helper
    types: list[bytes] = []
    for value in inputs:
        if value is None:
            types.append(onnx.TypeProto().SerializeToString())
            continue
        dtype = kinds.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
        types.append(kinds.make_tensor_type_proto(dtype, value.shape).SerializeToString())
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
    if not versions:
        return None
    written = schema.get_context_dependent_function_with_opset_version(
        max(versions), node.SerializeToString(), types
    )
    body = onnx.FunctionProto.FromString(written)
    return _bound(body, node, schema)


def _bound(body: Any, node: Any, schema: Any) -> Any:
    """Puts a node's attributes where its body refers to them."""
    told = {each.name: each for each in node.attribute}
    usual = {
        name: each.default_value
        for name, each in schema.attributes.items()
        if each.default_value.type
    }

    def bind(inner: Any) -> None:
        for i in reversed(range(len(inner.attribute))):
            attribute = inner.attribute[i]
            if attribute.ref_attr_name:
                value = told.get(attribute.ref_attr_name, usual.get(attribute.ref_attr_name))
                name = attribute.name
                if value is None:
                    del inner.attribute[i]
                    continue
                attribute.CopyFrom(value)
                attribute.name = name
            for graph in [attribute.g, *attribute.graphs]:
                for each in graph.node:
                    bind(each)

    for inner in body.node:
        bind(inner)
    return body


def without_missing(node: Any, missing: set[str]) -> Any:
    """Returns a node of a body that reads nothing which the caller left out."""
    for i, name in enumerate(node.input):
        if name in missing:
            node.input[i] = ""
    return node
