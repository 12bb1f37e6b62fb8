"""Messages between a process and its worker: a line of JSON, then the bytes of arrays."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.network import Arrays

_LENGTHS: Final = struct.Struct("<IQ")
"""Bytes of JSON, then bytes of payload."""


@dataclass(frozen=True)
class Message:
    """What crosses the pipe.

    Args:
        head: Small facts, as JSON holds them.
        arrays: Arrays by name, of numeric types.
        blob: Bytes that are not an array, such as an artifact.
    """

    head: Mapping[str, Any]
    arrays: Arrays = field(default_factory=dict[str, NDArray[Any]])
    blob: bytes | memoryview = b""


def packed(message: Message) -> bytes:
    """Returns one message as the bytes that cross the pipe.

    Raises:
        TypeError: An array holds objects.
    """
    parts: list[bytes | memoryview] = []
    described: list[tuple[str, str, tuple[int, ...]]] = []
    for name, array in message.arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds objects")
        described.append((name, array.dtype.str, array.shape))
        parts.append(np.ascontiguousarray(array).tobytes())
    parts.append(message.blob)
    head = json.dumps({"head": message.head, "arrays": described}).encode()
    size = sum(len(part) for part in parts)
    return b"".join([_LENGTHS.pack(len(head), size), head, *parts])


def send(pipe: int, message: bytes) -> None:
    """Writes one packed message to a file descriptor.

    Raises:
        OSError: The other end is closed.
    """
    left = memoryview(message)
    while left:
        left = left[os.write(pipe, left) :]


def receive(pipe: int) -> Message:
    """Reads one message from a file descriptor; its arrays may be written to.

    Raises:
        EOFError: The other end closed before a whole message came.
    """
    head_size, size = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
    body = memoryview(_exactly(pipe, head_size + size))
    described = json.loads(bytes(body[:head_size]))
    at = head_size
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in described["arrays"]:
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        flat: NDArray[Any] = np.frombuffer(body, kind, count, at)
        # Copied, since the header's length leaves the bytes on an odd address.
        arrays[name] = flat.reshape(shape).copy()
        at += count * kind.itemsize
    return Message(described["head"], arrays, body[at:])


def _exactly(pipe: int, size: int) -> bytearray:
    read = bytearray(size)
    left = memoryview(read)
    while left:
        piece = os.read(pipe, min(len(left), 1 << 20))
        if not piece:
            raise EOFError("the pipe is closed")
        left[: len(piece)] = piece
        left = left[len(piece) :]
    return read
