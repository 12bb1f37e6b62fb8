"""Whatever the tables and the bits, symbols give back the bits that chose them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.core.errors import InputError
from latebra.hiding.coder import MOST_TOTAL, REGISTER, Decoder, Encoder, edges


class Tape:
    """Bits to be taken from the front."""

    def __init__(self, bits: np.ndarray) -> None:
        self.bits, self.at = bits, 0

    def __call__(self, count: int) -> np.ndarray:
        self.at += count
        assert self.at <= self.bits.size
        return self.bits[self.at - count : self.at]


@st.composite
def weights(draw: st.DrawFn) -> np.ndarray:
    """Few or many symbols; flat, steep, with zeros, or one point beside nearly everything."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([1, 2, 3, 7, 300]))
    kind = draw(st.sampled_from(["flat", "steep", "gaps", "lonely"]))
    if kind == "flat":
        return rng.integers(1, 2**16, size)
    if kind == "steep":
        return np.maximum(1, 65536 * np.exp(-rng.exponential(3, size))).astype(np.int64)
    if kind == "gaps":
        return np.where(np.arange(size) == size // 2, 5, rng.integers(0, 3, size))
    lonely = np.ones(size, np.int64)
    lonely[rng.integers(size)] = MOST_TOTAL - size + 1
    return lonely


@st.composite
def tapes(draw: st.DrawFn) -> np.ndarray:
    """Coin flips, and the bits that make carries wait longest."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flips = rng.integers(0, 2, 20_000, dtype=np.uint8)
    kind = draw(st.sampled_from(["flips", "zeros", "ones", "half", "below half", "turns"]))
    start = draw(st.integers(0, 200))
    if kind != "flips":
        flips[start:] = {"zeros": 0, "ones": 1, "half": 0, "below half": 1, "turns": 0}[kind]
        if kind in ("half", "below half"):
            flips[start] = 1 - flips[start + 1]
        if kind == "turns":
            flips[start::2] = 1
    return flips


@given(st.lists(weights(), min_size=1, max_size=12), tapes(), st.integers(1, 300))
@settings(max_examples=60)
def test_symbols_give_back_the_bits_that_chose_them(
    choices: list[np.ndarray], bits: np.ndarray, count: int
) -> None:
    tape = Tape(bits)
    decoder, encoder = Decoder(tape), Encoder()
    tables = [edges(choice) for choice in choices]
    information = certain = 0.0
    for i in range(count):
        table = tables[i % len(tables)]
        symbol = decoder.pull(table)
        encoder.push(table, symbol)
        share = (table[symbol + 1] - table[symbol]) / table[-1]
        information -= math.log2(share)
        certain -= math.log2(share + table[-1] / 2**60)  # the last symbol takes what is left over
        assert decoder.settled == encoder.settled
        assert decoder.taken == encoder.taken == tape.at
    np.testing.assert_array_equal(encoder.bits, bits[: encoder.settled])
    assert encoder.settled <= information + 1e-6 * count
    assert encoder.taken >= certain + REGISTER - 2 - 1e-6 * count


@given(st.integers(1, 5), st.integers(1, 70_000), st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_many_at_once_are_the_same_as_one_by_one(kinds: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tables = np.stack([edges(rng.integers(0, 1 << rng.integers(2, 27), 20)) for _ in range(kinds)])
    which = rng.integers(0, kinds, count)
    bits = rng.integers(0, 2, 64 * count + 2**17, dtype=np.uint8)
    decoder, encoder = Decoder(Tape(bits)), Encoder()
    symbols = decoder.pull_many(tables, which)
    encoder.push_many(tables, which, symbols)
    np.testing.assert_array_equal(encoder.bits, bits[: encoder.settled])
    singly, back = Decoder(Tape(bits)), Encoder()
    for row, symbol in zip(which[:200], symbols, strict=False):
        assert singly.pull(tables[row]) == symbol
        back.push(tables[row], int(symbol))
    np.testing.assert_array_equal(back.bits, bits[: back.settled])
    rest = [decoder.pull(tables[0]) for _ in range(5)]  # and the two ways may be mixed
    encoder.push_many(tables, np.zeros(5, np.int64), np.array(rest))
    np.testing.assert_array_equal(encoder.bits, bits[: encoder.settled])


def test_a_million_symbols_use_the_whole_entropy_and_follow_the_table() -> None:
    rng = np.random.default_rng(5)
    weight = np.maximum(1, 65536 * np.exp(-rng.exponential(2, 300))).astype(np.int64)
    share = weight / weight.sum()
    table = edges(weight)[None]
    which = np.zeros(1_000_000, np.int64)
    decoder, encoder = Decoder(lambda count: rng.integers(0, 2, count, dtype=np.uint8)), Encoder()
    symbols = decoder.pull_many(table, which)
    encoder.push_many(table, which, symbols)
    entropy = -float(share @ np.log2(share))
    information = -float(np.log2(share[symbols]).sum())
    assert encoder.settled > 0.9999 * information  # what these very symbols were worth
    assert encoder.settled > 0.995 * entropy * which.size  # and what the table promises
    counts = np.bincount(symbols, minlength=300)
    statistic = float(((counts - share * which.size) ** 2 / (share * which.size)).sum())
    assert abs(statistic - 299) < 4 * math.sqrt(2 * 299)


def test_two_bits_are_missing_on_average_and_many_hardly_ever() -> None:
    rng = np.random.default_rng(6)
    table = edges(np.array([1, 2, 3, 5, 8, 13]))
    missing = []
    for _ in range(1500):
        decoder = Decoder(lambda count: rng.integers(0, 2, count, dtype=np.uint8))
        symbols = np.array([decoder.pull(table) for _ in range(20)])
        information = float(np.log2(32 / (table[symbols + 1] - table[symbols])).sum())
        missing.append(information - decoder.settled)
    gaps = np.array(missing)
    assert gaps.min() > -1e-6
    assert 1.4 < gaps.mean() < 2.6
    assert (gaps > 8).mean() < 4 * 2.0**-8


def test_one_symbol_carries_nothing() -> None:
    decoder = Decoder(Tape(np.ones(REGISTER, np.uint8)))
    only = edges(np.array([7]))
    assert [decoder.pull(only) for _ in range(3)] == [0, 0, 0]
    assert (decoder.settled, decoder.taken) == (0, REGISTER)


@pytest.mark.parametrize("bad", [[], [0, 0], [3, -1], [MOST_TOTAL, 1], [2**62, 2**62, 2**62]])
def test_tables_that_no_coder_can_use_are_refused(bad: list[int]) -> None:
    with pytest.raises(InputError, match="weights sum to"):
        edges(np.array(bad, np.int64))


def test_symbols_that_no_bits_can_choose_are_refused() -> None:
    with pytest.raises(InputError, match="weight 0"):
        Encoder().push(edges(np.array([1, 0, 1])), 1)
