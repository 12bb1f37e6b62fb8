"""Keep a model's weights apart from its graph, and join them again byte by byte.

The graph stays an ONNX file like any other: its weights are *external data* that lie in a file of
safetensors, so that other tools open both where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from latebra.core import protobuf, tensors
from latebra.core.onnx_format import (
    ELSEWHERE,
    Attribute,
    Element,
    Function,
    Graph,
    Model,
    Node,
    Pair,
    Sparse,
    Tensor,
)
from latebra.core.protobuf import BYTES, VARINT, Field, fields
from latebra.core.tensors import Entry

_KINDS: Final[Mapping[int, str]] = {
    Element.FLOAT: "F32",
    Element.UINT8: "U8",
    Element.INT8: "I8",
    Element.UINT16: "U16",
    Element.INT16: "I16",
    Element.INT32: "I32",
    Element.INT64: "I64",
    Element.BOOL: "BOOL",
    Element.FLOAT16: "F16",
    Element.DOUBLE: "F64",
    Element.UINT32: "U32",
    Element.UINT64: "U64",
    Element.BFLOAT16: "BF16",
    Element.FLOAT8_E4M3: "F8_E4M3",
    Element.FLOAT8_E5M2: "F8_E5M2",
}
_LEAST_BYTES: Final = 256
"""Smaller ones are shapes, axes and constants, which belong to the graph."""


@dataclass(frozen=True)
class Apart:
    """A model in two files.

    Args:
        graph: An ONNX file.
        weights: A file of safetensors, to lie beside it.
    """

    graph: bytes
    weights: bytes


def split(onnx: bytes, location: str) -> Apart | None:
    """Returns the model with its weights apart, or None where they would not join to the same.

    Args:
        onnx: The bytes of an ONNX file.
        location: The name that the file of weights will have, beside the graph.

    Raises:
        ValueError: It is not an ONNX file.
    """
    entries: dict[str, Entry] = {}
    for tensor in _initializers(memoryview(onnx)):
        name, entry = _as_entry(tensor)
        if entry and name and name != "__metadata__" and name not in entries:
            entries[name] = entry
    if not entries:
        return None
    weights, places = tensors.written(entries)

    def leave_out(tensor: memoryview) -> bytes:
        name, entry = _as_entry(tensor)
        if entry is None or entries.get(name) != entry:
            return bytes(tensor)
        kept = b"".join(field.whole for field in fields(tensor) if field.number != Tensor.RAW)
        told = {"location": location, "offset": places[name], "length": len(entry.content)}
        for key, value in told.items():
            pair = protobuf.text(Pair.KEY, key) + protobuf.text(Pair.VALUE, str(value))
            kept += protobuf.block(Tensor.EXTERNAL, len(pair)) + pair
        return kept + protobuf.number(Tensor.LOCATION, ELSEWHERE)

    apart = Apart(_with_tensors(memoryview(onnx), leave_out), weights)
    return apart if join(apart.graph, weights, location) == onnx else None


def join(graph: bytes, weights: bytes, location: str) -> bytes:
    """Returns the model as one ONNX file.

    Args:
        graph: An ONNX file.
        weights: What it calls ``location``.
        location: The name of the file of weights.

    Raises:
        ValueError: It is not an ONNX file, or points to where its weights are not.
    """
    lying = {entry.start: entry.content for entry in tensors.read(weights).values()}

    def put_back(tensor: memoryview) -> bytes:
        told = list(fields(tensor))
        if not any(field.number == Tensor.LOCATION and field.value == ELSEWHERE for field in told):
            return bytes(tensor)
        where = dict(_pair(field) for field in told if field.number == Tensor.EXTERNAL)
        if where.get("location") != location:
            raise ValueError(f"a weight lies in {where.get('location')!r}")
        content = lying.get(int(where.get("offset", "-1")))
        if content is None or len(content) != int(where.get("length", "-1")):
            raise ValueError(f"no weight lies at {where.get('offset')!r}")
        raw = protobuf.block(Tensor.RAW, len(content))
        kept = [field for field in told if field.number not in (Tensor.EXTERNAL, Tensor.LOCATION)]
        before = b"".join(field.whole for field in kept if field.number < Tensor.RAW)
        after = b"".join(field.whole for field in kept if field.number > Tensor.RAW)
        return b"".join([before, raw, content, after])

    onnx = _with_tensors(memoryview(graph), put_back)
    require_whole(onnx)
    return onnx


def require_whole(onnx: bytes) -> None:
    """Checks that a model keeps no weight in another file, wherever in it a weight may be.

    Raises:
        ValueError: It is not an ONNX file, or one of its weights lies elsewhere.
    """
    for tensor in _tensors(memoryview(onnx)):
        told = [(field.number, field.value) for field in fields(tensor)]
        if (Tensor.LOCATION, ELSEWHERE) in told or Tensor.EXTERNAL in dict(told):
            where = dict(_pair(each) for each in fields(tensor) if each.number == Tensor.EXTERNAL)
            raise ValueError(f"a weight lies in {where.get('location')!r}")


def _with_tensors(model: memoryview, change: Callable[[memoryview], bytes]) -> bytes:
    """Returns the model with each initializer of its graph changed."""
    parts: list[bytes | memoryview] = []
    for field in fields(model):
        if field.number != Model.GRAPH or field.wire != BYTES:
            parts.append(field.whole)
            continue
        inner: list[bytes | memoryview] = []
        for each in fields(field.content):
            if each.number == Graph.INITIALISERS and each.wire == BYTES:
                tensor = change(each.content)
                inner += [protobuf.block(Graph.INITIALISERS, len(tensor)), tensor]
            else:
                inner.append(each.whole)
        size = sum(len(part) for part in inner)
        parts += [protobuf.block(Model.GRAPH, size), *inner]
    return b"".join(parts)


def _initializers(model: memoryview) -> Iterator[memoryview]:
    for graph in _inside(model, Model.GRAPH):
        yield from _inside(graph, Graph.INITIALISERS)


def _tensors(model: memoryview) -> Iterator[memoryview]:
    """Yields every tensor of a model, at any depth."""
    nodes: list[memoryview] = []
    graphs = list(_inside(model, Model.GRAPH))
    for function in _inside(model, Model.FUNCTIONS):
        nodes += _inside(function, Function.NODES)
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from _inside(graph, Graph.INITIALISERS)
            for sparse in _inside(graph, Graph.SPARSE):
                yield from _inside(sparse, Sparse.VALUES, Sparse.INDICES)
            nodes += _inside(graph, Graph.NODES)
            continue
        for attribute in _inside(nodes.pop(), Node.ATTRIBUTES):
            yield from _inside(attribute, Attribute.TENSOR, Attribute.TENSORS)
            for sparse in _inside(attribute, Attribute.SPARSE, Attribute.SPARSES):
                yield from _inside(sparse, Sparse.VALUES, Sparse.INDICES)
            graphs += _inside(attribute, Attribute.GRAPH, Attribute.GRAPHS)


def _inside(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    """Yields the messages that a message holds under these numbers."""
    for field in fields(message):
        if field.number in numbers and field.wire == BYTES:
            yield field.content


def _as_entry(tensor: memoryview) -> tuple[str, Entry | None]:
    """Returns a tensor's name and content, or None where it is small or is not plain bytes."""
    name, kind, shape, raw = "", 0, list[int](), None
    for field in fields(tensor):
        if field.number == Tensor.DIMS:
            shape += [field.value] if field.wire == VARINT else protobuf.varints(field.content)
        elif field.number == Tensor.TYPE and field.wire == VARINT:
            kind = field.value
        elif field.number == Tensor.NAME:
            name = str(field.content, "utf-8")
        elif field.number == Tensor.RAW:
            raw = field.content
        elif field.number in (Tensor.EXTERNAL, Tensor.LOCATION):
            return name, None
    if raw is None or len(raw) < _LEAST_BYTES or kind not in _KINDS:
        return name, None
    if prod(shape) * tensors.SIZES[_KINDS[kind]] != len(raw):
        return name, None
    return name, Entry(_KINDS[kind], tuple(shape), raw)


def _pair(field: Field) -> tuple[str, str]:
    """Returns a ``StringStringEntryProto``."""
    told = {each.number: str(each.content, "utf-8") for each in fields(field.content)}
    return told.get(Pair.KEY, ""), told.get(Pair.VALUE, "")
