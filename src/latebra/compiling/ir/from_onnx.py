"""From ONNX to the core graph: shapes fixed, constants folded, operators said in core ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.builder import Builder, Value
from latebra.compiling.ir.graph import DTYPES, Graph, Type
from latebra.compiling.ir.importing import (
    control,
    einsum,
    elementwise,
    functions,
    indexing,
    linear,
    normalising,
    quantising,
    recurrent,
    reducing,
    resizing,
    shaping,
    spectral,
)
from latebra.compiling.ir.importing.call import Call, Rule
from latebra.core.errors import Unsupported

_FAMILIES: Final = (
    elementwise,
    linear,
    einsum,
    shaping,
    reducing,
    indexing,
    normalising,
    resizing,
    quantising,
    recurrent,
    spectral,
    control,
)
RULES: Final[Mapping[str, Rule]] = {
    name: rule for family in _FAMILIES for name, rule in family.rules().items()
}
"""How each ONNX operator is said in core operators. Others are taken where ONNX itself says them
in operators of this table."""
STANDARD: Final = ("", "ai.onnx")
OLDEST: Final = 7


def from_onnx(
    source: bytes | Path,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dimensions: Mapping[str, int] | None = None,
    constants: Mapping[str, NDArray[Any]] | None = None,
) -> Graph:
    """Returns an ONNX model as a core graph.

    Args:
        source: The bytes of a file, weights included; or its path, weights beside it or not.
        shapes: The shape of each input that the file leaves open, by name.
        dimensions: Lengths of the symbolic dimensions that the file declares, by name.
        constants: Inputs that are fixed once and for all, such as the shape of a Reshape, by name;
            the graph no longer takes them.

    Raises:
        Unsupported: It is not an ONNX model, an open shape is not given, or an operator cannot be
            taken; the message names the operator, its opset and the reason.
    """
    model = _read(source)
    opset = next((e.version for e in model.opset_import if e.domain in STANDARD), 0)
    if opset < OLDEST:
        raise Unsupported(
            f"the model is written in opset {opset}", fix=f"export it in opset {OLDEST} or later"
        )
    return _Import(model, opset).graph(shapes or {}, dimensions or {}, constants or {})


def _read(source: bytes | Path) -> Any:
    import onnx

    try:
        model: Any = (
            onnx.load_model_from_string(source)
            if isinstance(source, bytes)
            else onnx.load_model(str(source))  # pyright: ignore[reportUnknownMemberType] half typed
        )
        if model.functions:
            from onnx import inliner

            model = inliner.inline_local_functions(model)
    except Unsupported:
        raise
    except Exception as error:
        raise Unsupported("this is not an ONNX file", fix="export the network as ONNX") from error
    if not model.graph.output:
        raise Unsupported("the model gives nothing", fix="export the network as ONNX")
    return model


class _Import:
    """One model, on its way."""

    def __init__(self, model: Any, opset: int) -> None:
        self.model = model
        self.opset = opset
        self.builder = Builder(model.graph.name or "model")

    def graph(
        self,
        shapes: Mapping[str, Sequence[int]],
        dimensions: Mapping[str, int],
        constants: Mapping[str, NDArray[Any]],
    ) -> Graph:
        source = self.model.graph
        known: dict[str, Value] = {}
        held = {tensor.name for tensor in source.initializer}
        for each in source.input:
            if each.name in constants:
                known[each.name] = self.builder.constant(constants[each.name], each.name)
            elif each.name not in held:
                kind = _input_type(each, shapes.get(each.name), dimensions)
                known[each.name] = self.builder.input(each.name, kind)
        self._constants(source, known)
        self._nodes(source.node, known, {each.name for each in source.output}, self.opset)
        missing = [each.name for each in source.output if each.name not in known]
        if missing:
            raise Unsupported(
                f"nothing gives output {missing[0]!r}", fix="export the network again"
            )
        return self.builder.finish({each.name: known[each.name] for each in source.output})

    def _constants(self, source: Any, known: dict[str, Value]) -> None:
        if source.sparse_initializer:
            raise Unsupported("a constant is sparse", fix="export the network with dense weights")
        for tensor in source.initializer:
            known[tensor.name] = self.builder.constant(array_of(tensor), tensor.name)

    def _nodes(
        self, nodes: Iterable[Any], known: dict[str, Value], wanted: set[str], opset: int
    ) -> None:
        nodes = list(nodes)
        read = wanted | {name for node in nodes for name in names_read(node)}
        for node in nodes:
            self._node(node, known, read, opset)

    def _node(self, node: Any, known: dict[str, Value], read: set[str], opset: int) -> None:
        name = node.op_type
        if node.domain not in STANDARD:
            raise Unsupported(
                f"{node.domain}::{name} is no operator of ONNX's own",
                fix="export the network with standard operators",
            )
        late = [each for each in node.input if each and each not in known]
        if late:
            raise Unsupported(
                f"{name} takes {late[0]!r}, which nothing gives", fix="export the network again"
            )
        inputs = [known[each] if each else None for each in node.input]
        rule = RULES.get(name)
        if rule is None:
            body = functions.body_of(node, inputs, opset)
            if body is None:
                raise Unsupported(
                    f"{name} of opset {opset} cannot be taken: it has no rule",
                    fix="export the network without it",
                )
            results: Sequence[Value | None] = self._body(body, inputs, opset)
        else:
            call = Call(
                self.builder,
                name,
                opset,
                inputs,
                functions.attributes_of(node),
                [bool(each) and each in read for each in node.output],
                lambda graph, values: self._branch(graph, values, known, opset),
            )
            found = rule(call)
            results = (found,) if isinstance(found, Value) else found
        given = zip(node.output, results, strict=False)
        known.update((name, value) for name, value in given if name and value is not None)
        lost = [each for each in node.output[len(results) :] if each and each in read]
        if lost:
            raise Unsupported(
                f"{name} of opset {opset} cannot be taken: its output {lost[0]!r} is not computed",
                fix="export the network without it",
            )

    def _branch(
        self, graph: Any, values: Sequence[Value], outer: Mapping[str, Value], opset: int
    ) -> list[Value]:
        known = dict(outer)
        known.update(zip((each.name for each in graph.input), values, strict=False))
        self._constants(graph, known)
        self._nodes(graph.node, known, {each.name for each in graph.output}, opset)
        return [known[each.name] for each in graph.output]

    def _body(self, body: Any, values: Sequence[Value | None], opset: int) -> tuple[Any, ...]:
        known = {
            name: value
            for name, value in zip(body.input, values, strict=False)
            if value is not None
        }
        opset = next((e.version for e in body.opset_import if e.domain in STANDARD), opset)
        nodes = [
            functions.without_missing(node, set(body.input) - set(known)) for node in body.node
        ]
        self._nodes(nodes, known, set(body.output), opset)
        return tuple(known.get(name) for name in body.output)


def names_read(node: Any) -> set[str]:
    """Returns every name that a node reads, also within the graphs that it holds."""
    found = set(node.input)
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            found.update(each.name for each in graph.output)
            for inner in graph.node:
                found |= names_read(inner)
    return found


def array_of(tensor: Any) -> NDArray[Any]:
    """Returns a tensor as an array.

    Raises:
        Unsupported: Its elements are of a type that numpy lacks, or lie in another file.
    """
    from onnx import TensorProto, helper, numpy_helper

    vendor: Any = helper
    kind = np.dtype(vendor.tensor_dtype_to_np_dtype(tensor.data_type)).name
    if kind not in DTYPES:
        raise Unsupported(
            f"constant {tensor.name!r} has elements that the core graph lacks",
            fix="export the network in 32-bit floats",
        )
    if tensor.data_location == TensorProto.EXTERNAL and not tensor.raw_data:
        raise Unsupported(
            f"constant {tensor.name!r} lies in another file", fix="give the path, not the bytes"
        )
    return np.asarray(numpy_helper.to_array(tensor))


def _input_type(each: Any, told: Sequence[int] | None, dimensions: Mapping[str, int]) -> Type:
    """Returns the type of an input: as told, or as the file says with its dimensions bound."""
    from onnx import helper

    vendor: Any = helper
    if each.type.WhichOneof("value") != "tensor_type":
        raise Unsupported(f"input {each.name!r} is not an array", fix="export the network again")
    kind = each.type.tensor_type
    dtype = np.dtype(vendor.tensor_dtype_to_np_dtype(kind.elem_type)).name
    said = [
        int(axis.dim_value) if axis.HasField("dim_value") else dimensions.get(axis.dim_param, -1)
        for axis in kind.shape.dim
    ]
    if told is None:
        if not kind.HasField("shape") or min(said, default=0) < 0:
            names = [axis.dim_param or "?" for axis in kind.shape.dim]
            raise Unsupported(
                f"input {each.name!r} has open dimensions ({', '.join(names)})",
                fix="give its shape",
            )
        return Type(dtype, tuple(said))
    fits = len(told) == len(said) and all(a in (-1, b) for a, b in zip(said, told, strict=True))
    if kind.HasField("shape") and not fits:
        raise Unsupported(
            f"input {each.name!r} was given shape {tuple(told)}, the model says {tuple(said)}",
            fix="give a shape of the model's own lengths",
        )
    return Type(dtype, tuple(int(n) for n in told))
