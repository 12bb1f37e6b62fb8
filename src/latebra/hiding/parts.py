"""Spread a long message over several carriers, readable in any order.

single   00 | message
part     01 | set 4 | index 1 | count 1 | piece      index from 0, count up to 255
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed, PartsMissing

SINGLE_OVERHEAD: Final = 1
PART_OVERHEAD: Final = 7
MOST: Final = 255
_SINGLE: Final = b"\0"
_PART: Final = b"\1"


def split(message: bytes, room: int) -> list[bytes]:
    """Returns pieces of at most ``room`` bytes each; one, when the message fits.

    Raises:
        DoesNotFit: It would take more than 255 pieces.
    """
    if len(message) + SINGLE_OVERHEAD <= room:
        return [_SINGLE + message]
    length = room - PART_OVERHEAD
    most = max(0, MOST * length)
    if len(message) > most:
        raise DoesNotFit(
            f"message is {len(message)} bytes, {MOST} carriers of {room} bytes hold {most}",
            fix="shorten the message, or choose a channel that holds more",
        )
    pieces = [message[at : at + length] for at in range(0, len(message), length)]
    head = _PART + os.urandom(4)
    return [head + bytes([index, len(pieces)]) + piece for index, piece in enumerate(pieces)]


def join(parts: Iterable[bytes]) -> bytes:
    """Returns the message whose parts are given, in any order; one given twice does no harm.

    Raises:
        PartsMissing: Not all of them are there; says which are not.
        InputError: They belong to different messages.
        NothingRevealed: One of them is no part of anything.
    """
    distinct = list(dict.fromkeys(parts))
    if not distinct or not all(_is_part(part) for part in distinct):
        raise NothingRevealed
    heads = {_SINGLE + part if part[:1] == _SINGLE else part[:5] + part[6:7] for part in distinct}
    if len(heads) > 1:
        raise InputError(
            f"these carriers hold parts of {len(heads)} different messages",
            fix="give the carriers of one message at a time",
        )
    if distinct[0][:1] == _SINGLE:
        return distinct[0][SINGLE_OVERHEAD:]
    count = distinct[0][6]
    pieces = {part[5]: part[PART_OVERHEAD:] for part in distinct}
    missing = [str(index + 1) for index in range(count) if index not in pieces]
    if missing:
        noun = "part" if len(missing) == 1 else "parts"
        raise PartsMissing(
            f"{noun} {', '.join(missing)} of {count} missing",
            fix="give all carriers of the message",
        )
    return b"".join(pieces[index] for index in range(count))


def _is_part(part: bytes) -> bool:
    if part[:1] == _SINGLE:
        return True
    return part[:1] == _PART and len(part) > PART_OVERHEAD and part[5] < part[6]
