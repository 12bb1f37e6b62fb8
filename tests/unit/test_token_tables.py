"""Integer tables of logits."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latebra.core.errors import InputError
from latebra.hiding.tokens.tables import HEAVIEST, Quantiser


def test_tables_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    logits, dither = rng.normal(0, 4, 5000).astype(np.float32), 0.3125 + 3 * 2.0**-32
    levels = Quantiser(step=0.25, depth=6.0, temperature=2.0).round(logits, dither)
    exact = logits.astype(np.float64)
    fine = np.floor(exact / 0.5 + dither + 0.5)
    shift = int(dither * 2**32) % 4
    coarse = 4 * np.floor((exact / 0.5 + dither + shift) / 4 + 0.5) - shift
    below = np.where(fine.max() - fine > 16, fine.max() - coarse, fine.max() - fine)
    weights = np.where(below <= 24, np.round(HEAVIEST * np.exp(-0.25 * below)), 0)
    mine = np.zeros(5000)
    mine[levels.tokens] = levels.weights()
    np.testing.assert_array_equal(mine, np.where(below <= 24, np.maximum(weights, 1), 0))
    assert levels.tokens.size < 3 * np.count_nonzero(weights)


@pytest.mark.parametrize(("step", "depth"), [(0.125, 8.0), (0.25, 8.0), (0.5, 12.0)])
def test_no_weight_hangs_on_how_a_machine_rounds(step: float, depth: float) -> None:
    levels = Quantiser(step, depth, coarse=1).round(-step * np.arange(200.0), 0.5)
    weights = levels.weights()[levels.weights() > 0]
    assert weights[0] == HEAVIEST
    assert weights[-1] == max(1, round(HEAVIEST * float((-Decimal(depth)).exp())))
    exact = HEAVIEST * np.exp(-step * np.arange(weights.size))
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-9


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-4, 1e-2]))
def test_whatever_an_error_changes_was_fragile(seed: int, error: float) -> None:
    rng = np.random.default_rng(seed)
    logits, dither = rng.normal(0, 3, 400), float(rng.uniform())
    quantiser = Quantiser()
    levels = quantiser.round(logits, dither)
    other = quantiser.round(logits + rng.uniform(-error, error, 400), dither)
    fragile = levels.fragile(error).tolist()
    both, at, its_at = np.intersect1d(levels.tokens, other.tokens, return_indices=True)[:3]
    changed = [
        int(i) + half * levels.tokens.size
        for half in range(2)
        for i, j in zip(at, its_at, strict=True)
        if levels.levels[i + half * levels.tokens.size]
        != other.levels[j + half * other.tokens.size]
    ]
    assert both.size
    moved = tuple(i for i in changed if i in fragile)
    mine, its = np.zeros(400, np.int64), np.zeros(400, np.int64)
    mine[levels.tokens], its[other.tokens] = levels.weights(moved), other.weights()
    np.testing.assert_array_equal(mine, its)


def test_an_entry_that_may_not_follow_only_says_where_the_top_is() -> None:
    logits = np.array([5.0, 4.0, -2.0, -9.0])
    levels = Quantiser().round(logits, 0.5)
    assert levels.tokens.tolist() == [0, 1, 2]
    free = levels.weights()
    levels.allowed[0] = False
    np.testing.assert_array_equal(levels.weights(), [0, *free[1:]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="largest logit is"):
        Quantiser().round(np.array([0.0, bad, 1.0]), 0.5)


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"a step of 0\.0 nats"):
        Quantiser(step=0.0)
