"""Weights that an ONNX file keeps in files beside it, taken in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from latebra.core.errors import UnreadableFile
from latebra.core.onnx_format import (
    ELSEWHERE,
    Attribute,
    Function,
    Graph,
    Model,
    Node,
    Pair,
    Tensor,
)
from latebra.core.protobuf import BYTES, block, fields

MOST_BYTES: Final = 2**31 - 1
"""What protobuf allows a message to have."""

_INSIDE: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {Model.GRAPH: "graph", Model.FUNCTIONS: "function"},
    "graph": {Graph.NODES: "node", Graph.INITIALISERS: "tensor"},
    "function": {Function.NODES: "node"},
    "node": {Node.ATTRIBUTES: "attribute"},
    "attribute": {
        Attribute.TENSOR: "tensor",
        Attribute.GRAPH: "graph",
        Attribute.TENSORS: "tensor",
        Attribute.GRAPHS: "graph",
    },
}
"""For each kind of message, the fields that may hold a tensor further inside, and their kinds."""


@dataclass(frozen=True)
class _Place:
    """Where a tensor's bytes lie.

    Args:
        location: A path, relative to the ONNX file's folder.
        offset: Of the first byte.
        length: How many bytes; None for all that follow.
    """

    location: str
    offset: int
    length: int | None


def outside(onnx: bytes) -> list[str]:
    """Returns the files that hold weights of an ONNX file, each once.

    Raises:
        ValueError: It is damaged.
    """
    return list(dict.fromkeys(place.location for place in _places("model", memoryview(onnx))))


def taken_in(onnx: bytes, path: Path) -> bytes:
    """Returns an ONNX file that holds all of its weights itself.

    Args:
        onnx: The bytes of the file.
        path: Where it lies; its weights lie in the same folder, or further inside.

    Raises:
        UnreadableFile: A file of weights is missing, short or elsewhere, or it is too much.
        ValueError: The ONNX file is damaged.
    """
    held = {name: _read(name, path) for name in outside(onnx)}
    if len(onnx) + sum(map(len, held.values())) > MOST_BYTES:
        raise UnreadableFile(
            f"{path} and its weights are more than 2 GiB", fix="split the network into smaller ones"
        )
    return b"".join(_filled("model", memoryview(onnx), held, path))


def _places(kind: str, data: memoryview) -> Iterator[_Place]:
    if kind == "tensor":
        if place := _place(data):
            yield place
        return
    for field in fields(data):
        if field.wire == BYTES and (inner := _INSIDE[kind].get(field.number)):
            yield from _places(inner, field.content)


def _place(tensor: memoryview) -> _Place | None:
    """Returns where a tensor's bytes lie, or None where the tensor holds them."""
    told: dict[str, str] = {}
    is_outside = False
    for field in fields(tensor):
        if field.number == Tensor.LOCATION:
            is_outside = field.value == ELSEWHERE
        elif field.number == Tensor.EXTERNAL:
            entry = {each.number: bytes(each.content).decode() for each in fields(field.content)}
            told[entry.get(Pair.KEY, "")] = entry.get(Pair.VALUE, "")
    if not is_outside:
        return None
    length = told.get("length")
    return _Place(told.get("location", ""), int(told.get("offset") or 0), int(length or 0) or None)


def _filled(
    kind: str, data: memoryview, held: Mapping[str, memoryview], path: Path
) -> Iterator[bytes | memoryview]:
    if kind == "tensor":
        yield from _whole(data, held, path)
        return
    for field in fields(data):
        inner = _INSIDE[kind].get(field.number) if field.wire == BYTES else None
        if inner is None:
            yield field.whole
            continue
        parts = list(_filled(inner, field.content, held, path))
        yield block(field.number, sum(map(len, parts)))
        yield from parts


def _whole(
    tensor: memoryview, held: Mapping[str, memoryview], path: Path
) -> Iterator[bytes | memoryview]:
    place = _place(tensor)
    for field in fields(tensor):
        if place is None or field.number not in (Tensor.RAW, Tensor.EXTERNAL, Tensor.LOCATION):
            yield field.whole
    if place:
        content = held[place.location]
        stop = len(content) if place.length is None else place.offset + place.length
        if place.offset < 0 or not place.offset <= stop <= len(content):
            raise UnreadableFile(
                f"{path.parent / place.location} has {len(content)} bytes, and {path.name} wants "
                f"{stop}",
                fix="fetch both again: they do not belong together, or one is cut short",
            )
        yield block(Tensor.RAW, stop - place.offset)
        yield content[place.offset : stop]


def _read(location: str, path: Path) -> memoryview:
    folder = path.parent.resolve()
    wanted = (folder / location).resolve()
    if not location or folder not in wanted.parents:
        # Whoever wrote the file could have any file of this machine read otherwise.
        raise UnreadableFile(
            f"{path} keeps weights in {location!r}, which is not in its folder",
            fix="put the file that holds them next to it, and save the network again",
        )
    try:
        return memoryview(wanted.read_bytes())
    except FileNotFoundError:
        raise UnreadableFile(
            f"{path} keeps weights in {location}, which is not there",
            fix=f"put {location} into {path.parent}",
        ) from None
    except OSError as error:
        raise UnreadableFile(f"{wanted} cannot be read: {error.strerror}") from None
