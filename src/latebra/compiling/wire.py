"""Messages between a process and its worker: a line of JSON, and arrays in memory they share."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.arena import Arena
from latebra.core.errors import RunFailed
from latebra.core.network import Arrays

LENGTHS: Final = struct.Struct("<IQ")
"""Bytes of JSON, then bytes of payload; the payload is empty where an arena holds it."""
Reader = Callable[[int], bytes]
"""Returns at least one byte and at most so many.

Raises EOFError when the other end is closed.
"""

_ALIGNED: Final = 64
"""A cache line, and what the widest vector load wants."""
_MOST_HEAD_BYTES: Final = 1 << 26
"""Names and shapes fill no more: what says so is no message, and is not waited for."""
_SMALL_HEAD_BYTES: Final = 4096
_REMEMBERED: Final = 256
"""Descriptions remembered, each of some hundred bytes."""
_PIECE: Final = 1 << 16
"""What a pipe holds on Linux."""


class Message(NamedTuple):
    """What crosses.

    Args:
        head: Small facts, as JSON holds them.
        arrays: Arrays by name, of numeric types.
        blob: Bytes that are not an array, such as an artifact.
    """

    head: Mapping[str, Any]
    arrays: Arrays = MappingProxyType({})
    blob: bytes | memoryview = b""


class Garbled(Exception):
    """What came is no message."""


def packed(message: Message, arena: Arena | None = None) -> bytes:
    """Returns the bytes that cross the pipe; arrays are written to ``arena``, where there is one.

    Raises:
        RunFailed: An array's type does not cross, such as one of Python objects.
        OSError: The arena cannot grow so far.
    """
    head, arrays, blob = message
    kinds = tuple((name, array.dtype, array.shape) for name, array in arrays.items())
    facts = (tuple(head.items()), kinds, len(blob), arena is not None)
    try:
        layout = _layout(*facts)
    except TypeError:  # A fact is a list or a dictionary, which no cache knows it by.
        layout = _layout.__wrapped__(*facts)
    size = layout.size
    buffer = arena.reserved(size) if arena and layout.shared else bytearray(size)
    for place, array in zip(layout.places, arrays.values(), strict=True):
        np.ndarray(array.shape, array.dtype, buffer, place)[...] = array
    if blob:
        memoryview(buffer)[size - len(blob) : size] = blob
    return layout.head if layout.shared else layout.head + buffer


def receive(read: Reader, arena: Arena | None = None) -> Message:
    """Returns the next message; its arrays lie in ``arena`` where the sender put them there.

    They may be written to, and are the sender's again with the next message.

    Raises:
        EOFError: The other end closed before a whole message came.
        Garbled: What came is no message.
    """
    start = read(_PIECE)
    while len(start) < LENGTHS.size:
        start += read(_PIECE)
    head_size, size = LENGTHS.unpack_from(start)
    if head_size > _MOST_HEAD_BYTES:
        raise Garbled(f"it starts with {start[:16]!r}")
    try:
        body = start[LENGTHS.size :]
        if len(body) != head_size + size:
            body = _exactly(read, head_size + size, body)
        head = bytes(body[:head_size])
        understood = _understood if head_size <= _SMALL_HEAD_BYTES else _understood.__wrapped__
        told, described, blob_size, total, shared = understood(head)
        if shared and arena is None:
            raise Garbled("it points into memory that is not shared")
        flat = arena.flat(total) if arena and shared else _bytes(body[head_size:])
        arrays = {name: np.ndarray(shape, dtype, flat, at) for name, dtype, shape, at in described}
        return Message(told, arrays, flat.data[total - blob_size : total])
    except (ValueError, TypeError, MemoryError, OSError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from error


class _Layout(NamedTuple):
    head: bytes
    places: tuple[int, ...]
    size: int
    shared: bool


@lru_cache(_REMEMBERED)
def _layout(
    head: tuple[tuple[str, Any], ...],
    kinds: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...],
    blob_size: int,
    has_arena: bool,
) -> _Layout:
    """Returns how a message is described: a network is run often with arrays of the same kinds."""
    described: list[tuple[str, str, tuple[int, ...], int]] = []
    at = 0
    for name, dtype, shape in kinds:
        described.append((name, _spelt(name, dtype), shape, at))
        at += -(-prod(shape) * dtype.itemsize // _ALIGNED) * _ALIGNED
    size = at + blob_size
    shared = has_arena and size > 0
    told = json.dumps([dict(head), described, blob_size, size, shared]).encode()
    lengths = LENGTHS.pack(len(told), 0 if shared else size)
    return _Layout(lengths + told, tuple(place for *_, place in described), size, shared)


@lru_cache(_REMEMBERED)
def _understood(head: bytes) -> tuple[dict[str, Any], list[Any], int, int, bool]:
    """Returns what a description says: facts, arrays, size of the blob, of all, and where."""
    told, described, blob_size, total, shared = json.loads(head)
    arrays = [(name, _dtype(kind), tuple(shape), at) for name, kind, shape, at in described]
    if any(min(shape, default=0) < 0 for _, _, shape, _ in arrays):
        raise ValueError("an array has a length below zero")
    return told, arrays, blob_size, total, shared


def _exactly(read: Reader, size: int, start: bytes) -> bytes:
    if len(start) > size:
        raise Garbled(f"{len(start) - size} bytes too many")
    body = bytearray(start)
    while len(body) < size:
        body += read(min(size - len(body), 1 << 20))
    return bytes(body)


def _bytes(payload: bytes) -> NDArray[np.uint8]:
    """Returns bytes as an array that may be written to."""
    return np.ndarray((len(payload),), np.uint8, bytearray(payload))


def _spelt(name: str, dtype: np.dtype[Any]) -> str:
    """Returns how the type is written; those that numpy lacks, such as bfloat16, by their name."""
    if dtype.hasobject or dtype.fields:
        raise RunFailed(
            f"array {name!r} has the type {dtype}, which does not cross to another process",
            fix="give arrays of numbers",
        )
    return dtype.str if np.dtype(dtype.str) == dtype else dtype.name


def _dtype(spelling: str) -> np.dtype[Any]:
    if spelling[:1] in "<>|=":
        return np.dtype(spelling)
    try:
        return np.dtype(getattr(importlib.import_module("ml_dtypes"), spelling))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no type {spelling!r} here") from error
