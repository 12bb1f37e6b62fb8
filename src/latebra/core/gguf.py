"""What a GGUF file of version 2 or 3 holds: metadata, and where its tensors lie.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_USUAL_ALIGNMENT: Final = 32
_MOST_DIMS: Final = 8
_MOST_DEPTH: Final = 4
"""Of arrays in arrays."""
_STRING: Final = 8
_ARRAY: Final = 9
_LAYOUTS: Final = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    7: "?",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
"""How numpy calls a value of metadata, by its type's number."""


@dataclass(frozen=True)
class Stored:
    """Where one tensor lies.

    Args:
        kind: The number of its type: 0 is 32-bit floats, 1 is 16-bit floats, others are blocks.
        shape: One length per axis, the one that varies slowest first, as numpy has it.
        start: Of its first byte in the file.
    """

    kind: int
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Args:
        facts: Metadata by name: numbers, strings, lists, and arrays of numbers as numpy has them.
        tensors: By name, in the file's order.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, Stored]


def read(file: memoryview) -> Contents:
    """Returns what a file holds; tensors stay where they are.

    Raises:
        ValueError: The file is damaged, or of another version.
    """
    cursor = _Cursor(file)
    if bytes(cursor.take(4)) != MAGIC:
        raise ValueError("it does not start as GGUF does")
    version = cursor.number("<I")
    if version not in _VERSIONS:
        raise ValueError(f"it is GGUF of version {version}, not 2 or 3")
    count, pairs = cursor.number("<Q"), cursor.number("<Q")
    facts: dict[str, Any] = {}
    for _ in range(pairs):
        name = cursor.text()
        facts[name] = cursor.value(cursor.number("<I"), 0)
    alignment = facts.get("general.alignment", _USUAL_ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        raise ValueError(f"it is aligned to {alignment!r:.50} bytes")
    told = dict(_told(cursor) for _ in range(count))
    if len(told) != count:
        raise ValueError("two tensors have one name")
    data = -(-cursor.at // alignment) * alignment
    tensors = {
        name: Stored(each.kind, each.shape, data + each.start) for name, each in told.items()
    }
    return Contents(facts, tensors)


def _told(cursor: _Cursor) -> tuple[str, Stored]:
    """Returns a tensor's name, and where it lies after the start of the data."""
    name, dims = cursor.text(), cursor.number("<I")
    if dims > _MOST_DIMS:
        raise ValueError(f"tensor {name!r:.100} has {dims} axes")
    shape = tuple(cursor.number("<Q") for _ in range(dims))[::-1]
    return name, Stored(cursor.number("<I"), shape, cursor.number("<Q"))


@final
class _Cursor:
    """Reads what comes next, and never past the end."""

    def __init__(self, file: memoryview) -> None:
        self.at = 0
        self._file = file

    def take(self, count: int) -> memoryview:
        """Returns the next ``count`` bytes."""
        if count > len(self._file) - self.at:
            raise ValueError(f"it ends at {len(self._file)} of {self.at + count} bytes")
        self.at += count
        return self._file[self.at - count : self.at]

    def number(self, layout: str) -> int:
        """Returns the next number, of a layout as struct has them."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def text(self) -> str:
        """Returns the next string: its length in 8 bytes, then its letters."""
        return str(self.take(self.number("<Q")), "utf-8", "surrogateescape")

    def value(self, kind: int, depth: int) -> Any:
        """Returns a value of metadata."""
        if kind in _LAYOUTS:
            layout = np.dtype(_LAYOUTS[kind])
            return np.frombuffer(self.take(layout.itemsize), layout)[0].item()
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY or depth >= _MOST_DEPTH:
            raise ValueError(f"its metadata have a value of type {kind}")
        inner, count = self.number("<I"), self.number("<Q")
        if inner in _LAYOUTS:
            layout = np.dtype(_LAYOUTS[inner])
            return np.frombuffer(self.take(count * layout.itemsize), layout)
        return [self.value(inner, depth + 1) for _ in range(count)]
