"""Arithmetic on shapes, done once: what a model with fixed axes computes about its own lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 1024
"""Numbers in a result that is kept: shapes and indices have fewer, weights belong to compilers."""
_PASSES: Final = 4
"""Times that shapes are inferred anew: each pass may fix what the next needs."""
_NEVER: Final = {"Constant", "RandomNormal", "RandomUniform", "Multinomial", "Bernoulli"}


def folded(proto: Any) -> Any:
    """Returns an ONNX model in which what follows from fixed shapes alone is constant.

    Exporters write ``Shape``, ``Gather`` and ``Concat`` before a ``Reshape``, so that it works with
    any length; once lengths are fixed these are numbers, and compilers that want fixed shapes can
    take the model. Nothing that touches the model's floats is moved, joined or reordered.

    Args:
        proto: A model whose inputs have fixed shapes. It is not changed.
    """
    import onnx

    vendor: Any = onnx
    done: Any = vendor.ModelProto()
    done.CopyFrom(proto)
    for _ in range(_PASSES):
        del done.graph.value_info[:]  # What is known of a length must not stop more being known.
        done = vendor.shape_inference.infer_shapes(done, data_prop=True)
        if not _pass(vendor, done):
            break
    return done


def _pass(vendor: Any, proto: Any) -> bool:
    """Folds what can be folded, in place, and returns whether anything was."""
    graph = proto.graph
    known = _small_constants(vendor, graph)
    shapes = _fixed_shapes(graph)
    fed = {each.name for each in graph.input}
    ends = {each.name for each in graph.output}
    used_inside = _captured(graph)
    kept: list[Any] = []
    for node in graph.node:
        found = _value(vendor, proto, node, known, shapes)
        (target, *others) = node.output
        if found is None or others or target in ends or target in used_inside or target in fed:
            kept.append(node)
            continue
        known[target] = found
        graph.initializer.append(vendor.numpy_helper.from_array(found, target))
    changed = len(kept) < len(graph.node)
    del graph.node[:]
    graph.node.extend(kept)
    return changed


def _value(
    vendor: Any,
    proto: Any,
    node: Any,
    known: Mapping[str, NDArray[Any]],
    shapes: Mapping[str, tuple[int, ...]],
) -> NDArray[Any] | None:
    """Returns what a node computes, where that is known, small and no float."""
    if node.domain not in ("", "ai.onnx") or node.op_type in _NEVER:
        return None
    if node.op_type == "Shape" and node.input[0] in shapes:
        part = {each.name: each.i for each in node.attribute}
        lengths = shapes[node.input[0]][part.get("start", 0) : part.get("end")]
        return np.array(lengths, np.int64)
    inputs = [name for name in node.input if name]
    if not inputs or any(name not in known for name in inputs):
        return None
    if any(attribute.HasField("g") for attribute in node.attribute):
        return None
    try:
        found = _computed(vendor, proto, node, {name: known[name] for name in inputs})
    except Exception:  # noqa: BLE001  # Whatever it lacks, the node stays as it was.
        return None
    array = np.asarray(found)
    return array if array.size <= MOST and array.dtype.kind in "iub" else None


def _computed(vendor: Any, proto: Any, node: Any, inputs: Mapping[str, NDArray[Any]]) -> Any:
    from onnx.reference import ReferenceEvaluator

    helper = vendor.helper
    values = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in inputs.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(node.output[0])]
    graph = helper.make_graph([node], "one", values, outputs)
    model = helper.make_model(graph, opset_imports=proto.opset_import)
    evaluator: Any = ReferenceEvaluator(model)
    return evaluator.run(None, dict(inputs))[0]


def _small_constants(vendor: Any, graph: Any) -> dict[str, NDArray[Any]]:
    numbers = vendor.numpy_helper
    fed = {each.name for each in graph.input}
    known = {
        each.name: numbers.to_array(each)
        for each in graph.initializer
        if each.name not in fed and int(np.prod(each.dims, dtype=np.int64)) <= MOST
    }
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            if int(np.prod(tensor.dims, dtype=np.int64)) <= MOST:
                known[node.output[0]] = numbers.to_array(tensor)
    return known


def _fixed_shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for value in [*graph.value_info, *graph.input]:
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            found[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
    return found


def _captured(graph: Any) -> set[str]:
    """Returns the names that inner graphs read: they may shadow, so what they read stays."""
    found: set[str] = set()
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                inner = attribute.g
                found |= {name for each in inner.node for name in each.input} | _captured(inner)
                found |= {each.name for each in inner.output}
    return found
