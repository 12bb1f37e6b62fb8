"""Any message of any length comes back from any block length."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.hiding.channel.codes import code


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    """Message and block length within the promised range of rates."""
    n = draw(st.one_of(st.integers(48, 1024), st.integers(1025, 9000)))
    low = max(8, -(-n // 12))
    high = min(int(0.9 * n), n - 24)
    return draw(st.integers(low, high)), n


@settings(max_examples=60, deadline=None)
@given(sizes(), st.integers(0, 2**32 - 1))
def test_every_length_round_trips(size: tuple[int, int], seed: int) -> None:
    k, n = size
    bits = np.random.default_rng(seed).integers(0, 2, k, dtype=np.uint8)
    book = code(k, n)
    word = book.encode(bits)
    assert (book.k, book.n) == (k, n)
    assert word.max() <= 1
    decoded = book.decode((12 * word.astype(np.float32) - 6).astype(np.float32))
    assert decoded is not None
    np.testing.assert_array_equal(decoded, bits)


@settings(max_examples=30, deadline=None)
@given(sizes(), st.integers(0, 2**32 - 1))
def test_whatever_comes_in_the_decoder_answers(size: tuple[int, int], seed: int) -> None:
    k, n = size
    rng = np.random.default_rng(seed)
    llr = (rng.standard_normal(n) * rng.choice([0.0, 0.1, 3.0, 1e4])).astype(np.float32)
    decoded = code(k, n).decode(llr)
    assert decoded is None or (decoded.shape == (k,) and decoded.max() <= 1)


@settings(max_examples=30, deadline=None)
@given(sizes(), st.integers(0, 2**32 - 1))
def test_the_listed_checks_hold(size: tuple[int, int], seed: int) -> None:
    k, n = size
    book = code(k, n)
    word = book.encode(np.random.default_rng(seed).integers(0, 2, k, dtype=np.uint8))
    for row in book.checks():
        assert word[row].sum() % 2 == 0
        assert len(set(row.tolist())) == len(row)
