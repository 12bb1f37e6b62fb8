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
from latebra.core.protobuf import BYTES, VARINT, Field, fields
from latebra.core.tensors import Entry

# Field numbers and element types: onnx/onnx.proto, https://github.com/onnx/onnx.
_MODEL_GRAPH: Final = 7
_MODEL_FUNCTIONS: Final = 25
_FUNCTION_NODE: Final = 7
_GRAPH_NODE: Final = 1
_GRAPH_INITIALIZER: Final = 5
_GRAPH_SPARSE: Final = 15
_NODE_ATTRIBUTE: Final = 5
_ATTRIBUTE_TENSORS: Final = (5, 10)
_ATTRIBUTE_GRAPHS: Final = (6, 11)
_ATTRIBUTE_SPARSE: Final = (22, 23)
_SPARSE_TENSORS: Final = (1, 2)
_DIMS, _DATA_TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_KINDS: Final[Mapping[int, str]] = {
    1: "F32",
    2: "U8",
    3: "I8",
    4: "U16",
    5: "I16",
    6: "I32",
    7: "I64",
    9: "BOOL",
    10: "F16",
    11: "F64",
    12: "U32",
    13: "U64",
    16: "BF16",
    17: "F8_E4M3",
    19: "F8_E5M2",
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
        kept = b"".join(field.whole for field in fields(tensor) if field.number != _RAW)
        told = {"location": location, "offset": places[name], "length": len(entry.content)}
        for key, value in told.items():
            pair = protobuf.text(1, key) + protobuf.text(2, str(value))
            kept += protobuf.block(_EXTERNAL, len(pair)) + pair
        return kept + protobuf.number(_LOCATION, 1)

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
        if not any(field.number == _LOCATION and field.value == 1 for field in told):
            return bytes(tensor)
        where = dict(_pair(field) for field in told if field.number == _EXTERNAL)
        if where.get("location") != location:
            raise ValueError(f"a weight lies in {where.get('location')!r}")
        content = lying.get(int(where.get("offset", "-1")))
        if content is None or len(content) != int(where.get("length", "-1")):
            raise ValueError(f"no weight lies at {where.get('offset')!r}")
        raw = protobuf.block(_RAW, len(content))
        kept = [field for field in told if field.number not in (_EXTERNAL, _LOCATION)]
        before = b"".join(field.whole for field in kept if field.number < _RAW)
        after = b"".join(field.whole for field in kept if field.number > _RAW)
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
        if (_LOCATION, 1) in told or _EXTERNAL in dict(told):
            where = dict(_pair(each) for each in fields(tensor) if each.number == _EXTERNAL)
            raise ValueError(f"a weight lies in {where.get('location')!r}")


def _with_tensors(model: memoryview, change: Callable[[memoryview], bytes]) -> bytes:
    """Returns the model with each initializer of its graph changed."""
    parts: list[bytes | memoryview] = []
    for field in fields(model):
        if field.number != _MODEL_GRAPH or field.wire != BYTES:
            parts.append(field.whole)
            continue
        inner: list[bytes | memoryview] = []
        for each in fields(field.content):
            if each.number == _GRAPH_INITIALIZER and each.wire == BYTES:
                tensor = change(each.content)
                inner += [protobuf.block(_GRAPH_INITIALIZER, len(tensor)), tensor]
            else:
                inner.append(each.whole)
        size = sum(len(part) for part in inner)
        parts += [protobuf.block(_MODEL_GRAPH, size), *inner]
    return b"".join(parts)


def _initializers(model: memoryview) -> Iterator[memoryview]:
    for graph in _inside(model, _MODEL_GRAPH):
        yield from _inside(graph, _GRAPH_INITIALIZER)


def _tensors(model: memoryview) -> Iterator[memoryview]:
    """Yields every tensor of a model, at any depth."""
    nodes: list[memoryview] = []
    graphs = list(_inside(model, _MODEL_GRAPH))
    for function in _inside(model, _MODEL_FUNCTIONS):
        nodes += _inside(function, _FUNCTION_NODE)
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from _inside(graph, _GRAPH_INITIALIZER)
            for sparse in _inside(graph, _GRAPH_SPARSE):
                yield from _inside(sparse, *_SPARSE_TENSORS)
            nodes += _inside(graph, _GRAPH_NODE)
            continue
        for attribute in _inside(nodes.pop(), _NODE_ATTRIBUTE):
            yield from _inside(attribute, *_ATTRIBUTE_TENSORS)
            for sparse in _inside(attribute, *_ATTRIBUTE_SPARSE):
                yield from _inside(sparse, *_SPARSE_TENSORS)
            graphs += _inside(attribute, *_ATTRIBUTE_GRAPHS)


def _inside(message: memoryview, *numbers: int) -> Iterator[memoryview]:
    """Yields the messages that a message holds under these numbers."""
    for field in fields(message):
        if field.number in numbers and field.wire == BYTES:
            yield field.content


def _as_entry(tensor: memoryview) -> tuple[str, Entry | None]:
    """Returns a tensor's name and content, or None where it is small or is not plain bytes."""
    name, kind, shape, raw = "", 0, list[int](), None
    for field in fields(tensor):
        if field.number == _DIMS:
            shape += [field.value] if field.wire == VARINT else protobuf.varints(field.content)
        elif field.number == _DATA_TYPE and field.wire == VARINT:
            kind = field.value
        elif field.number == _NAME:
            name = str(field.content, "utf-8")
        elif field.number == _RAW:
            raw = field.content
        elif field.number in (_EXTERNAL, _LOCATION):
            return name, None
    if raw is None or len(raw) < _LEAST_BYTES or kind not in _KINDS:
        return name, None
    if prod(shape) * tensors.SIZES[_KINDS[kind]] != len(raw):
        return name, None
    return name, Entry(_KINDS[kind], tuple(shape), raw)


def _pair(field: Field) -> tuple[str, str]:
    """Returns a ``StringStringEntryProto``."""
    told = {each.number: str(each.content, "utf-8") for each in fields(field.content)}
    return told.get(1, ""), told.get(2, "")
