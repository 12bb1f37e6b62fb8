"""Where a frame lies among a model's low bits.

    nonce 24, salt 16           keyless places, in the level that changes numbers least
    commitment, ciphertext      keyed places, one in each of equal stretches of all the rest

The frame is a FULL one under a shared key. Its first 40 bytes are uniform, and fresh each time; of
them and the key come the places of all that follows. How long it is stands nowhere: a frame has one
of some forty lengths, and the commitment is found at the places of one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.keys import Key, derive
from latebra.hiding import frame, frame_full
from latebra.hiding.channel.stream import Stream
from latebra.hiding.frame import Binding
from latebra.hiding.vaults.slots import Slots
from latebra.hiding.vaults.spreading import spread

HEAD: Final = frame_full.NONCE + frame_full.SALT
START: Final = HEAD + frame_full.COMMITMENT
"""Bytes by which a frame is recognised."""
SMALLEST: Final = 256
LONGEST: Final = 1 << 28
"""Bytes of a frame."""


@dataclass(frozen=True)
class Room:
    """A length that a frame can have.

    Args:
        size: The frame's length in bytes.
        slots: How many slots it is spread over, the head's included.
        levels: How many levels these are.
    """

    size: int
    slots: int
    levels: int


@dataclass(frozen=True)
class Layout:
    """Where frames lie in one model.

    Args:
        slots: The model's low bits.
    """

    slots: Slots

    @cached_property
    def rooms(self) -> tuple[Room, ...]:
        """The lengths that a frame can have, ascending.

        They are the powers of two from 256, and what fills each level and those before it. A frame
        is spread over as few levels as hold it.
        """
        totals = list(accumulate(level.slots for level in self.slots.levels))
        if not totals or totals[0] < 8 * HEAD:
            return ()
        filled = [min(LONGEST, HEAD + (total - 8 * HEAD) // 8) for total in totals]
        powers = [1 << n for n in range(SMALLEST.bit_length() - 1, filled[-1].bit_length())]
        sizes = sorted({*filled, *powers})
        needed = [next(i for i, most in enumerate(filled) if size <= most) for size in sizes]
        return tuple(
            Room(size, totals[last], last + 1)
            for size, last in zip(sizes, needed, strict=True)
            if size >= SMALLEST
        )

    @cached_property
    def binding(self) -> Binding:
        """What frames are bound to: the names, types and usable numbers of this model's tensors."""
        return Binding("vault", self.slots.digest)

    def write(self, sealed: bytes, room: Room, key: Key) -> None:
        """Puts a frame into the model."""
        self.slots.write(self._head, _bits(sealed[:HEAD]))
        bits = _bits(sealed[HEAD:])
        done = 0
        for where in self._body(self._stream(sealed[:HEAD], key), room, None):
            self.slots.write(where, bits[done : done + len(where)])
            done += len(where)

    def found(self, key: Key) -> Iterator[bytes]:
        """Yields what may be a frame that this key committed to; nothing for other keys.

        Frames that fill their levels start in the same places, so that there can be several.
        """
        if not self.rooms:
            return
        head = np.packbits(self.slots.read(self._head)).tobytes()
        stream = self._stream(head, key)
        start = 8 * (START - HEAD)
        for room in self.rooms:
            told = head + self._read(stream, room, start)
            if frame.is_committed(told, self.binding, key=key):
                yield head + self._read(stream, room, None)

    def _read(self, stream: Stream, room: Room, first: int | None) -> bytes:
        parts = [self.slots.read(where) for where in self._body(stream, room, first)]
        return np.packbits(np.concatenate(parts)).tobytes()

    @cached_property
    def _head(self) -> NDArray[np.int64]:
        """Slots of the head: anybody finds them."""
        public = hashlib.sha256(b"latebra/1 vault/head\0" + self.slots.digest.encode()).digest()
        return np.concatenate(list(spread(Stream(public), self.slots.levels[0].slots, 8 * HEAD)))

    def _stream(self, head: bytes, key: Key) -> Stream:
        root = key.root(head[frame_full.NONCE :])
        return Stream(derive(root, "vault/places", self.binding.digest() + head))

    def _body(self, stream: Stream, room: Room, first: int | None) -> Iterator[NDArray[np.int64]]:
        """Yields the slots of what follows the head."""
        taken = self._head - np.arange(len(self._head))
        own = stream.child("room", room.size.to_bytes(8, "little"))
        count = 8 * (room.size - HEAD)
        for numbers in spread(own, room.slots - len(taken), count, first):
            yield numbers + np.searchsorted(taken, numbers, side="right")


def _bits(content: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(content, np.uint8))
