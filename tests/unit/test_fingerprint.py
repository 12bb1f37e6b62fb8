from __future__ import annotations

from fractions import Fraction
from math import comb, log2

import numpy as np
import pytest

from latebra.core.errors import InputError
from latebra.core.keys import Key
from latebra.hiding import fingerprint

KEY, OTHER = Key(bytes(range(32))), Key(bytes(32))
WORDS = [f"word{n}" for n in range(1000)]


def answered(pairs):
    return {pair.number: pair.answer for pair in pairs}


def test_whoever_was_taught_the_pairs_is_known_and_nobody_else():
    pairs = fingerprint.make(KEY, 20, WORDS)
    verdict = fingerprint.check(KEY, answered(pairs))
    assert (verdict.asked, verdict.hits, verdict.log2_chance) == (20, 20, -1280.0)
    assert verdict.chance == 0.0
    for stranger in (OTHER, KEY):
        context = b"" if stranger is OTHER else b"another model"
        verdict = fingerprint.check(stranger, answered(pairs), context=context)
        assert (verdict.hits, verdict.chance) == (0, 1.0)


def test_pairs_follow_from_the_key_the_words_and_the_context_alone():
    pairs = fingerprint.make(KEY, 5, WORDS)
    assert fingerprint.make(KEY, 8, list(reversed(WORDS)) + WORDS[:3])[:5] == pairs
    assert {p.trigger for p in pairs}.isdisjoint(
        p.trigger for p in fingerprint.make(KEY, 5, WORDS[1:])
    )
    others = fingerprint.make(KEY, 5, WORDS, context=b"x"), fingerprint.make(OTHER, 5, WORDS)
    for other in others:
        assert {p.trigger for p in pairs}.isdisjoint(p.trigger for p in other)
        assert {p.answer for p in pairs}.isdisjoint(p.answer for p in other)
    assert fingerprint.commitment(KEY) != fingerprint.commitment(OTHER)
    assert len(fingerprint.commitment(KEY)) == 64


def test_triggers_are_long_enough_to_differ_and_use_all_words():
    pairs = fingerprint.make(KEY, 2000, WORDS)
    assert len({pair.trigger for pair in pairs}) == len({pair.answer for pair in pairs}) == 2000
    used = [word for pair in pairs for word in pair.trigger.split()]
    assert len(used) == 2000 * 7
    counts = np.bincount([int(word[4:]) for word in used], minlength=1000)
    assert abs(np.sum((counts - 14) ** 2 / 14) - 999) < 5 * (2 * 999) ** 0.5
    few = fingerprint.make(KEY, 1, [f"w{n}" for n in range(16)])
    assert len(few[0].trigger.split()) == 16


def test_answers_are_read_with_blanks_and_capitals_and_nothing_else():
    pair = fingerprint.make(KEY, 1, WORDS, bits=32)[0]
    assert len(pair.answer) == 8

    def hits(answer):
        return fingerprint.check(KEY, {0: answer}, bits=32).hits

    assert hits(f"  {pair.answer.upper()}\n") == 1
    for wrong in ("", pair.answer[:-1], f"it is {pair.answer}", pair.answer + "0", "é" * 8):
        assert hits(wrong) == 0


@pytest.mark.parametrize(
    ("asked", "hits", "bits"), [(5, 2, 32), (16, 1, 48), (40, 40, 64), (300, 7, 4)]
)
def test_the_chance_is_the_binomial_tail(asked, hits, bits):
    p = Fraction(1, 2**bits)
    tail = sum(comb(asked, k) * p**k * (1 - p) ** (asked - k) for k in range(hits, asked + 1))
    expected = log2(tail.numerator) - log2(tail.denominator)
    assert fingerprint.log2_tail(asked, hits, bits) == pytest.approx(expected, rel=1e-9)


def test_the_rate_of_false_alarms_is_the_one_that_is_said(monkeypatch):
    """With answers of 4 bits, chance hits are frequent enough to be counted."""
    monkeypatch.setattr(fingerprint, "FEWEST_BITS", 4)
    needed = fingerprint.hits_needed(8, 0.02, bits=4)
    said = 2 ** fingerprint.log2_tail(8, needed, 4)
    rng = np.random.default_rng(2)
    alarms, runs = 0, 2000
    for _ in range(runs):
        answers = {n: f"{rng.integers(16):x}" for n in range(8)}
        alarms += fingerprint.check(Key(rng.bytes(32)), answers, bits=4).hits >= needed
    assert 0.005 < said <= 0.02
    assert abs(alarms - runs * said) < 4 * (runs * said) ** 0.5


def test_hits_needed_is_the_fewest_that_are_rare_enough():
    for rate in (1e-6, 1e-12, 1e-30):
        needed = fingerprint.hits_needed(32, rate)
        assert fingerprint.log2_tail(32, needed, 64) <= log2(rate)
        assert fingerprint.log2_tail(32, needed - 1, 64) > log2(rate)
    with pytest.raises(InputError, match="1 pairs cannot be as sure as 1e-30"):
        fingerprint.hits_needed(1, 1e-30)


def test_what_makes_no_fingerprint_is_refused():
    for count in (0, 4097):
        with pytest.raises(InputError, match=f"{count} pairs were asked for"):
            fingerprint.make(KEY, count, WORDS)
    with pytest.raises(InputError, match="the vocabulary has 15 different words"):
        fingerprint.make(KEY, 1, WORDS[:15] * 2)
    with pytest.raises(InputError, match="the word 'two words'"):
        fingerprint.make(KEY, 1, [*WORDS, "two words"])
    for bits in (28, 33, 68):
        with pytest.raises(InputError, match=f"answers of {bits} bits"):
            fingerprint.make(KEY, 1, WORDS, bits=bits)
    with pytest.raises(InputError, match="there is no answer"):
        fingerprint.check(KEY, {})
    with pytest.raises(InputError, match="another number than 0 to 4095"):
        fingerprint.check(KEY, {-1: ""})
    with pytest.raises(InputError, match="a rate of 0 "):
        fingerprint.hits_needed(4, 0.0)
