"""Tests that each detector catches the scheme it must, and leaves the honest one alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from latebra.hiding.audit import Area, area, fit

sys.path.insert(0, str(Path(__file__).parents[2]))  # The attacks are not part of the package.

from attacks import bits, controls, keystream_reuse, lsb, norm, rank, suite, syndrome

ERRORS = (0.0, 0.02, 0.05)


@pytest.fixture(scope="module")
def code() -> controls.Code:
    return controls.Code.make(1000, 1000, 3, np.random.default_rng(1))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def is_chance(found: Area) -> bool:
    """Says whether an area is within three standard errors of a half."""
    return abs(found.value - 0.5) < 3 / 1.96 * (found.high - found.low) / 2


def smooth(rng: np.random.Generator, count: int) -> np.ndarray:
    """Returns pictures whose neighbours are alike, with a little noise."""
    y, x = np.mgrid[:64, :64] / 64
    waves = rng.standard_normal((count, 3, 1, 1)) * x + rng.standard_normal((count, 3, 1, 1)) * y
    noise = rng.standard_normal((count, 3, 64, 64))
    return np.clip(128 + 40 * waves + 2 * noise, 0, 255).astype(np.uint8)


def test_codewords_satisfy_their_checks(code, rng):
    messages = rng.integers(0, 2, (4, 1000), dtype=np.uint8)
    assert not code.checks.parities(code.encode(messages)).any()
    assert code.checks.parities(rng.integers(0, 2, (4, 2000), dtype=np.uint8)).mean() > 0.4


def test_the_exclusive_or_of_two_pictures_counts_as_the_formula_says(code, rng):
    for errors in ERRORS:
        latents = controls.noisy(controls.static_mask(200, 2000, code, rng), errors, rng)
        parities = code.checks.parities(bits.signs(latents))
        bias = (1 - 2 * errors) ** (2 * 5)  # Five bits a check, in both pictures.
        expected = bias * np.sqrt(1000)
        assert syndrome.pair_scores(parities).mean() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("errors", ERRORS)
def test_the_syndrome_catches_a_static_mask(code, rng, errors: float):
    honest, static = (
        code.checks.parities(bits.signs(controls.noisy(make(400, 2200, code, rng), errors, rng)))
        for make in (controls.fresh_mask, controls.static_mask)
    )
    found = area(syndrome.pair_scores(static), syndrome.pair_scores(honest))
    assert found.low > 0.95
    assert syndrome.pool_p_value(static) < 1e-12
    assert syndrome.pool_p_value(honest) > 1e-3
    assert area(syndrome.pooled(static, 10), syndrome.pooled(honest, 10)).value > 0.95


def test_the_syndrome_of_fresh_masks_is_chance(code, rng):
    scores = [
        syndrome.pair_scores(code.checks.parities(bits.signs(make)))
        for make in (
            controls.fresh_mask(1000, 2000, code, rng),
            rng.standard_normal((1000, 2000), dtype=np.float32),
        )
    ]
    found = area(*scores)
    assert is_chance(found)
    assert found.high - found.low < 0.11


def test_the_rank_agrees_with_elimination_by_hand(rng):
    matrix = rng.integers(0, 2, (30, 70), dtype=np.uint8)
    matrix[10:] = matrix[rng.integers(0, 10, 20)] ^ matrix[rng.integers(0, 10, 20)]
    rows, found = [int("".join(map(str, row)), 2) for row in matrix], 0
    while rows:
        pivot = rows.pop()
        if pivot:
            found += 1
            low = pivot & -pivot
            rows = [row ^ pivot if row & low else row for row in rows]
    assert rank.rank(matrix) == found
    assert rank.rank(matrix.T) == found
    assert rank.rank(np.zeros((5, 5), np.uint8)) == 0


def test_the_rank_catches_a_static_mask_without_noise(rng):
    short = controls.Code.make(60, 60, 3, rng)
    honest, static = (
        bits.signs(make(2000, 120, short, rng))
        for make in (controls.fresh_mask, controls.static_mask)
    )
    assert rank.rank(static) == 61
    assert rank.deficit(honest) == 0
    assert rank.p_value(rank.deficit(static), static.shape) < 1e-12
    found = area(rank.deficits(static, 100), rank.deficits(honest, 100))
    assert found.value > 0.95
    ordinary = bits.signs(rng.standard_normal((2000, 120), dtype=np.float32))
    chance = area(rank.deficits(honest, 100), rank.deficits(ordinary, 100))
    assert chance.value == 0.5  # Neither misses any rank: 20 rows of 100 stay independent.


def test_missing_rank_is_as_rare_as_the_bound_says(rng):
    missing = np.array(
        [rank.deficit(rng.integers(0, 2, (12, 12), dtype=np.uint8)) for _ in range(500)]
    )
    for least in (1, 2, 3):
        bound = rank.p_value(least, (12, 12))
        assert (missing >= least).mean() <= bound + 3 * np.sqrt(bound / 500)
    assert (missing >= 1).mean() == pytest.approx(0.711, abs=0.08)  # 1 - Π (1 - 2^-k)


@pytest.mark.parametrize("errors", ERRORS)
def test_the_norm_catches_a_fixed_radius(rng, errors: float):
    values = {
        name: norm.levels(
            controls.noisy(make(rng.standard_normal((1600, 1024), dtype=np.float32)), errors, rng)
        )
        for name, make in {"stego": controls.fixed_radius, "cover": lambda z: z}.items()
    }
    ratio = norm.Ratio.fit(values["stego"][:400], values["cover"][:400])
    for pool in (10, 100):
        found = area(
            ratio.scores(values["stego"][400:], pool), ratio.scores(values["cover"][400:], pool)
        )
        assert found.value > 0.95
    assert ratio.scores(values["stego"][400:], 100).size == 12


def test_the_norm_of_honest_latents_is_chance(code, rng):
    honest = norm.levels(controls.fresh_mask(1600, 2000, code, rng))
    cover = norm.levels(rng.standard_normal((1600, 2000), dtype=np.float32))
    ratio = norm.Ratio.fit(honest[:400], cover[:400])
    found = area(ratio.scores(honest[400:]), ratio.scores(cover[400:]))
    assert is_chance(found)


@pytest.mark.parametrize("errors", ERRORS)
def test_likeness_catches_a_fixed_keystream(code, rng, errors: float):
    fixed = controls.noisy(controls.fixed_keystream(400, 2200, code, rng), errors, rng)
    honest = controls.noisy(controls.fresh_mask(400, 2200, code, rng), errors, rng)
    found = area(keystream_reuse.pooled(fixed, 2), keystream_reuse.pooled(honest, 2))
    assert found.low > 0.95
    same, fresh = (keystream_reuse.likeness(np.abs(z)) for z in (fixed, honest))
    assert same.highest > same.expected
    assert same.p_value < 1e-12
    assert fresh.highest < fresh.expected
    assert fresh.p_value > 1e-3


def test_likeness_of_honest_latents_is_chance(code, rng):
    honest = keystream_reuse.pooled(controls.fresh_mask(1000, 2000, code, rng), 2)
    cover = keystream_reuse.pooled(rng.standard_normal((1000, 2000), dtype=np.float32), 2)
    found = area(honest, cover)
    assert is_chance(found)


@pytest.mark.parametrize("rate", [0.4, 1.0])
def test_weighted_stego_catches_replaced_lowest_bits(rng, rate: float):
    cover = lsb.rates(smooth(rng, 40))
    stego = lsb.rates(controls.replace_lowest_bits(smooth(rng, 40), rate, rng))
    assert cover.mean() == pytest.approx(0.0, abs=0.03)
    assert stego.mean() == pytest.approx(rate, abs=0.06)
    assert area(stego, cover).value > 0.95


def test_coded_bits_come_back_in_their_order(rng):
    depths = np.array([1, 0, 3, 2])
    cells = np.column_stack([rng.integers(0, 2**depth, 50) for depth in depths])
    points = (cells + rng.uniform(0.01, 0.99, cells.shape)) / 2.0**depths
    latents = special.ndtri(points).astype(np.float32)
    # Cell by cell, a Gray code changes one bit: 000 001 011 010 110 111 101 100.
    gray = np.array([0, 1, 3, 2, 6, 7, 5, 4])
    written = np.column_stack(
        [
            (gray[cells[:, dim]] >> depths[dim] - 1 - plane) & 1
            for dim in (0, 2, 3)
            for plane in range(depths[dim])
        ]
    ).astype(np.uint8)
    order = rng.permutation(6)
    dims = np.array([0, 2, 2, 2, 3, 3])[order]
    planes = np.array([0, 0, 1, 2, 0, 1])[order]
    places = bits.Places(dims, planes, depths[dims].astype(np.int64))
    assert np.array_equal(places.read(latents), written[:, order])
    assert np.array_equal(bits.signs(latents[:, :1]), written[:, :1])
    other = rng.integers(0, 2, (50, 6), dtype=np.uint8)
    again = places.write(latents, other)
    assert np.array_equal(places.read(again), other)
    assert np.array_equal(again[:, 1], latents[:, 1])
    assert np.allclose(places.write(again, written[:, order]), latents, atol=1e-4)


def test_the_margin_is_caught_by_the_marginal_tests(rng):
    noise = rng.standard_normal((60, 4096), dtype=np.float32)
    bad = controls.noisy(controls.margin(noise[:30], 0.2), 0.02, rng)
    cover = controls.noisy(noise[30:], 0.02, rng)
    for test in (fit.kolmogorov_smirnov, fit.anderson_darling):
        scores = [np.array([test(one)[0] for one in kind]) for kind in (bad, cover)]
        assert area(*scores).value > 0.95


def test_noise_flips_the_share_of_signs_that_was_asked(rng):
    latents = rng.standard_normal((20, 10_000), dtype=np.float32)
    flipped = bits.signs(latents) != bits.signs(controls.noisy(latents, 0.05, rng))
    assert flipped.mean() == pytest.approx(0.05, abs=0.003)


def test_the_suite_stands_each_attack_beside_its_control(rng):
    from latebra.hiding.channel.codes import code as coded_by

    code, dims, count = coded_by(60, 200), 600, 200
    places = bits.Places(rng.permutation(dims)[:200], np.zeros(200, int), np.ones(200, int))
    cover, noise = rng.standard_normal((2, count, dims), dtype=np.float32)
    words = np.stack([code.encode(one) for one in rng.integers(0, 2, (count, 60), np.uint8)])
    words ^= rng.integers(0, 2, words.shape, dtype=np.uint8)
    stego = places.write(noise, words)
    arrays = {
        "stego_noise": stego,
        "stego_latents": controls.noisy(stego, 0.02, rng),
        "cover_noise": cover,
        "cover_latents": controls.noisy(cover, 0.02, rng),
        "stego_bits": np.packbits(words, axis=1),
        "message_bits": np.array(60),
        "coded_dims": places.dims,
        "coded_planes": places.planes,
        "coded_depths": places.depths,
    }
    report = json.loads(json.dumps(suite.evaluate(suite.Evidence(arrays, 1), cnn_seconds=0)))
    rows = {row["attack"]: row for row in report["attacks"]}
    assert report["sign_errors"] == pytest.approx(0.02, abs=0.005)
    assert all(kind.startswith("latents") for kind in report["controls"].values())
    for attack in ("same keystream, pools of 10", "syndrome, pools of 100", "norm, pools of 10"):
        assert rows[attack]["control"]["auc"] > 0.95
    low, high = rows["syndrome, pairs"]["scheme"]["interval"]
    assert low < 0.5 + 0.1
    assert high > 0.5 - 0.1
    assert rows["syndrome, pairs"]["scheme_all_pairs"][1] > 1e-4
    assert rows["syndrome, pairs"]["control_all_pairs"][1] < 1e-12
    assert rows["rank before painting"]["enough"]
    assert rows["rank before painting"]["scheme"]["deficit"] < 10
    # 60 message bits and their check, and the mask: the check adds no dimension, being linear.
    assert rows["rank before painting"]["control"]["deficit"] >= 200 - 61
