"""The word that tells a reader the salt, and that the picture lies as it was marked.

A salt of two bytes is written as two words of two random codebooks, the second named by the first
byte. Whoever reads does not know yet how the picture lies: with hundreds of ways to lay it, the
first codebook alone says which few are worth a second look. To anyone without the key every word
is coin flips. (Random coding: Gallager 1968, section 5.6.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from latebra.hiding.channel.stream import Stream

SALT: Final = 2
"""Bytes of the salt: two pictures of one key share one after about 256."""
HALF: Final = 64
"""Bits of each word."""
BITS: Final = SALT * HALF
_WORDS: Final = 256
_KEPT: Final = 64
"""Ways to lay a picture that the second codebook looks at."""
_TRIED: Final = 3
"""Words that are worth a decoding."""
FALSE_ALARM: Final = 1e-4
"""Probability that a picture without a word is taken to have one. It costs a decoding in vain."""


@dataclass(frozen=True)
class Heard:
    """A word that fits.

    Args:
        salt: The salt that it tells.
        way: Which way to lay the picture it was found in.
        score: Log-likelihood ratio against coin flips, in nats.
    """

    salt: bytes
    way: int
    score: float


def write(salt: bytes, stream: Stream) -> UInt8[np.ndarray, " bits"]:
    """Returns the word of a salt: zeros and ones."""
    first = _codebook(stream, b"")[salt[0]]
    second = _codebook(stream, salt[:1])[salt[1]]
    return np.concatenate([first, second])


def search(soft: Float32[np.ndarray, "ways bits"], stream: Stream) -> list[Heard]:
    """Returns the words that fit, the best first; none where there is none.

    By Markov's inequality a threshold of log(tried / a) keeps the chance of a false alarm below a,
    whatever the channel.

    Args:
        soft: One log-likelihood ratio a bit, above zero for 1, for each way to lay the picture.
        stream: The stream that the sender used.
    """
    scores = _scores(soft[:, :HALF], _codebook(stream, b""))
    threshold = math.log(len(soft) * _WORDS**2 / FALSE_ALARM)
    found: list[Heard] = []
    for flat in np.argsort(scores, axis=None)[::-1][:_KEPT].tolist():
        way, high = divmod(flat, _WORDS)
        rest = _scores(soft[way : way + 1, HALF:], _codebook(stream, bytes([high])))[0]
        low = int(np.argmax(rest))
        score = float(scores[way, high] + rest[low])
        if score > threshold:
            found.append(Heard(bytes([high, low]), way, score))
    return sorted(found, key=lambda heard: -heard.score)[:_TRIED]


def _codebook(stream: Stream, binding: bytes) -> UInt8[np.ndarray, "words bits"]:
    return stream.child("word", binding).bits(_WORDS * HALF).reshape(_WORDS, HALF)


def _scores(
    soft: Float32[np.ndarray, "ways bits"], words: UInt8[np.ndarray, "words bits"]
) -> Float64[np.ndarray, "ways words"]:
    """Returns log P(word | soft bits) - log P(coin flips)."""
    wide = soft.astype(np.float64)
    constant = (math.log(2.0) - np.logaddexp(0.0, wide)).sum(axis=1)
    return wide @ words.T.astype(np.float64) + constant[:, None]
