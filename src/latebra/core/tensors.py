"""Arrays in one file, in the format of safetensors: names, types, shapes, then bytes.

Source: https://github.com/huggingface/safetensors, "Format". Its rules are kept strictly: no
holes, no overlaps, no duplicate names, so that the file holds nothing but its arrays.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latebra.core.network import Arrays

MOST_HEAD_BYTES: Final = 100_000_000
"""The format's own limit."""
ALIGNED: Final = 64
"""Where the first array starts: a cache line. The format asks for eight."""
SIZES: Final[Mapping[str, int]] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}
"""Bytes of one element, by the format's name of its type."""

_NUMPY: Final = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "F16": "float16",
    "U32": "uint32",
    "I32": "int32",
    "F32": "float32",
    "U64": "uint64",
    "I64": "int64",
    "F64": "float64",
}
_NAMES: Final = {numpy: name for name, numpy in _NUMPY.items()}


@dataclass(frozen=True)
class Entry:
    """One array in a file.

    Args:
        kind: The format's name of its type.
        shape: One length per axis.
        content: Its elements, little-endian, last axis first.
        start: Where in the file they start; zero where there is no file yet.
    """

    kind: str
    shape: tuple[int, ...]
    content: bytes | memoryview
    start: int = 0


def written(entries: Mapping[str, Entry]) -> tuple[bytes, dict[str, int]]:
    """Returns the file, and where in it each array starts.

    Entries keep their order.
    """
    head: dict[str, Any] = {}
    at = 0
    for name, entry in entries.items():
        end = at + len(entry.content)
        head[name] = {"dtype": entry.kind, "shape": list(entry.shape), "data_offsets": [at, end]}
        at = end
    told = json.dumps(head, separators=(",", ":")).encode()
    told += b" " * (-(8 + len(told)) % ALIGNED)
    start = 8 + len(told)
    places = {name: start + each["data_offsets"][0] for name, each in head.items()}
    parts = [entry.content for entry in entries.values()]
    return b"".join([struct.pack("<Q", len(told)), told, *parts]), places


def read(file: bytes | memoryview) -> dict[str, Entry]:
    """Returns the arrays of a file, which stay where they are.

    Raises:
        ValueError: It breaks a rule of the format; the text says which.
    """
    data = memoryview(file)
    if len(data) < 8:
        raise ValueError("it is too short for a header")
    (size,) = struct.unpack_from("<Q", data)
    if size > min(MOST_HEAD_BYTES, len(data) - 8):
        raise ValueError(f"its header claims {size} bytes of {len(data) - 8}")
    head = strict_json(data[8 : 8 + size])
    if not isinstance(head, dict):
        raise ValueError("its header is no JSON object")
    found: dict[str, Entry] = {}
    content, at = data[8 + size :], 0
    for name, entry in sorted(cast("dict[str, Any]", head).items(), key=_place):
        if name == "__metadata__":
            continue
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if kind not in SIZES or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"array {name!r} has the type {kind!r} and the shape {shape!r}")
        if begin != at:
            raise ValueError(f"array {name!r} starts at {begin} and not at {at}")
        if end - begin != prod(shape) * SIZES[kind] or end > len(content):
            raise ValueError(f"array {name!r} of shape {shape} ends at {end}")
        found[name] = Entry(kind, tuple(shape), content[begin:end], 8 + size + begin)
        at = end
    if at != len(content):
        raise ValueError(f"{len(content) - at} bytes belong to no array")
    return found


def from_arrays(arrays: Arrays) -> dict[str, Entry]:
    """Returns numpy arrays as entries.

    Raises:
        ValueError: A type has no name in the format.
    """
    entries: dict[str, Entry] = {}
    for name, array in arrays.items():
        kind = _NAMES.get(array.dtype.name)
        if kind is None:
            raise ValueError(f"array {name!r} has the type {array.dtype}")
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        entries[name] = Entry(kind, array.shape, little.tobytes())
    return entries


def to_arrays(entries: Mapping[str, Entry]) -> dict[str, NDArray[Any]]:
    """Returns entries as numpy arrays of their own.

    Raises:
        ValueError: numpy lacks a type.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        if entry.kind not in _NUMPY:
            raise ValueError(f"array {name!r} has the type {entry.kind}")
        kind = np.dtype(_NUMPY[entry.kind]).newbyteorder("<")
        flat: NDArray[Any] = np.frombuffer(entry.content, kind)
        arrays[name] = flat.reshape(entry.shape).astype(kind.newbyteorder("="), copy=True)
    return arrays


def strict_json(data: bytes | memoryview) -> Any:
    """Returns what a JSON text says, where it says it once and in numbers that exist.

    Raises:
        ValueError: It is damaged, nested too deeply, or names a member twice.
    """
    try:
        return json.loads(
            str(data, "utf-8"), object_pairs_hook=_once, parse_constant=_no_such_number
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it says {twice!r} twice")
    return found


def _no_such_number(spelling: str) -> Any:
    raise ValueError(f"it holds {spelling}")


def _place(item: tuple[str, Any]) -> tuple[int, int]:
    """Returns where an entry of a header lies, with every complaint about its form."""
    name, entry = item
    if name == "__metadata__":
        return -1, -1
    if not isinstance(entry, dict):
        raise ValueError(f"array {name!r} is described by {entry!r:.100}")
    told = cast("dict[str, Any]", entry)
    if set(told) != {"dtype", "shape", "data_offsets"} or not isinstance(told["dtype"], str):
        raise ValueError(f"array {name!r} is described by {told!r:.100}")
    if not isinstance(told["shape"], list):
        raise ValueError(f"array {name!r} has the shape {told['shape']!r:.100}")
    offsets = told["data_offsets"]
    if not isinstance(offsets, list) or [type(n) for n in cast("list[Any]", offsets)] != [int, int]:
        raise ValueError(f"array {name!r} lies at {offsets!r:.100}")
    begin, end = cast("list[int]", offsets)
    if not 0 <= begin <= end:
        raise ValueError(f"array {name!r} lies at {offsets!r:.100}")
    return begin, end
