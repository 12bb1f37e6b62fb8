"""Spread a message over several covers that may arrive in any order.

    single   01 | message
    several  count 1 (2 … 255) | set 4 | index 1 (from 0) | chunk

Every part travels in a frame of its own, which encrypts and authenticates it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed, PartsMissing

SINGLE_OVERHEAD: Final = 1
SET: Final = 4
PART_OVERHEAD: Final = 1 + SET + 1
MOST: Final = 255


def split(message: bytes, room: int, *, random: Callable[[int], bytes] = os.urandom) -> list[bytes]:
    """Returns parts of at most ``room`` bytes each: one if that is enough.

    Args:
        message: Any bytes.
        room: Bytes that each cover's frame holds.
        random: Returns so many random bytes, for the name of the set.

    Raises:
        DoesNotFit: It would take more than 255 parts.

    Example:
        >>> [len(part) for part in split(bytes(100), 47)]
        [47, 47, 24]
    """
    if len(message) + SINGLE_OVERHEAD <= room:
        return [b"\x01" + message]
    chunk = room - PART_OVERHEAD
    if chunk <= 0 or len(message) > MOST * chunk:
        raise DoesNotFit(
            f"message is {len(message)} bytes, {MOST} carriers of {room} bytes hold "
            f"{MOST * max(chunk, 0)}",
            fix="shorten the message, or use larger covers",
        )
    chunks = [message[start : start + chunk] for start in range(0, len(message), chunk)]
    name = random(SET)
    return [bytes([len(chunks)]) + name + bytes([i]) + each for i, each in enumerate(chunks)]


def join(parts: Iterable[bytes]) -> bytes:
    """Returns the message whose parts these are, in any order; a part may come twice.

    Args:
        parts: What ``split`` returned.

    Raises:
        PartsMissing: Some are not there; it names them, counting from 1.
        InputError: They belong to several messages.
        NothingRevealed: There are none, or one of them is no part of anything.
    """
    given = list(dict.fromkeys(parts))
    if not given:
        raise NothingRevealed
    heads = {_head(part) for part in given}
    if len(heads) > 1:
        raise InputError(
            f"the parts belong to {len(heads)} different messages",
            fix="join one set at a time",
        )
    count = given[0][0]
    if count == 1:
        return given[0][SINGLE_OVERHEAD:]
    chunks = {part[PART_OVERHEAD - 1]: part[PART_OVERHEAD:] for part in given}
    if len(chunks) < len(given):
        raise InputError("two different parts have one number", fix="join one set at a time")
    missing = [str(i + 1) for i in range(count) if i not in chunks]
    if missing:
        noun = "part" if len(missing) == 1 else "parts"
        raise PartsMissing(
            f"{noun} {', '.join(missing)} of {count} missing", fix="give the whole set"
        )
    return b"".join(chunks[i] for i in range(count))


def _head(part: bytes) -> bytes:
    """Returns what all parts of one set have in common."""
    if part and part[0] == 1:
        return part
    if len(part) < PART_OVERHEAD or part[0] < part[PART_OVERHEAD - 1] + 1:
        raise NothingRevealed
    return part[: 1 + SET]
