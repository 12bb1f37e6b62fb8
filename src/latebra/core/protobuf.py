"""Fields of a protobuf message, read and written where they lie, without the library.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
"""Wire types; groups, 3 and 4, are older than ONNX."""


@dataclass(frozen=True)
class Field:
    """One field as it lies in its message.

    Args:
        number: Its number.
        wire: Its wire type.
        whole: Key, length and content.
        content: The content: bytes, or the encoded number.
        value: The number, for a varint; the length otherwise.
    """

    number: int
    wire: int
    whole: memoryview
    content: memoryview
    value: int


def fields(data: memoryview) -> Iterator[Field]:
    """Yields the fields of a message in their order.

    Raises:
        ValueError: The message is damaged.
    """
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        wire = key & 7
        begin = at
        if wire == VARINT:
            value, at = _varint(data, at)
        elif wire == BYTES:
            value, begin = _varint(data, at)
            at = begin + value
        elif wire in (FIXED64, FIXED32):
            value = 8 if wire == FIXED64 else 4
            at += value
        else:
            raise ValueError(f"wire type {wire}")
        if at > len(data):
            raise ValueError("a field runs past the end")
        yield Field(key >> 3, wire, data[start:at], data[begin:at], value)


def varints(data: memoryview) -> list[int]:
    """Returns the numbers of a packed field.

    Raises:
        ValueError: The last has no end.
    """
    found: list[int] = []
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def number(field: int, value: int) -> bytes:
    """Returns a field that holds a number of zero or more."""
    return _as_varint(field << 3 | VARINT) + _as_varint(value)


def block(field: int, size: int) -> bytes:
    """Returns what comes before the ``size`` bytes of a field that holds bytes."""
    return _as_varint(field << 3 | BYTES) + _as_varint(size)


def text(field: int, value: str) -> bytes:
    """Returns a field that holds text."""
    encoded = value.encode()
    return block(field, len(encoded)) + encoded


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number has no end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _as_varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
