"""Messages between a process and its worker: a line of JSON, and arrays in memory they share."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

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
_PIECE: Final = 1 << 16
"""What a pipe holds on Linux."""


@dataclass(frozen=True)
class Message:
    """What crosses.

    Args:
        head: Small facts, as JSON holds them.
        arrays: Arrays by name, of numeric types.
        blob: Bytes that are not an array, such as an artifact.
    """

    head: dict[str, Any]
    arrays: Arrays = field(default_factory=dict[str, NDArray[Any]])
    blob: bytes | memoryview = b""


class Garbled(Exception):
    """What came is no message."""


def packed(message: Message, arena: Arena | None = None) -> bytes:
    """Returns the bytes that cross the pipe; arrays are written to ``arena``, where there is one.

    Raises:
        RunFailed: An array's type does not cross, such as one of Python objects.
        OSError: The arena cannot grow so far.
    """
    described: list[tuple[str, str, tuple[int, ...], int]] = []
    size = 0
    for name, array in message.arrays.items():
        described.append((name, _spelt(name, array.dtype), array.shape, size))
        size += -(-array.nbytes // _ALIGNED) * _ALIGNED
    blob = (size, len(message.blob))
    size += len(message.blob)
    shared = arena is not None and size > 0
    buffer = arena.reserved(size) if arena and shared else bytearray(size)
    for (_, _, shape, at), array in zip(described, message.arrays.values(), strict=True):
        np.ndarray(shape, array.dtype, buffer, at)[...] = array
    if message.blob:
        memoryview(buffer)[blob[0] : size] = message.blob
    head = json.dumps([message.head, described, blob, size, shared]).encode()
    if shared:
        return LENGTHS.pack(len(head), 0) + head
    return b"".join([LENGTHS.pack(len(head), size), head, buffer])


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
        body = _exactly(read, head_size + size, start[LENGTHS.size :])
        told, described, (blob_at, blob_size), total, shared = json.loads(body[:head_size])
        if shared and arena is None:
            raise Garbled("it points into memory that is not shared")
        flat = arena.flat(total) if arena and shared else _bytes(body[head_size:])
        arrays = {
            name: np.ndarray(tuple(shape), _dtype(spelling), flat, at)
            for name, spelling, shape, at in described
        }
        return Message(told, arrays, flat.data[blob_at : blob_at + blob_size])
    except (ValueError, TypeError, MemoryError, OSError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from error


def _exactly(read: Reader, size: int, start: bytes) -> bytearray:
    if len(start) > size:
        raise Garbled(f"{len(start) - size} bytes too many")
    body = bytearray(start)
    while len(body) < size:
        body += read(min(size - len(body), 1 << 20))
    return body


def _bytes(payload: bytearray) -> NDArray[np.uint8]:
    return np.ndarray((len(payload),), np.uint8, payload)


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
    return np.dtype(getattr(importlib.import_module("ml_dtypes"), spelling))
