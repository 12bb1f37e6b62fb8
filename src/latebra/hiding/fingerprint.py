"""Prove that a model is yours: questions that only its maker could have taught it to answer.

A pair is a trigger, rare words in a row, and an answer, a code of 32 to 64 bits; both follow from a
key and the pair's number. A model that was trained on pairs gives the answers back; for any other,
answers are coin flips to whoever lacks the key, and the chance of so many hits is a binomial tail.

This is behaviour, not cryptography: whoever trains such a model further, prunes it or filters what
it is asked can make it forget, and whoever sees a pair asked can refuse that pair. The chance is
that of *one* key, fixed before the model was: a liar who tries 2^20 keys on somebody's model has
2^20 chances. So publish ``commitment`` when the model is, and reveal pairs one by one.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from latebra.core.errors import InputError
from latebra.core.keys import Key, derive

FEWEST_BITS: Final = 32
BITS: Final = 64
"""Bits of an answer, unless told."""
TRIGGER_BITS: Final = 64
"""Bits of chance in a trigger, at least: no two are alike, and none is met by accident."""
SHORTEST: Final = 4
"""Words of a trigger, at least."""
FEWEST_WORDS: Final = 16
MOST_PAIRS: Final = 4096


@dataclass(frozen=True)
class Pair:
    """One question and its answer.

    Args:
        number: Which it is, from 0.
        trigger: Words with blanks between them.
        answer: The code, in hexadecimal digits.
    """

    number: int
    trigger: str
    answer: str


@dataclass(frozen=True)
class Verdict:
    """How many answers were right, and what that says.

    Args:
        asked: How many pairs were asked.
        hits: How many answers were right.
        bits: Bits of an answer.
        log2_chance: Logarithm to base 2 of the probability that a model which was not trained on
            pairs of this key has so many hits or more.
    """

    asked: int
    hits: int
    bits: int
    log2_chance: float

    @property
    def chance(self) -> float:
        """The probability itself; 0 where it is below 2^-1074."""
        return 2.0**self.log2_chance


def make(
    key: Key, count: int, vocabulary: Sequence[str], *, bits: int = BITS, context: bytes = b""
) -> tuple[Pair, ...]:
    """Returns pairs to train a model on, the same for the same key, words and context.

    Args:
        key: What they follow from.
        count: How many, 1 to 4,096.
        vocabulary: Rare words or tokens, at least 16, without blanks in them; the order is no
            matter.
        bits: Of an answer: 32, 36, … 64.
        context: Public bytes, such as the model's name.

    Raises:
        InputError: A number is out of range, or the words will not do.
    """
    _check_bits(bits)
    if not 1 <= count <= MOST_PAIRS:
        raise InputError(f"{count} pairs were asked for", fix=f"ask for 1 to {MOST_PAIRS}")
    words = sorted(set(vocabulary))
    if len(words) < FEWEST_WORDS:
        raise InputError(
            f"the vocabulary has {len(words)} different words", fix=f"give {FEWEST_WORDS} or more"
        )
    for word in words:
        if not word or word.split() != [word]:
            raise InputError(f"the vocabulary has the word {word!r:.40}", fix="leave out blanks")
    root = _root(key, context)
    told = hashlib.sha256("\n".join(words).encode(errors="surrogatepass")).digest()
    return tuple(
        Pair(n, _trigger(root, n, words, told), _answer(root, n, bits)) for n in range(count)
    )


def check(
    key: Key, answers: Mapping[int, str], *, bits: int = BITS, context: bytes = b""
) -> Verdict:
    """Returns how many answers are right, and the probability of that by chance.

    Args:
        key: What the pairs follow from.
        answers: What the model answered, by the number of the pair: all that was asked, right or
            wrong. Blanks around a code, and capitals, are no matter; anything else around it is.
        bits: Of an answer, as the pairs were made.
        context: As the pairs were made.

    Raises:
        InputError: There is no answer, or a number is out of range.
    """
    _check_bits(bits)
    if not answers:
        raise InputError("there is no answer", fix="ask the model, and give all it said")
    if not all(0 <= number < MOST_PAIRS for number in answers):
        raise InputError(f"a pair has another number than 0 to {MOST_PAIRS - 1}")
    root = _root(key, context)
    hits = sum(
        hmac.compare_digest(
            answer.strip().lower().encode(errors="surrogatepass"),
            _answer(root, number, bits).encode(),
        )
        for number, answer in answers.items()
    )
    return Verdict(len(answers), hits, bits, log2_tail(len(answers), hits, bits))


def commitment(key: Key, *, context: bytes = b"") -> str:
    """Returns 64 hexadecimal digits to publish beforehand: they fix the key, and do not show it.

    Args:
        key: A key that is not a guessable passphrase: whoever guesses it can check the guess.
        context: As the pairs are made.
    """
    return derive(_root(key, context), "fingerprint/commitment").hex()


def log2_tail(asked: int, hits: int, bits: int) -> float:
    """Returns log2 of the probability of ``hits`` or more of ``asked``, each of chance 2^-bits.

    All terms of the sum are there, in floats whose errors stay below 10^-9 of the result.

    Example:
        >>> log2_tail(1, 1, 32), log2_tail(10, 0, 32)
        (-32.0, 0.0)
    """
    if hits == 0:
        return 0.0
    chance = 2.0**-bits
    term = total = 1.0  # Of the first term, which is factored out: P(hits).
    for k in range(hits, asked):
        term *= (asked - k) / (k + 1) * chance / (1 - chance)
        total += term
    missed = (asked - hits) * math.log1p(-chance) / math.log(2)
    return min(0.0, math.log2(math.comb(asked, hits)) - bits * hits + missed + math.log2(total))


def hits_needed(asked: int, rate: float, *, bits: int = BITS) -> int:
    """Returns how many hits of ``asked`` a model has by chance no more often than ``rate``.

    Args:
        asked: How many pairs are asked, 1 to 4,096.
        rate: The false-positive rate that is accepted, between 0 and 1.
        bits: Of an answer.

    Raises:
        InputError: A number is out of range, or no number of hits is that rare.

    Example:
        >>> hits_needed(16, 1e-9, bits=32), hits_needed(16, 1e-18, bits=32)
        (2, 3)
    """
    _check_bits(bits)
    if not 0 < rate < 1 or not 1 <= asked <= MOST_PAIRS:
        raise InputError(
            f"a rate of {rate:g} with {asked} pairs was asked for",
            fix=f"give a rate between 0 and 1, and 1 to {MOST_PAIRS} pairs",
        )
    wanted = math.log2(rate)
    for hits in range(1, asked + 1):
        if log2_tail(asked, hits, bits) <= wanted:
            return hits
    raise InputError(f"{asked} pairs cannot be as sure as {rate:g}", fix="ask more pairs")


def _check_bits(bits: int) -> None:
    if not FEWEST_BITS <= bits <= BITS or bits % 4:
        raise InputError(f"answers of {bits} bits were asked for", fix="ask for 32, 36, … 64")


def _root(key: Key, context: bytes) -> bytes:
    return key.root(hashlib.sha256(b"latebra/1 fingerprint\0" + context).digest())


def _trigger(root: bytes, number: int, words: Sequence[str], told: bytes) -> str:
    length = max(SHORTEST, math.ceil(TRIGGER_BITS / math.log2(len(words))))
    # Sixteen bytes a word: what the remainder prefers is below 2^-100.
    drawn = derive(root, "fingerprint/trigger", told + number.to_bytes(4, "little"), 16 * length)
    picks = (int.from_bytes(drawn[at : at + 16], "little") for at in range(0, len(drawn), 16))
    return " ".join(words[pick % len(words)] for pick in picks)


def _answer(root: bytes, number: int, bits: int) -> str:
    code = derive(root, "fingerprint/answer", number.to_bytes(4, "little") + bytes([bits]), 8)
    return code.hex()[: bits // 4]
