"""What an ONNX file says of itself, read without any framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.core.errors import RunFailed, Unsupported
from latebra.core.network import Arrays

# Field numbers and element types: onnx/onnx.proto, https://github.com/onnx/onnx.
_DTYPES: Final = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}
_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5


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
    except (IndexError, ValueError, UnicodeDecodeError) as error:
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
    for field, value in _fields(data):
        if field == 8 and isinstance(value, memoryview):  # ModelProto.opset_import
            entry = dict(_fields(value))
            if not bytes(_view(entry.get(1))):
                opset = _number(entry.get(2))
        elif field == 7 and isinstance(value, memoryview):  # ModelProto.graph
            _graph(value, operators, inputs, outputs, held)
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
    for field, value in _fields(data):
        if field == 1:  # GraphProto.node
            node = dict(_fields(_view(value)))
            name, domain = _text(node.get(4)), _text(node.get(7))
            operators.add(f"{domain}::{name}" if domain not in ("", "ai.onnx") else name)
        elif field == 5:  # GraphProto.initializer
            held.add(next((_text(v) for f, v in _fields(_view(value)) if f == 8), ""))
        elif field == 11:
            inputs.append(_tensor(_view(value)))
        elif field == 12:
            outputs.append(_tensor(_view(value)))


def _tensor(data: memoryview) -> Tensor:
    info = dict(_fields(data))
    kind = dict(_fields(_view(dict(_fields(_view(info.get(2)))).get(1))))
    shape: list[int | None] = []
    for field, value in _fields(_view(kind.get(2))):
        if field == 1:  # TensorShapeProto.dim
            length = dict(_fields(_view(value))).get(1)
            # Some exporters write -1 for a length that they leave open.
            shape.append(length if isinstance(length, int) and length < 1 << 63 else None)
    return Tensor(_text(info.get(1)), _DTYPES.get(_number(kind.get(1)), ""), tuple(shape))


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields field number and value, as protobuf writes them.

    Source: https://protobuf.dev/programming-guides/encoding/.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(data):
            raise ValueError("a field runs past the end")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def _view(value: int | memoryview | None) -> memoryview:
    return value if isinstance(value, memoryview) else memoryview(b"")


def _number(value: int | memoryview | None) -> int:
    return value if isinstance(value, int) else 0


def _text(value: int | memoryview | None) -> str:
    return bytes(_view(value)).decode()
