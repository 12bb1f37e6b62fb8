"""A keyed tree of codewords: which bytes the tokens of a text are coupled with, for given bits.

The first 20 bits name a node; from there each block of 4 bits leads to a child, and each node has a
keystream of its own. So two texts share bytes only as long as their bits are the same from the
beginning: the bits begin with a salt, and what follows needs no other mask. Every code symbol
depends on all bits before it, which a reader who follows a hypothesis uses to keep in step with a
text that lacks words or has others. (Tree codes for channels that lose and add symbols: Gallager
1961, Lincoln Laboratory report 25 G-2; hash functions as tree codes: Perry, Iannucci, Fleming,
Balakrishnan, Shah, Spinal Codes, SIGCOMM 2012, section 3.)

    token t of a text           is coupled with
    0 … 39                      the first 20 bits
    40 + 9 i + q                block i, q = 0 … 8, of N blocks
    40 + 9 N + 2 N p + 2 i + q  block i again, q = 0, 1, p = 0, 1, … without end
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import UInt8

from latebra.core.errors import InputError
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens.agreement import Bits

OPENING_BITS: Final = 20
"""Bits that a reader finds by trying all: so many texts of a key differ from the first word on."""
RANGE_BITS: Final = 15
"""Values that share a keystream."""
OPENING: Final = 40
"""Tokens that carry the opening."""
BLOCK_BITS: Final = 4
VALUES: Final = 1 << BLOCK_BITS
FIRST: Final = 9
"""Tokens that a block has in the first pass."""
LATER: Final = 2
"""Tokens that a block has in each pass after it."""
BUCKETS: Final = 256

Row = UInt8[np.ndarray, " 256"]


def buckets(stream: Stream, vocabulary: int) -> UInt8[np.ndarray, " vocabulary"]:
    """Returns the bucket of each token: a part of the vocabulary that only the key knows."""
    return np.frombuffer(stream.child("buckets").bytes(vocabulary), np.uint8)


def opening_bytes(stream: Stream, token: int, bucket: int, part: int) -> UInt8[np.ndarray, " _"]:
    """Returns the bytes of a bucket at one of the first tokens.

    Args:
        stream: The two ends' stream.
        token: Which token.
        bucket: Which bucket.
        part: The highest bits of the opening; there is a byte for each value of the others.
    """
    return np.frombuffer(
        stream.child("opening", bytes([token, bucket, part])).bytes(1 << RANGE_BITS), np.uint8
    )


def root(stream: Stream, opening: int) -> Stream:
    """Returns the node that the first bits lead to."""
    return stream.child("node", opening.to_bytes(4, "little"))


def blocks_of(bits: int) -> int:
    """Returns how many blocks follow the opening.

    Raises:
        InputError: It is not a whole number of at least one.
    """
    blocks, rest = divmod(bits - OPENING_BITS, BLOCK_BITS)
    if rest or blocks < 1:
        raise InputError(
            f"{bits} bits are no opening of {OPENING_BITS} and blocks of {BLOCK_BITS}",
            fix="give a whole number of bytes, three or more",
        )
    return blocks


def begins(number: int, blocks: int) -> int:
    """Returns the first token of a pass over the blocks, the first pass being number 0."""
    return OPENING + (number > 0) * (FIRST - LATER) * blocks + number * LATER * blocks


def place(token: int, blocks: int) -> tuple[int, int]:
    """Returns the block of a token after the opening, and how many tokens it had before."""
    past = token - OPENING
    if past < FIRST * blocks:
        return past // FIRST, past % FIRST
    number, past = divmod(past - FIRST * blocks, LATER * blocks)
    return past // LATER, FIRST + number * LATER + past % LATER


def shift(which: int, value: int) -> int:
    """Returns what a value adds to a node's bytes, modulo 256, at one of the block's tokens.

    No two values of a block come nearer than a sixteenth of the circle, and those that are near
    at one token are far apart at the next.
    """
    return BUCKETS // VALUES * ((2 * which + 1) * value % VALUES)


@dataclass(frozen=True, eq=False)
class Path:
    """One way through the tree, from the root to a leaf.

    Args:
        stream: The two ends' stream.
        bits: What leads there: an opening, and blocks.
    """

    stream: Stream
    bits: Bits

    @cached_property
    def opening(self) -> int:
        """The first bits as a number, the first bit the highest."""
        return _number(self.bits[:OPENING_BITS])

    @cached_property
    def values(self) -> list[int]:
        """The blocks."""
        count = blocks_of(self.bits.size)
        return [_number(each) for each in self.bits[OPENING_BITS:].reshape(count, BLOCK_BITS)]

    @cached_property
    def nodes(self) -> list[Stream]:
        """The nodes that the blocks leave from."""
        found = [root(self.stream, self.opening)]
        for value in self.values[:-1]:
            found.append(found[-1].child("block", bytes([value])))
        return found

    def row(self, token: int) -> Row:
        """Returns a byte for each bucket: what the ``token``-th token is coupled with."""
        if token < OPENING:
            part, rest = divmod(self.opening, 1 << RANGE_BITS)
            every = [opening_bytes(self.stream, token, each, part)[rest] for each in range(BUCKETS)]
            return np.array(every, np.uint8)
        block, which = place(token, len(self.values))
        start = which * BUCKETS
        own = np.frombuffer(self.nodes[block].bytes(start + BUCKETS), np.uint8)[start:]
        return own + np.uint8(shift(which, self.values[block]))


def _number(bits: Bits) -> int:
    return int("".join(map(str, bits.tolist())), 2)
