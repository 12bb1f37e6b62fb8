"""Tests of the audit's statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from latebra.hiding.audit import Row, area, compare, error_at, statistics
from latebra.hiding.audit.distributions import (
    chi_square_two_sided,
    chi_square_upper,
    kolmogorov_upper,
    normal_cdf,
    normal_log_cdf,
)
from latebra.hiding.audit.fit import (
    anderson_darling,
    kolmogorov_smirnov,
    kolmogorov_smirnov_pair,
)
from latebra.hiding.audit.moments import autocorrelation, norm_level, norm_spread


def gaussians(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_the_normal_distribution_agrees_with_scipy():
    x = np.linspace(-11, 11, 4001)
    assert np.abs(normal_cdf(x) - stats.norm.cdf(x)).max() < 1e-9
    assert np.abs(normal_log_cdf(x) - stats.norm.logcdf(x)).max() < 2e-9


@pytest.mark.parametrize("freedom", [1, 2, 3, 16, 500, 12288, 19999])
@pytest.mark.parametrize("tail", [0.999, 0.5, 0.05, 1e-6])
def test_the_chi_square_tail_agrees_with_scipy(freedom: int, tail: float):
    assert chi_square_upper(stats.chi2.isf(tail, freedom), freedom) == pytest.approx(tail, rel=1e-7)


@pytest.mark.parametrize("freedom", [20_001, 24_576_000])
@pytest.mark.parametrize("tail", [0.999, 0.5, 0.05, 1e-6])
def test_the_chi_square_tail_of_many_degrees_is_close(freedom: int, tail: float):
    assert chi_square_upper(stats.chi2.isf(tail, freedom), freedom) == pytest.approx(tail, rel=1e-3)


def test_the_two_sided_chi_square_suspects_both_ends():
    assert chi_square_two_sided(800.0, 1000) < 1e-4
    assert chi_square_two_sided(1200.0, 1000) < 1e-4
    assert chi_square_two_sided(1000.0, 1000) > 0.9


@pytest.mark.parametrize("x", [0.1, 0.3, 0.8, 1.36, 2.5])
def test_the_kolmogorov_tail_agrees_with_scipy(x: float):
    assert kolmogorov_upper(x) == pytest.approx(stats.kstwobign.sf(x), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.03])
def test_kolmogorov_smirnov_agrees_with_scipy(shift: float):
    values = gaussians(6000) + np.float32(shift)
    expected = stats.kstest(values.astype(np.float64), "norm")
    distance, p_value = kolmogorov_smirnov(values)
    assert distance == pytest.approx(expected.statistic, abs=1e-7)
    assert p_value == pytest.approx(expected.pvalue, rel=0.05, abs=1e-4)


def test_two_samples_agree_with_scipy():
    one, other = gaussians(3000), gaussians(2000, seed=2) * np.float32(1.05)
    expected = stats.ks_2samp(one, other, method="asymp")
    distance, p_value = kolmogorov_smirnov_pair(one, other)
    assert distance == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=0.1)


def test_anderson_darling_is_its_definition():
    values = gaussians(400)
    u = np.sort(stats.norm.cdf(values.astype(np.float64)))
    i = np.arange(1, 401)
    a_squared = -400 - ((2 * i - 1) * (np.log(u) + np.log1p(-u[::-1]))).sum() / 400
    assert anderson_darling(values)[0] == pytest.approx(a_squared, abs=1e-6)


def test_p_values_of_anderson_darling_are_uniform():
    rng = np.random.default_rng(4)
    found = [anderson_darling(rng.standard_normal(300, dtype=np.float32))[1] for _ in range(800)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_p_values_of_the_norm_tests_are_uniform():
    rng = np.random.default_rng(5)
    pools = [rng.standard_normal((20, 300), dtype=np.float32) for _ in range(500)]
    for test in (norm_level, norm_spread, autocorrelation):
        assert stats.kstest([test(pool)[1] for pool in pools], "uniform").pvalue > 1e-3


def test_ordinary_latents_pass():
    rows = statistics(gaussians(20, 4096))
    assert len(rows) == 6
    assert min(row.p_value for row in rows) > 1e-3


def test_one_picture_has_no_spread_of_norms():
    assert "norm spread" not in by_name(statistics(gaussians(1, 4096)))


def test_a_fixed_radius_fails_on_spread_alone():
    latents = gaussians(20, 4096)
    latents *= 64 / np.linalg.norm(latents, axis=1, keepdims=True)
    rows = by_name(statistics(latents))
    assert rows["norm spread"].p_value < 1e-6
    assert rows["norm"].p_value > 0.5
    assert rows["kolmogorov-smirnov"].p_value > 1e-3


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("kolmogorov-smirnov", lambda z: z + np.float32(0.04)),
        ("anderson-darling", lambda z: np.where(np.abs(z) > 2.5, np.float32(1.5) * z, z)),
        ("norm", lambda z: z * np.float32(1.02)),
        ("signs", lambda z: np.where(z > -0.05, np.abs(z), z)),
        ("neighbours", lambda z: (z + np.roll(z, 1, axis=1)) / np.float32(math.sqrt(2))),
    ],
)
def test_a_change_is_seen_by_the_test_meant_for_it(name: str, change):
    rows = by_name(statistics(change(gaussians(20, 4096))))
    assert rows[name].p_value < 1e-6


def test_covers_of_the_same_imperfect_generator_are_alike():
    latents = gaussians(60, 1024) * np.float32(1.1) + np.float32(0.1)
    assert min(row.p_value for row in statistics(latents)) < 1e-6
    assert min(row.p_value for row in compare(latents[:20], latents[20:])) > 1e-3
    assert min(row.p_value for row in compare(latents[:1], latents[1:])) > 0.03


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("values as covers", lambda z: z + np.float32(0.15)),
        ("norm as covers", lambda z: z * np.float32(1.2)),
        ("signs as covers", lambda z: z + np.float32(0.2)),
        ("neighbours as covers", lambda z: z + np.float32(0.5) * np.roll(z, 1, axis=1)),
    ],
)
def test_pictures_unlike_covers_are_seen(name: str, change):
    covers, latents = gaussians(60, 1024), change(gaussians(12, 1024, seed=2))
    assert by_name(compare(latents, covers))[name].p_value < 1e-4
    least = 2 / ((60 if name != "values as covers" else 30) + 1)
    assert by_name(compare(latents[:1], covers))[name].p_value == pytest.approx(least)


def test_the_area_agrees_with_mann_and_whitney():
    rng = np.random.default_rng(3)
    stego, cover = np.round(rng.normal(0.5, 1, 300), 1), np.round(rng.normal(0, 1, 200), 1)
    expected = stats.mannwhitneyu(stego, cover).statistic / (300 * 200)
    found = area(stego, cover)
    assert found.value == pytest.approx(expected)
    assert (found.stego, found.cover) == (300, 200)
    # Hanley and McNeil's variance for the same area, which assumes exponential scores.
    q1, q2 = expected / (2 - expected), 2 * expected**2 / (1 + expected)
    variance = (expected * (1 - expected) + 299 * (q1 - expected**2) + 199 * (q2 - expected**2)) / (
        300 * 200
    )
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.1)


def test_the_interval_covers_chance_19_times_in_20():
    rng = np.random.default_rng(6)
    areas = [area(rng.standard_normal(80), rng.standard_normal(90)) for _ in range(600)]
    covered = sum(one.low <= 0.5 <= one.high for one in areas)
    assert stats.binomtest(covered, 600, 0.95).pvalue > 1e-3


def test_separated_scores_have_an_interval_still():
    found = area(np.arange(60.0) + 100, np.arange(90.0))
    assert (found.value, found.low, found.high) == (1.0, 0.95, 1.0)
    found = area(np.arange(60.0), np.arange(90.0) + 100)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.05)


def test_the_error_at_one_percent_of_false_alarms():
    cover = np.arange(1000.0)
    assert error_at(cover + 5000, cover) == pytest.approx(0.005)
    assert error_at(cover - 5000, cover) == pytest.approx((0.01 + 1) / 2)
    # 500 stego scores lie above all covers, the rest below them.
    half = np.concatenate([cover[:500] + 5000, cover[:500] - 5000])
    assert error_at(half, cover) == pytest.approx((0.01 + 0.5) / 2)
