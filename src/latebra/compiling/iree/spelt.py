"""ONNX's operators that IREE gets wrong, in words that it gets right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import BuildFailed


def spelt_out(proto: Any) -> Any:
    """Returns the model with its shapes inferred and what IREE gets wrong spelt out."""
    import onnx
    from onnx import helper

    proto = onnx.shape_inference.infer_shapes(proto)
    graph: Any = proto.graph
    known = {value.name: value for value in [*graph.value_info, *graph.input, *graph.output]}
    opset = next(each.version for each in proto.opset_import if each.domain in ("", "ai.onnx"))
    nodes: list[Any] = []
    for node in graph.node:
        told = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        match node.op_type:
            case "DepthToSpace" if told.get("mode") == b"CRD":
                kind = known[node.input[0]].type.tensor_type
                nodes += _depth_to_space(graph, node, int(told["blocksize"]), kind)
            case "Gelu" if told.get("approximate") == b"tanh":
                kind = known[node.input[0]].type.tensor_type
                nodes += _gelu(graph, node, helper.tensor_dtype_to_np_dtype(kind.elem_type))
            case "InstanceNormalization" if node.input[0] in known:
                kind = known[node.input[0]].type.tensor_type
                dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
                nodes += _instance_norm(graph, node, dtype, len(kind.shape.dim), opset)
            case _:
                nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return onnx.shape_inference.infer_shapes(proto)  # The importer wants every type.


def _depth_to_space(graph: Any, node: Any, b: int, kind: Any) -> list[Any]:
    """Returns nodes for ``DepthToSpace`` in the CRD order, with ``b`` the side of a block."""
    from onnx import helper, numpy_helper

    (source,), (target,) = node.input, node.output
    n, c, h, w = (axis.dim_value for axis in kind.shape.dim)
    if not all((n, c, h, w)):
        raise BuildFailed("DepthToSpace has an open shape", fix="export with fixed shapes")
    shapes = ((n, c // b**2, b, b, h, w), (n, c // b**2, h * b, w * b))
    for number, shape in enumerate(shapes):
        held = numpy_helper.from_array(np.array(shape, np.int64), f"{target}/shape{number}")
        graph.initializer.append(held)
    parts, moved = f"{target}/parts", f"{target}/moved"
    return [
        helper.make_node("Reshape", [source, f"{target}/shape0"], [parts]),
        # The definition in the ONNX operator set: depth, row of block, column of block.
        helper.make_node("Transpose", [parts], [moved], perm=[0, 1, 4, 2, 5, 3]),
        helper.make_node("Reshape", [moved, f"{target}/shape1"], [target]),
    ]


def _gelu(graph: Any, node: Any, dtype: Any) -> list[Any]:
    """Returns nodes for ``Gelu`` by tanh: x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    numbers = {"a": 0.044715, "b": np.sqrt(2 / np.pi), "one": 1.0, "half": 0.5}
    held = {name: np.array(value).astype(dtype) for name, value in numbers.items()}
    return _steps(
        graph,
        node,
        held,
        "Mul x x > squared; Mul squared x > cubed; Mul cubed a > small; Add x small > sum; "
        "Mul sum b > inner; Tanh inner > bent; Add bent one > raised; Mul x half > halved; "
        "Mul raised halved > y",
    )


def _instance_norm(graph: Any, node: Any, dtype: Any, rank: int, opset: int) -> list[Any]:
    """Returns nodes for ``InstanceNormalization``; the variance is the mean of squares."""
    from onnx import helper

    told = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    axes = list(range(2, rank))
    held = {
        "epsilon": np.array(told.get("epsilon", 1e-5)).astype(dtype),
        "across": np.array([1, -1, *[1] * len(axes)]),
        "axes": np.array(axes),
    }
    # Axes became an input of the operator in operator set 18.
    mean = "ReduceMean {0} axes > {1}" if opset >= 18 else "ReduceMean {0} > {1}"
    return _steps(
        graph,
        node,
        held,
        f"{mean.format('x', 'mean')}; Sub x mean > off; Mul off off > squares; "
        f"{mean.format('squares', 'variance')}; Add variance epsilon > safe; Sqrt safe > spread; "
        "Div off spread > unit; Reshape scale across > factors; Reshape bias across > terms; "
        "Mul unit factors > scaled; Add scaled terms > y",
        **({} if opset >= 18 else {"axes": axes}),
    )


def _steps(
    graph: Any, node: Any, held: dict[str, NDArray[Any]], steps: str, **folding: Any
) -> list[Any]:
    """Returns the nodes of ``Operator in in > out; ...``, with constants put in the graph.

    Args:
        graph: Where constants go.
        node: What is replaced; ``x``, ``scale``, ``bias`` are its inputs, ``y`` is its output.
        held: Constants by name.
        steps: The operators, one after another.
        folding: Attributes of each ``ReduceMean``.
    """
    from onnx import helper, numpy_helper

    (target,) = node.output
    names = dict(zip(("x", "scale", "bias"), node.input, strict=False)) | {"y": target}
    for name, array in held.items():
        graph.initializer.append(numpy_helper.from_array(array, f"{target}/{name}"))
    nodes: list[Any] = []
    for step in steps.split("; "):
        before, _, result = step.partition(" > ")
        operator, *inputs = before.split()
        told = folding if operator == "ReduceMean" else {}
        given = [names.get(name, f"{target}/{name}") for name in inputs]
        found = names.get(result, f"{target}/{result}")
        nodes.append(helper.make_node(operator, given, [found], **told))
    return nodes
