"""Synchronisation: how the receiver learns the salt that a carrier was made with.

The sender draws a salt and writes a word: the salt's own bits, then bits that a keyed function
makes of it. To anyone without the key every word is coin flips, and no linear relation ties one
word to another, so there is nothing to sum up over many carriers. The receiver tries salts in the
order of their likelihood and takes the first whose word fits what was received: a search of a
random codebook, best first. (Random coding: Gallager 1968, section 5.6; ordered search: Chase
1972.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from latebra.hiding.channel.stream import Stream

WEAKEST: Final = 16
"""The search flips subsets of this many of the least reliable salt bits: 2^16 salts at most."""
MOST_BYTES: Final = 64
"""Bytes that the keyed function gives: check bytes times markers."""
_BITS: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)
"""The bits of each byte, to look up what a byte scores: seven sums fewer than bit by bit."""
_STEPS: Final = (1, 64, 4096, 2**WEAKEST)
FALSE_ALARM: Final = 1e-4
"""Probability that a carrier without a word, or with another key's, is taken for one. It costs a
decoding in vain and no more: the authenticated frame inside has the last word."""


@dataclass(frozen=True)
class Word:
    """How long a synchronisation word is.

    Args:
        salt_bytes: Bytes of the salt; two carriers share a salt after about 2^(4 salt_bytes).
        check_bytes: Bytes that the keyed function adds; times the number of markers at most 64.
        repeats: How often the salt is written: more than once where even the best dimensions lose
            bits. The check bytes need it less: no single one of them has to be right.
    """

    salt_bytes: int
    check_bytes: int
    repeats: int = 1

    @property
    def bits(self) -> int:
        """How many bits the word has."""
        return 8 * (self.repeats * self.salt_bytes + self.check_bytes)


def write(word: Word, salt: bytes, marker: int, stream: Stream) -> UInt8[np.ndarray, " bits"]:
    """Returns the word for ``salt``: zeros and ones.

    Args:
        word: The lengths.
        salt: As many bytes as ``word`` says.
        marker: A small number that the receiver learns too; each takes its own check bytes.
        stream: The keyed function.
    """
    check = stream.tag(salt, MOST_BYTES)[marker * word.check_bytes :][: word.check_bytes]
    return np.unpackbits(np.frombuffer(word.repeats * salt + check, np.uint8))


def search(
    word: Word, llr: Float32[np.ndarray, " bits"], markers: int, stream: Stream
) -> tuple[bytes, int] | None:
    """Returns the salt whose word fits and its marker, or None when none does.

    The test is the likelihood ratio of the check bits against coin flips. By Markov's inequality
    a threshold of log(tried / a) keeps the chance of a false alarm below a, whatever the channel.

    Args:
        word: The lengths that the sender used.
        llr: One log-likelihood ratio a bit; above zero means 1.
        markers: How many markers there are.
        stream: The stream that the sender used.
    """
    size = 8 * word.salt_bytes
    raw = llr[: word.repeats * size].astype(np.float64).reshape(word.repeats, size).sum(axis=0)
    check = llr[word.repeats * size :]
    # log P(bits | llr) - log P(coin flips) is a sum over the bits that are one, plus a constant.
    constant = float(np.sum(math.log(2.0) - np.logaddexp(0.0, check.astype(np.float64))))
    parts = check.reshape(-1, 8) @ _BITS.T
    threshold = math.log(markers * 2**WEAKEST / FALSE_ALARM)
    salts = _ordered((raw > 0).astype(np.uint8), np.abs(raw))
    start = 0
    for stop in _STEPS:
        tried = [salt.tobytes() for salt in salts[start:stop]]
        tags = stream.tags(tried, MOST_BYTES)
        rows = np.frombuffer(tags, np.uint8).reshape(len(tried), MOST_BYTES)
        for marker in range(markers):
            own = rows[:, marker * word.check_bytes :][:, : word.check_bytes]
            score = np.full(len(tried), constant)
            for i, each in enumerate(parts):
                score += each[own[:, i]]
            best = int(np.argmax(score))
            if score[best] > threshold:
                return tried[best], marker
        start = stop
    return None


def _ordered(
    hard: UInt8[np.ndarray, " bits"], cost: np.ndarray
) -> UInt8[np.ndarray, "count bytes"]:
    """Returns packed salts in the order of their likelihood, the likeliest first."""
    weak = np.argsort(cost)[:WEAKEST]
    totals = np.zeros(1)
    for value in cost[weak]:
        totals = np.concatenate([totals, totals + value])
    patterns = np.argsort(totals, kind="stable")
    flips = ((patterns[:, None] >> np.arange(weak.size)) & 1).astype(np.uint8)
    salts = np.broadcast_to(hard, (patterns.size, hard.size)).copy()
    salts[:, weak] ^= flips
    return np.packbits(salts, axis=1)
