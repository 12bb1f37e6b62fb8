"""What an ONNX file says of itself, read without any framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.core.errors import RunFailed, Unsupported
from latebra.core.network import Arrays
from latebra.core.onnx_format import Element, Graph, Model, Node, Opset, Value
from latebra.core.onnx_format import Tensor as TensorProto
from latebra.core.protobuf import BYTES, VARINT, Field, fields

_DTYPES: Final = {
    Element.FLOAT: "float32",
    Element.UINT8: "uint8",
    Element.INT8: "int8",
    Element.UINT16: "uint16",
    Element.INT16: "int16",
    Element.INT32: "int32",
    Element.INT64: "int64",
    Element.BOOL: "bool",
    Element.FLOAT16: "float16",
    Element.DOUBLE: "float64",
    Element.UINT32: "uint32",
    Element.UINT64: "uint64",
}


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Args:
        name: Its name in the graph.
        dtype: As numpy spells it, or ``""`` for a type numpy lacks.
        shape: One length per axis; None where the file leaves it open.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {tuple('?' if n is None else n for n in self.shape)}"


@dataclass(frozen=True)
class Facts:
    """What an ONNX file says of itself.

    Args:
        opset: Version of the standard operator set.
        operators: Operators used, as ``Conv``, or ``domain::Name`` outside the standard domain.
        inputs: What it takes, initialisers left out.
        outputs: What it gives.
    """

    opset: int
    operators: frozenset[str]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def check(self, inputs: Arrays) -> None:
        """Refuses arrays that the network does not take.

        Raises:
            RunFailed: An input is missing, unknown, or of another type or shape.
        """
        if set(inputs) != {wanted.name for wanted in self.inputs}:
            names = ", ".join(wanted.name for wanted in self.inputs)
            raise RunFailed(
                f"inputs are called {', '.join(sorted(inputs))}", fix=f"give exactly {names}"
            )
        for wanted in self.inputs:
            got = inputs[wanted.name]
            fits = len(got.shape) == len(wanted.shape) and all(
                length in (None, given)
                for length, given in zip(wanted.shape, got.shape, strict=True)
            )
            if got.dtype != np.dtype(wanted.dtype or "V") or not fits:
                raise RunFailed(
                    f"input {wanted.name!r} is {got.dtype} {got.shape}",
                    fix=f"give {wanted}",
                )


def read_facts(onnx: bytes) -> Facts:
    """Returns what an ONNX file says of itself.

    Raises:
        Unsupported: It is not an ONNX file.
    """
    try:
        facts = _model(memoryview(onnx))
    except (ValueError, UnicodeDecodeError) as error:
        raise Unsupported("this is not an ONNX file", fix="export the network as ONNX") from error
    if not facts.outputs:
        raise Unsupported("this is not an ONNX file", fix="export the network as ONNX")
    if not facts.opset:
        raise Unsupported(
            "the model names no operator set of ONNX's own",
            fix="export the network with standard operators",
        )
    return facts


def _model(data: memoryview) -> Facts:
    opset = 0
    operators: set[str] = set()
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []
    held: set[str] = set()
    for field in fields(data):
        if field.number == Model.OPSETS and field.wire == BYTES:
            entry = _last(field)
            if not _text(entry.get(Opset.DOMAIN)):
                opset = _number(entry.get(Opset.VERSION))
        elif field.number == Model.GRAPH and field.wire == BYTES:
            _graph(field.content, operators, inputs, outputs, held)
    return Facts(
        opset,
        frozenset(operators),
        tuple(tensor for tensor in inputs if tensor.name not in held),
        tuple(outputs),
    )


def _graph(
    data: memoryview,
    operators: set[str],
    inputs: list[Tensor],
    outputs: list[Tensor],
    held: set[str],
) -> None:
    for field in fields(data):
        if field.number == Graph.NODES:
            node = _last(field)
            name, domain = _text(node.get(Node.OPERATOR)), _text(node.get(Node.DOMAIN))
            operators.add(f"{domain}::{name}" if domain not in ("", "ai.onnx") else name)
        elif field.number == Graph.INITIALISERS:
            held.add(_text(_last(field).get(TensorProto.NAME)))
        elif field.number == Graph.INPUTS:
            inputs.append(_tensor(field))
        elif field.number == Graph.OUTPUTS:
            outputs.append(_tensor(field))


def _tensor(value: Field) -> Tensor:
    info = _last(value)
    kind = _last(_last(info.get(Value.TYPE)).get(Value.TENSOR_TYPE))
    shape: list[int | None] = []
    for field in fields(_content(kind.get(Value.SHAPE))):
        if field.number == Value.AXES:
            length = _last(field).get(Value.LENGTH)
            # Some exporters write -1 for a length that they leave open.
            known = length is not None and length.wire == VARINT and length.value < 1 << 63
            shape.append(length.value if length is not None and known else None)
    dtype = _DTYPES.get(_number(kind.get(Value.ELEMENT)), "")
    return Tensor(_text(info.get(Value.NAME)), dtype, tuple(shape))


def _last(message: Field | None) -> dict[int, Field]:
    """Returns the fields of a message by number, of several the last."""
    return {field.number: field for field in fields(_content(message))}


def _content(field: Field | None) -> memoryview:
    return field.content if field is not None and field.wire == BYTES else memoryview(b"")


def _number(field: Field | None) -> int:
    return field.value if field is not None and field.wire == VARINT else 0


def _text(field: Field | None) -> str:
    return bytes(_content(field)).decode()
