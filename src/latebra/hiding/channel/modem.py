"""Frames in, Gaussian vectors out, and back: code, keyed order, keystream and synchronisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from latebra.core.errors import DoesNotFit
from latebra.hiding.channel import gaussian, sync
from latebra.hiding.channel.codes import Code, code
from latebra.hiding.channel.stream import Stream
from latebra.hiding.channel.table import Room, Table


@dataclass(frozen=True)
class Found:
    """A frame that a modem thinks it read; only opening the frame tells whether it did.

    Args:
        salt: The salt that the carrier was made with.
        frame: The frame's bytes.
    """

    salt: bytes
    frame: bytes


@dataclass(frozen=True)
class Modem:
    """Writes a frame into a standard Gaussian vector, and reads it back softly.

    Everything keyed comes from ``stream``. What is the same for all carriers of one key (the order
    of dimensions) is harmless alone; whatever touches a bit or a magnitude comes from a child of
    the stream that the salt names, so that no two carriers share a keystream: two carriers under
    one mask would show the linear code in the exclusive or of their signs.

    Args:
        table: The calibrated channel.
        stream: The secret of this key, carrier and context.
    """

    table: Table
    stream: Stream

    def modulate(self, frame: bytes, salt: bytes) -> Float32[np.ndarray, " dims"]:
        """Returns a vector that carries ``frame``: exactly N(0, 1) in each dimension.

        Args:
            frame: As many bytes as one of the table's rooms has.
            salt: Fresh random bytes, as many as the table's word says.

        Raises:
            DoesNotFit: No room has that size.
        """
        table = self.table
        room = next((room for room in table.rooms if room.size == len(frame)), None)
        if room is None:
            sizes = ", ".join(str(room.size) for room in table.rooms)
            raise DoesNotFit(f"a frame of {len(frame)} bytes has no room, there are {sizes} bytes")
        picture = self.stream.child("salt", salt)
        dims, planes = self.layout(room)
        depths = self._depths(dims)
        depths[table.synchronising] = 1
        slots = self._slots(depths)
        bits = np.zeros(int(depths.sum(dtype=np.int64)), np.uint8)
        places = slots[dims] + planes
        coded = self._code(room, places.size).encode(np.unpackbits(np.frombuffer(frame, np.uint8)))
        bits[places] = coded ^ picture.child("mask").bits(places.size)
        bits[slots[self._word_order()]] = sync.write(
            table.word, salt, table.rooms.index(room), self.stream.child("word")
        )
        return gaussian.sample(bits, depths, picture.child("magnitude").uniform(depths.size))

    def demodulate(
        self,
        received: Float32[np.ndarray, " dims"],
        noise: Float32[np.ndarray, " dims"] | None = None,
    ) -> Iterator[Found]:
        """Yields what may be a frame.

        The synchronisation word names the room as well as the salt. The work is the same whether or
        not a word is found: without one, a salt of zeros and the largest room stand in.

        Args:
            received: The vector that came back.
            noise: Standard deviation of what was added to each dimension, where this very cover
                tells; else it is the table's. What lies where is the table's to say either way.
        """
        table = self.table
        noise = table.noise if noise is None else noise
        at = self._word_order()
        ones = np.ones(at.size, np.uint8)
        llr = gaussian.soften(received[at], ones, table.gain[at], noise[at])
        found = sync.search(table.word, llr, len(table.rooms), self.stream.child("word"))
        salt, index = found or (bytes(table.word.salt_bytes), -1)
        room = table.rooms[index]
        dims, planes = self.layout(room)
        depths = self._depths(dims)
        places = self._slots(depths)[dims] + planes
        soft = gaussian.soften(received, depths, table.gain, noise)[places]
        mask = self.stream.child("salt", salt).child("mask").bits(places.size)
        bits = self._code(room, places.size).decode(soft * (1 - 2 * mask.astype(np.float32)))
        if bits is not None and found:
            yield Found(salt, np.packbits(bits).tobytes())

    def layout(self, room: Room) -> tuple[Int64[np.ndarray, " coded"], Int64[np.ndarray, " coded"]]:
        """Returns the dimension of each coded bit, and which of its bits it is, 0 the sign.

        It is a keyed permutation of everything that the room's dimensions carry.
        """
        carrying = self.table.carrying(room.dims)
        depths = self.table.depths[carrying].astype(np.int64)
        dims = np.repeat(carrying, depths)
        planes = np.arange(dims.size) - np.repeat(np.cumsum(depths) - depths, depths)
        binding = room.size.to_bytes(4, "little")
        order = self.stream.child("order", binding).permutation(dims.size)
        return dims[order], planes[order]

    def _depths(self, dims: Int64[np.ndarray, " coded"]) -> UInt8[np.ndarray, " dims"]:
        """Returns how many bits each dimension carries when these carry coded bits."""
        depths = np.zeros(self.table.gain.size, np.uint8)
        depths[dims] = self.table.depths[dims]
        return depths

    @staticmethod
    def _code(room: Room, slots: int) -> Code:
        return code(8 * room.size, slots)

    @staticmethod
    def _slots(depths: UInt8[np.ndarray, " dims"]) -> Int64[np.ndarray, " dims"]:
        """Returns where each dimension's first bit stands among all bits."""
        return np.cumsum(depths, dtype=np.int64) - depths

    def _word_order(self) -> Int64[np.ndarray, " bits"]:
        """Returns the synchronisation word's dimensions in their keyed order."""
        dims = self.table.synchronising
        return dims[self.stream.child("order of the word").permutation(dims.size)]
