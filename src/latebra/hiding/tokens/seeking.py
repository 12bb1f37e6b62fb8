"""Read a text that somebody edited: follow the likeliest ways through the tree, all at once.

First every value of the opening is tried against the first tokens. From the best, block by block,
all children of the ways that are still held are weighed, and the best held (the M-algorithm:
Anderson, Mohan, IEEE Trans. Commun. 32(2), 1984). Each way knows how likely it is that so many
tokens are used up, in each pass over the blocks, so that words that were lost or put in only move
what it expects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens.agreement import Bits
from latebra.hiding.tokens.drifting import Fit, followed, opened
from latebra.hiding.tokens.tree import (
    BLOCK_BITS,
    BUCKETS,
    FIRST,
    LATER,
    OPENING,
    OPENING_BITS,
    RANGE_BITS,
    VALUES,
    begins,
    blocks_of,
    opening_bytes,
    root,
    shift,
)

REACH: Final = 6
"""Places that the opening may have moved either way by its end: half as many at first."""
_SIFTED_AT: Final = 24
"""Tokens after which only the best values of a part are gone on with, later than where usual
openings of stories end, which tell little; and …"""
_SIFTED: Final = 4096
"""… how many those are."""
_WIDTH: Final = 64
"""Places that are looked at for the end of what was read, in each pass."""
OPENINGS: Final = 256
"""Values of the opening that are followed."""
_BEHIND: Final = 25.0
"""What a way that is held may be behind the best, in nats."""
_YIELDED: Final = 16
"""Ways that may be frames; the seal is the judge. The last block has no token after it that could
tell its values apart, so that the best is not always the right one."""
PARTS: Final = range(1 << (OPENING_BITS - RANGE_BITS))


@dataclass(frozen=True, eq=False)
class Received:
    """A text as it arrived.

    Args:
        stream: The writer's stream.
        buckets: The bucket of each token.
        fit: How much likelier each byte is for the token than for others.
    """

    stream: Stream
    buckets: UInt8[np.ndarray, " received"]
    fit: Fit

    @property
    def size(self) -> int:
        """How many tokens."""
        return self.buckets.size


@dataclass(frozen=True, eq=False)
class Openings:
    """The best values of the opening.

    Args:
        values: They, the best first.
        worth: Logarithms of their likelihoods.
        forward: For each, how likely it is that so many tokens are used up, from ``base`` on.
        base: The first place of ``forward``.
    """

    values: Int64[np.ndarray, " some"]
    worth: Float64[np.ndarray, " some"]
    forward: Float32[np.ndarray, "some width"]
    base: int


def openings(
    text: Received, parts: range = PARTS, most: int = OPENINGS, reach: int = REACH
) -> Openings:
    """Returns the values of the opening that fit best.

    Args:
        text: The text.
        parts: The highest bits that are tried.
        most: How many are kept.
        reach: Places that the opening may have moved.
    """
    found = [_part(text, part, most, reach) for part in parts]
    values = np.concatenate([each for each, _ in found])
    forward = np.concatenate([each for _, each in found])
    total = forward.sum(axis=1)
    best = np.argsort(-total, kind="stable")[:most]
    ways = (forward[best] / total[best, None]).astype(np.float32)
    return Openings(values[best], np.log(total[best]), ways, OPENING - reach)


def _part(
    text: Received, part: int, most: int, reach: int
) -> tuple[Int64[np.ndarray, " some"], Float64[np.ndarray, "some width"]]:
    """Returns the best values with these highest bits, and how far each has read."""
    width, values = 2 * reach + 1, np.arange(1 << RANGE_BITS)
    forward = np.zeros((width, values.size))
    forward[reach] = 1
    for token in range(OPENING):
        if token == _SIFTED_AT:
            values = _best(forward, _SIFTED)
            forward = np.ascontiguousarray(forward[:, values])
        first, near = token - reach, min(reach, reach // 2 + token // 8)
        rows = np.zeros((width, values.size), np.uint8)
        fit = np.zeros((width, BUCKETS), np.float32)
        inside = range(max(-first, reach - near), min(text.size - first, reach + near + 1))
        for w in inside:
            bucket = int(text.buckets[first + w])
            rows[w] = opening_bytes(text.stream, token, bucket, part)[values]
            fit[w] = text.fit[first + w]
        fresh = np.empty((width + 1, values.size))
        opened(forward, rows, fit, first, text.size, fresh)
        # The window goes on by a token; its first place leaves it.
        forward = fresh[1:]
    best = _best(forward, most)
    return values[best] + (part << RANGE_BITS), forward[:, best].T


def _best(forward: Float64[np.ndarray, "width values"], most: int) -> Int64[np.ndarray, " some"]:
    """Returns the values that fit best, the best first."""
    total = -forward.sum(axis=0)
    if most >= total.size:
        return np.argsort(total, kind="stable")
    # Those that are worse than all that are wanted need no order.
    near = np.flatnonzero(total <= np.partition(total, most)[most])
    return near[np.argsort(total[near], kind="stable")][:most]


@dataclass(eq=False)
class _Ways:
    """Ways through the tree that are held."""

    nodes: list[Stream]
    bits: list[tuple[int, ...]]
    worth: Float64[np.ndarray, " held"]
    forward: Float32[np.ndarray, "held passes width"]
    bases: Int64[np.ndarray, " passes"]


def read(text: Received, bits: int, start: Openings, held: int) -> Iterator[Bits]:
    """Yields what a text may carry, the likeliest first.

    Args:
        text: The text.
        bits: How many it carries.
        start: The openings to go on from.
        held: How many ways are held.
    """
    blocks = blocks_of(bits)
    ways = _begun(text, blocks, start)
    for _ in range(blocks):
        ways = _next(text, ways, held)
    for at in range(min(_YIELDED, len(ways.bits))):
        opening, *values = ways.bits[at]
        told = f"{opening:0{OPENING_BITS}b}" + "".join(f"{v:0{BLOCK_BITS}b}" for v in values)
        yield np.array(list(map(int, told)), np.uint8)


def _begun(text: Received, blocks: int, start: Openings) -> _Ways:
    """Returns the openings as ways, with what is known of where each pass begins."""
    count = 1
    while begins(count, blocks) < text.size + _WIDTH // 2:
        count += 1
    forward = np.zeros((start.values.size, count, _WIDTH), np.float32)
    bases = np.zeros(count, np.int64)
    places = np.arange(_WIDTH)
    for number in range(count):
        sent = begins(number, blocks)
        bases[number] = min(sent, text.size) - _WIDTH // 2
        if number == 0:
            low = int(start.base - bases[0])
            forward[:, 0, low : low + start.forward.shape[1]] = start.forward
        else:
            spread = 2 + np.sqrt(0.1 * sent)
            prior = np.exp(-0.5 * ((places + bases[number] - sent) / spread) ** 2)
            beyond = places + bases[number] > text.size
            prior[beyond] = 0
            # As likely as not the text ended before.
            prior[places + bases[number] == text.size] += prior.sum() + 1e-6
            forward[:, number] = prior / prior.sum()
    values: list[int] = start.values.tolist()
    nodes = [root(text.stream, value) for value in values]
    return _Ways(nodes, [(value,) for value in values], start.worth, forward, bases)


def _next(text: Received, ways: _Ways, held: int) -> _Ways:
    """Returns the best ways that are a block longer."""
    passes = ways.bases.size
    each = np.array([FIRST] + (passes - 1) * [LATER])
    tokens = int(each.sum())
    content = b"".join(node.bytes(tokens * BUCKETS) for node in ways.nodes)
    rows = np.frombuffer(content, np.uint8).reshape(-1, tokens, BUCKETS)
    shifts = np.array([[shift(at, value) for value in range(VALUES)] for at in range(tokens)])
    out = np.empty((len(ways.nodes), VALUES, passes, _WIDTH), np.float32)
    worth = followed(ways.forward, each, rows, shifts, text.buckets, text.fit, ways.bases, out)
    worth = (worth + ways.worth[:, None]).ravel()
    best = np.argsort(-worth, kind="stable")[:held]
    best = best[worth[best] >= worth[best[0]] - _BEHIND]
    forward = out.reshape(-1, passes, _WIDTH)[best]
    steps: list[tuple[int, int]] = [divmod(each, VALUES) for each in best.tolist()]
    nodes = [ways.nodes[at].child("block", bytes([value])) for at, value in steps]
    told = [(*ways.bits[at], value) for at, value in steps]
    centred, bases = _centred(forward, ways.bases)
    return _Ways(nodes, told, worth[best], centred, bases)


def _centred(
    forward: Float32[np.ndarray, "held passes width"], bases: Int64[np.ndarray, " passes"]
) -> tuple[Float32[np.ndarray, "held passes width"], Int64[np.ndarray, " passes"]]:
    """Returns the windows moved to where the best way thinks that it is."""
    moved, new = np.zeros_like(forward), bases.copy()
    for number in range(bases.size):
        mean = float(forward[0, number] @ np.arange(_WIDTH))
        shift = round(mean) - _WIDTH // 2
        low, high = max(0, shift), min(_WIDTH, _WIDTH + shift)
        moved[:, number, low - shift : high - shift] = forward[:, number, low:high]
        new[number] += shift
    return moved, new
