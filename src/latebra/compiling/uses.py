"""The operators of an ONNX file, each with its attributes and types, read without any library."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

from latebra.core.errors import Unsupported
from latebra.core.onnx_format import (
    Attribute,
    Element,
    Function,
    Graph,
    Model,
    Node,
    Opset,
    Tensor,
    Value,
)
from latebra.core.protobuf import BYTES, Field, fields, varints

_FLOAT: Final = struct.Struct("<f")
_RAW: Final = {Element.FLOAT: "<f", Element.INT32: "<i", Element.INT64: "<q", Element.DOUBLE: "<d"}
"""How numbers of ``TensorProto.DataType`` lie in memory."""
_SHORT: Final = 16
"""Constants of at most so many elements are read."""
_GRAPHS: Final = (Attribute.GRAPH, Attribute.GRAPHS)
_STANDARD: Final = ("", "ai.onnx")

Shape = tuple[int, ...]
Known = Mapping[str, "Kind"]


@dataclass(frozen=True)
class Kind:
    """What a file says of a value.

    Args:
        dtype: A number of ``TensorProto.DataType``; 0 where the file does not say.
        shape: A length for each axis, -1 for one that is open; None where the file does not say.
        constant: Whether it is a constant.
        numbers: What it holds, where it is a short constant; else None.
    """

    dtype: int = 0
    shape: Shape | None = None
    constant: bool = False
    numbers: tuple[int | float, ...] | None = None


@dataclass(frozen=True)
class Use:
    """One operator of ONNX's own as a model uses it.

    Args:
        operator: Its name.
        opset: The version of the operator set.
        told: Attributes by name: whole numbers, floats, text, lists of those; others are left out.
        inputs: What is known of each input; None where it is left out.
        names: What each input is called; nothing where it is left out.
        outputs: Whether each output is wanted.
        readers: The operators that read any of its outputs.
    """

    operator: str
    opset: int
    told: Mapping[str, Any]
    inputs: tuple[Kind | None, ...]
    names: tuple[str, ...]
    outputs: tuple[bool, ...]
    readers: frozenset[str]

    def has(self, at: int) -> bool:
        """Returns whether an input is given."""
        return len(self.inputs) > at and self.inputs[at] is not None

    def wants(self, at: int) -> bool:
        """Returns whether an output is wanted."""
        return len(self.outputs) > at and self.outputs[at]

    def numbers(self, at: int) -> tuple[int | float, ...] | None:
        """Returns what an input holds, where it is given and a short constant."""
        kind = self.inputs[at] if len(self.inputs) > at else None
        return None if kind is None else kind.numbers

    def may_be(self, *kinds: int, at: int = 0) -> bool:
        """Returns whether an input is of one of these element types, or the file does not say."""
        kind = self.inputs[at] if len(self.inputs) > at else None
        return kind is not None and kind.dtype in (0, *kinds)

    def is_constant(self, at: int) -> bool:
        """Returns whether an input is given as a constant."""
        kind = self.inputs[at] if len(self.inputs) > at else None
        return kind is not None and kind.constant

    def is_empty(self, at: int = 0) -> bool:
        """Returns whether an input is known to have no elements."""
        kind = self.inputs[at] if len(self.inputs) > at else None
        return kind is not None and kind.shape is not None and 0 in kind.shape


@lru_cache(maxsize=4)
def uses_of(onnx: bytes) -> tuple[Use, ...]:
    """Returns each operator of an ONNX file, those within branches and bodies too.

    Raises:
        Unsupported: It is not an ONNX file.
    """
    try:
        return tuple(_model(memoryview(onnx)))
    except (ValueError, UnicodeDecodeError, struct.error) as error:
        raise Unsupported("this is not an ONNX file", fix="export the network as ONNX") from error


def _model(data: memoryview) -> Iterator[Use]:
    graphs: list[memoryview] = []
    opset = 0
    for field in fields(data):
        if field.number == Model.GRAPH:
            graphs.append(field.content)
        elif field.number == Model.OPSETS:
            entry = {each.number: each for each in fields(field.content)}
            domain = entry.get(Opset.DOMAIN)
            if domain is None or _text(domain.content) in _STANDARD:
                opset = entry[Opset.VERSION].value if Opset.VERSION in entry else 0
        elif field.number == Model.FUNCTIONS:
            inner = fields(field.content)
            yield from _nodes([e.content for e in inner if e.number == Function.NODES], opset)
    for graph in graphs:
        yield from _graph(graph, opset)


def _graph(data: memoryview, opset: int) -> Iterator[Use]:
    nodes: list[memoryview] = []
    known: dict[str, Kind] = {}
    for field in fields(data):
        if field.number == Graph.NODES:
            nodes.append(field.content)
        elif field.number == Graph.INITIALISERS:
            name, kind = _tensor(field.content)
            known[name] = kind
        elif field.number in (Graph.INPUTS, Graph.OUTPUTS, Graph.VALUES):
            name, kind = _value(field.content)
            known.setdefault(name, kind)
    yield from _nodes(nodes, opset, known)


def _nodes(nodes: list[memoryview], opset: int, known: Known | None = None) -> Iterator[Use]:
    parts = [_Node.read(node) for node in nodes]
    facts = dict(known or {})
    readers: dict[str, set[str]] = {}
    for part in parts:
        if part.operator == "Constant" and part.outputs:
            facts[part.outputs[0]] = part.held
        for name in part.inputs:
            readers.setdefault(name, set()).add(part.operator)
    for part in parts:
        for inner in part.graphs:
            yield from _graph(inner, opset)
        if part.domain in _STANDARD:
            yield Use(
                part.operator,
                opset,
                part.told,
                tuple(facts.get(name, Kind()) if name else None for name in part.inputs),
                tuple(part.inputs),
                tuple(bool(name) for name in part.outputs),
                frozenset(each for name in part.outputs for each in readers.get(name, ())),
            )


@dataclass
class _Node:
    inputs: list[str]
    outputs: list[str]
    operator: str
    domain: str
    told: dict[str, Any]
    graphs: list[memoryview]
    held: Kind

    @staticmethod
    def read(data: memoryview) -> _Node:
        node = _Node([], [], "", "", {}, [], Kind())
        for field in fields(data):
            match field.number:
                case Node.INPUTS:
                    node.inputs.append(_text(field.content))
                case Node.OUTPUTS:
                    node.outputs.append(_text(field.content))
                case Node.OPERATOR:
                    node.operator = _text(field.content)
                case Node.ATTRIBUTES:
                    inner = list(fields(field.content))
                    node.graphs += [each.content for each in inner if each.number in _GRAPHS]
                    node.told.update(_attribute(inner))
                    for each in inner:
                        if each.number == Attribute.TENSOR:
                            node.held = _tensor(each.content)[1]
                case Node.DOMAIN:
                    node.domain = _text(field.content)
                case _:
                    pass
        return node


def _attribute(parts: list[Field]) -> dict[str, Any]:
    """Returns an attribute by its name; nothing where it is a tensor, a graph or a type."""
    name, kind = "", 0
    single: Any = None
    several: list[Any] = []
    for field in parts:
        match field.number:
            case Attribute.NAME:
                name = bytes(field.content).decode()
            case Attribute.FLOAT:
                single = _FLOAT.unpack(field.content)[0]
            case Attribute.INT:
                single = _signed(field.value)
            case Attribute.TEXT:
                single = bytes(field.content).decode(errors="replace")
            case Attribute.FLOATS if field.wire == BYTES:
                several += [each[0] for each in _FLOAT.iter_unpack(field.content)]
            case Attribute.FLOATS:
                several.append(_FLOAT.unpack(field.content)[0])
            case Attribute.INTS if field.wire == BYTES:
                several += map(_signed, varints(field.content))
            case Attribute.INTS:
                several.append(_signed(field.value))
            case Attribute.KIND:
                kind = field.value
            case _:
                pass
    if kind in (1, 2, 3):  # FLOAT, INT, STRING; a zero is not always written
        return {name: (0 if kind != 3 else "") if single is None else single}
    return {name: tuple(several)} if kind in (6, 7) else {}


def _tensor(data: memoryview) -> tuple[str, Kind]:
    name, dtype, raw = "", 0, memoryview(b"")
    shape: list[int] = []
    whole: list[int] = []
    floats: list[float] = []
    for field in fields(data):
        match field.number:
            case Tensor.DIMS:
                shape += varints(field.content) if field.wire == BYTES else [field.value]
            case Tensor.TYPE:
                dtype = field.value
            case Tensor.FLOAT_DATA if field.wire == BYTES and len(field.content) <= 4 * _SHORT:
                floats += [each[0] for each in _FLOAT.iter_unpack(field.content)]
            case Tensor.INT32_DATA | Tensor.INT64_DATA if (
                field.wire == BYTES and len(field.content) <= 10 * _SHORT
            ):
                whole += map(_signed, varints(field.content))
            case Tensor.NAME:
                name = _text(field.content)
            case Tensor.RAW:
                raw = field.content
            case _:
                pass
    numbers: tuple[int | float, ...] | None = None
    if prod(shape) <= _SHORT:
        numbers = (*floats, *map(float, whole))
        if dtype in _RAW and len(raw):
            numbers = tuple(float(each[0]) for each in struct.iter_unpack(_RAW[dtype], raw))
        if len(numbers) != prod(shape):
            numbers = None
    return name, Kind(dtype, tuple(shape), True, numbers)


def _value(data: memoryview) -> tuple[str, Kind]:
    """Returns a value's name and kind, as a ``ValueInfoProto`` tells them."""
    told = {field.number: field.content for field in fields(data)}
    name = _text(told.get(Value.NAME, memoryview(b"")))
    kinds = {field.number: field.content for field in fields(told.get(Value.TYPE, memoryview(b"")))}
    tensor = kinds.get(Value.TENSOR_TYPE, memoryview(b""))
    found = {field.number: field for field in fields(tensor)}
    shape: Shape | None = None
    if Value.SHAPE in found:
        axes = fields(found[Value.SHAPE].content)
        shape = tuple(_length(axis.content) for axis in axes if axis.number == Value.AXES)
    return name, Kind(found[Value.ELEMENT].value if Value.ELEMENT in found else 0, shape)


def _length(axis: memoryview) -> int:
    return next((field.value for field in fields(axis) if field.number == Value.LENGTH), -1)


def _text(content: memoryview) -> str:
    return bytes(content).decode()


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
