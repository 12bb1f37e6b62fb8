from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latebra.hiding.channel import gaussian
from latebra.hiding.channel.stream import Stream

DIMS = 20_000


def _written(depth: int, seed: int = 1):
    rng = np.random.default_rng(seed)
    depths = np.full(DIMS, depth, np.uint8)
    bits = rng.integers(0, 2, DIMS * depth, dtype=np.uint8)
    return bits, depths, gaussian.sample(bits, depths, rng.random(DIMS))


def _kolmogorov(values: np.ndarray) -> float:
    points = np.sort([NormalDist().cdf(float(value)) for value in values])
    steps = np.arange(points.size + 1) / points.size
    return max(np.abs(points - steps[:-1]).max(), np.abs(points - steps[1:]).max())


@pytest.mark.parametrize("depth", range(gaussian.MOST_BITS + 1))
def test_what_is_sampled_is_standard_gaussian(depth):
    _, _, sent = _written(depth)
    # 1.95 / sqrt(n) is the one-in-a-thousand point of the Kolmogorov-Smirnov statistic.
    assert _kolmogorov(sent) < 1.95 / np.sqrt(DIMS)


def test_the_radius_is_not_fixed():
    norms = [float((_written(1, seed)[2] ** 2).sum()) for seed in range(40)]
    # The squared norm has variance 2 n; forty of them say so within a factor of about two.
    assert 0.5 < np.var(norms) / (2 * DIMS) < 2.0


@pytest.mark.parametrize("depth", range(1, gaussian.MOST_BITS + 1))
def test_hard_bits_come_back_exactly(depth):
    bits, depths, sent = _written(depth)
    # A float32 on a cell's edge may fall to either side: one point in some 10^5.
    assert (gaussian.harden(sent, depths) != bits).mean() < 1e-4


def test_the_first_bit_is_the_sign():
    bits, _, sent = _written(3)
    np.testing.assert_array_equal(bits[::3] == 1, sent > 0)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_ratios_are_calibrated(noise):
    bits, depths, sent = _written(2)
    rng = np.random.default_rng(3)
    gain = np.full(DIMS, 0.7, np.float32)
    level = np.full(DIMS, noise, np.float32)
    received = (0.7 * sent + noise * rng.standard_normal(DIMS)).astype(np.float32)
    llr = gaussian.soften(received, depths, gain, level)
    claimed = 1 / (1 + np.exp(-llr.astype(np.float64)))
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (claimed >= low) & (claimed < low + 0.2)
        if chosen.sum() > 500:
            error = 4 * 0.5 / np.sqrt(chosen.sum())
            assert abs(bits[chosen].mean() - claimed[chosen].mean()) < error


def test_neighbouring_cells_differ_in_one_bit():
    depths = np.full(16, 4, np.uint8)
    middle = np.array([NormalDist().inv_cdf((cell + 0.5) / 16) for cell in range(16)], np.float32)
    bits = gaussian.harden(middle, depths).reshape(16, 4).astype(int)
    assert (np.abs(np.diff(bits, axis=0)).sum(axis=1) == 1).all()
    assert len({tuple(row) for row in bits}) == 16


def test_capacity_falls_with_noise():
    noise = np.array([0.05, 0.2, 0.5, 1.0, 2.0], np.float32)
    bits = gaussian.soft_capacity(np.ones(5, np.float32), noise, 1)
    assert (np.diff(bits) < 0).all()
    # Published with the posterior for one bit: 0.80 at 0.2, 0.54 at 0.5, 0.28 at 1.
    np.testing.assert_allclose(bits[1:4], [0.80, 0.54, 0.28], atol=0.04)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=8), st.integers(1, 3000))
def test_streams_repeat_and_differ(seed, purpose, count):
    stream = Stream(seed)
    assert stream.child(purpose).bytes(count) == Stream(seed).child(purpose).bytes(count)
    assert sorted(stream.permutation(count)) == list(range(count))
    assert ((stream.uniform(count) > 0) & (stream.uniform(count) < 1)).all()
    assert stream.child(purpose).bytes(32) != stream.bytes(32)
    assert repr(seed)[2:10] not in repr(stream)
