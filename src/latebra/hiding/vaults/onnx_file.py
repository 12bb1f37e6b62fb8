"""Float initialisers of an ONNX file's main graph, whose numbers lie in it as bytes.

Those that it keeps as 16-bit numbers in varints (``int32_data``) are left alone, and so are the
constants of nodes and of inner graphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final

from latebra.core.onnx_format import Element, Graph, Model, Tensor
from latebra.core.protobuf import BYTES, VARINT, Field, fields, varints
from latebra.hiding.vaults.places import BF16, F16, F32, Place

_TYPES: Final = {Element.FLOAT: F32, Element.FLOAT16: F16, Element.BFLOAT16: BF16}


def places(file: memoryview) -> list[Place]:
    """Returns where the numbers of float initialisers lie.

    Raises:
        ValueError: The file is damaged, or keeps weights in other files.
    """
    found: list[Place] = []
    graphs = 0
    for graph, start in _placed(file, 0):
        if graph.number != Model.GRAPH or graph.wire != BYTES:
            continue
        graphs += 1
        for tensor, inside in _placed(graph.content, start):
            if tensor.number == Graph.INITIALISERS and tensor.wire == BYTES:
                found += _tensor(tensor.content, inside)
    if not graphs:
        raise ValueError("it holds no graph")
    return found


def _placed(message: memoryview, start: int) -> Iterator[tuple[Field, int]]:
    """Yields the fields of a message, and where in the file their content starts."""
    for field in fields(message):
        start += len(field.whole)
        yield field, start - len(field.content)


def _tensor(message: memoryview, start: int) -> Iterator[Place]:
    name, kind, shape = "", None, list[int]()
    contents: list[tuple[int, int, int]] = []
    for field, at in _placed(message, start):
        if field.number == Tensor.NAME and field.wire == BYTES:
            name = bytes(field.content).decode()
        elif field.number == Tensor.TYPE and field.wire == VARINT:
            kind = _TYPES.get(field.value)
        elif field.number == Tensor.DIMS:
            shape += [field.value] if field.wire == VARINT else varints(field.content)
        elif field.number in (Tensor.RAW, Tensor.FLOAT_DATA):
            contents.append((field.number, at, len(field.content)))
        elif field.number == Tensor.LOCATION and field.value:
            raise ValueError(f"it keeps {name or 'weights'!r:.100} in another file; save it as one")
    # Several pieces are what old writers made of a list: a number has no fixed place then.
    if (
        kind is None
        or len(contents) != 1
        or (contents[0][0] == Tensor.FLOAT_DATA and kind is not F32)
    ):
        return
    _, at, length = contents[0]
    if length != prod(shape) * kind.size:
        raise ValueError(f"tensor {name!r:.100} of shape {shape} has {length} bytes")
    yield Place(name, kind, at, prod(shape))
