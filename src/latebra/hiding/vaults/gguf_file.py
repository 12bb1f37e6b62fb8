"""Tensors of a GGUF file, version 2 or 3, that are stored as floats and not as blocks.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Final, final

from latebra.hiding.vaults.places import BF16, F16, F32, Place

MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_USUAL_ALIGNMENT: Final = 32
_MOST_DIMS: Final = 8
_MOST_DEPTH: Final = 4
"""Of arrays in arrays."""
_TYPES: Final = {0: F32, 1: F16, 30: BF16}
_STRING: Final = 8
_ARRAY: Final = 9
_UINT32: Final = 4
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of one value of metadata, by its type's number."""


def places(file: memoryview) -> list[Place]:
    """Returns where the float tensors lie.

    Raises:
        ValueError: The file is damaged, or of another version.
    """
    cursor = _Cursor(file)
    if bytes(cursor.take(4)) != MAGIC:
        raise ValueError("it does not start as GGUF does")
    version = cursor.number("<I")
    if version not in _VERSIONS:
        raise ValueError(f"it is GGUF of version {version}, not 2 or 3")
    tensors, pairs = cursor.number("<Q"), cursor.number("<Q")
    alignment = _USUAL_ALIGNMENT
    for _ in range(pairs):
        name, kind = cursor.text(), cursor.number("<I")
        if name == "general.alignment" and kind == _UINT32:
            alignment = cursor.number("<I")
        else:
            cursor.skip(kind, 0)
    if not alignment or alignment & (alignment - 1):
        raise ValueError(f"it is aligned to {alignment} bytes")
    told = [_told(cursor) for _ in range(tensors)]
    data = -(-cursor.at // alignment) * alignment
    return [
        Place(name, _TYPES[kind], data + offset, prod(shape))
        for name, shape, kind, offset in told
        if kind in _TYPES
    ]


def _told(cursor: _Cursor) -> tuple[str, list[int], int, int]:
    """Returns a tensor's name, its shape, the number of its type, and its offset."""
    name, dims = cursor.text(), cursor.number("<I")
    if dims > _MOST_DIMS:
        raise ValueError(f"tensor {name!r:.100} has {dims} axes")
    shape = [cursor.number("<Q") for _ in range(dims)]
    return name, shape, cursor.number("<I"), cursor.number("<Q")


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
        return str(self.take(self.number("<Q")), "utf-8")

    def skip(self, kind: int, depth: int) -> None:
        """Passes over a value of metadata."""
        if kind in _SIZES:
            self.take(_SIZES[kind])
        elif kind == _STRING:
            self.take(self.number("<Q"))
        elif kind == _ARRAY and depth < _MOST_DEPTH:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in _SIZES:
                self.take(count * _SIZES[inner])
                return
            for _ in range(count):
                self.skip(inner, depth + 1)
        else:
            raise ValueError(f"its metadata have a value of type {kind}")
