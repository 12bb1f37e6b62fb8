from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from latebra.compiling.glow.lowering import Step, Steps
from latebra.compiling.glow.target import AVX2, AVX512, SSE2, host
from tests.unit.glow_targets import HERE, computed, elsewhere

special = pytest.importorskip("scipy.special", reason="the error function to compare with")

# Largest error in units in the last place, measured over the points below and rounded up. The
# functions of ``wide.py`` are computed in 64-bit floats, so theirs is the last rounding.
BOUNDS = {
    "Exp": (np.exp, 1.0),
    "Log": (np.log, 0.8),
    "Sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 2.1),
    "Tanh": (np.tanh, 1.2),
    "Erf": (special.erf, 1.1),
    "Sin": (np.sin, 0.51),
    "Cos": (np.cos, 0.51),
    "Tan": (np.tan, 0.51),
    "Atan": (np.arctan, 0.51),
    "Sqrt": (np.sqrt, 0.51),
}


def _points():
    rng = np.random.default_rng(5)
    wide = rng.standard_normal(30_000) * 10 ** rng.uniform(-6, 2, 30_000)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e8]
    return np.concatenate([wide, np.linspace(-110, 110, 20_001), edges]).astype(np.float32)


def _computed(name, x, target):
    shape = ("float32", x.shape)
    graph = Steps({"x": shape}, {}, [Step(name, ("x",), "y")], ["y"])
    return elsewhere(computed, graph, {"x": x}, target.name)["y"]


@pytest.mark.parametrize("name", BOUNDS)
def test_error_is_within_its_bound(name):
    exact, bound = BOUNDS[name]
    x = _points()
    got = _computed(name, x, host()).astype(np.float64)
    with np.errstate(all="ignore"):
        wanted = exact(x.astype(np.float64))
    fine = np.isfinite(wanted) & (np.abs(wanted) > 2.0**-125) & (np.abs(wanted) < 3e38)
    ulp = np.spacing(np.abs(wanted[fine]).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(got[fine] - wanted[fine]) / ulp) <= bound
    assert np.array_equal(np.isnan(got), np.isnan(wanted))


@pytest.mark.parametrize("target", [each for each in HERE if each is not host()], ids=str)
def test_every_processor_gives_the_same_bits(target):
    names = [*BOUNDS, "Floor", "Round"]
    x = _points()
    steps = [Step(name, ("x",), name) for name in names]
    graph = Steps({"x": ("float32", x.shape)}, {}, steps, names)
    here, there = (elsewhere(computed, graph, {"x": x}, each.name) for each in (host(), target))
    for name in names:
        assert here[name].tobytes() == there[name].tobytes(), name


def _rounded(exact):
    """The float32 nearest to a fraction, ties to even."""
    near = np.float32(float(exact))
    around = [np.nextafter(near, np.float32(s), dtype=np.float32) for s in (-np.inf, np.inf)]
    return min(
        [near, *around],
        key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.uint32)) & 1),
    )


def test_a_fused_step_without_the_instruction_rounds_once():
    # Products that fall halfway between two floats, moved off the middle by a sum far below.
    rng = np.random.default_rng(6)
    a, b, c = (rng.integers(2**23, 2**24, 400).astype(np.float32) for _ in range(3))
    c *= np.exp2(rng.integers(-30, 27, 400)).astype(np.float32) * rng.choice([-1, 1], 400)
    half = np.float32(1 + 2.0**-12)
    a, b = np.append(a, [half, half]), np.append(b, [half, half])
    c = np.append(c, [2.0**-60, -(2.0**-60)]).astype(np.float32)
    a, b = a.astype(np.float32), b.astype(np.float32)
    # One row a product: y = a * b + c, as a matrix product of depth two, c first.
    ones = np.ones_like(a)
    left = np.stack([c, a], 1)[:, None, :]
    right = np.stack([ones, b], 1)[:, :, None]
    graph = Steps(
        {"l": ("float32", left.shape), "r": ("float32", right.shape)},
        {},
        [Step("MatMul", ("l", "r"), "y")],
        ["y"],
    )
    got = elsewhere(computed, graph, {"l": left, "r": right}, "sse2")["y"].reshape(-1)
    exact = [
        Fraction(float(p)) * Fraction(float(q)) + Fraction(float(r))
        for p, q, r in zip(a, b, c, strict=True)
    ]
    wanted = np.array([_rounded(each) for each in exact])
    assert got.tobytes() == wanted.tobytes()


def test_targets_are_known_by_name():
    assert {AVX512.lanes, AVX2.lanes, SSE2.lanes} == {16, 8, 4}
    assert host() in HERE


@pytest.mark.parametrize("target", HERE, ids=str)
def test_halves_are_widened_exactly_and_narrowed_to_the_nearest_even(target):
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    rng = np.random.default_rng(6)
    near = every[np.isfinite(every)].astype(np.float32)
    between = (near[:-1] + near[1:]) / 2  # Ties, and one to either side of each.
    singles = np.concatenate(
        [
            near,
            between,
            np.nextafter(between, np.float32(np.inf), dtype=np.float32),
            np.nextafter(between, np.float32(-np.inf), dtype=np.float32),
            rng.integers(0, 1 << 32, 1 << 16, np.uint32).view(np.float32),
            np.float32([65519.99, 65520, 65536, np.inf, -np.inf, np.nan, 1e-30, -1e-8]),
        ]
    )
    graph = Steps(
        {"half": ("float16", every.shape), "single": ("float32", singles.shape)},
        {},
        [
            Step("Cast", ("half",), "wide", {"to": "float32"}),
            Step("Cast", ("single",), "narrow", {"to": "float16"}),
        ],
        ["wide", "narrow"],
    )
    found = elsewhere(computed, graph, {"half": every, "single": singles}, target.name)
    with np.errstate(all="ignore"):
        wide, narrow = every.astype(np.float32), singles.astype(np.float16)
    for got, wanted in ((found["wide"], wide), (found["narrow"], narrow)):
        assert np.array_equal(np.isnan(got), np.isnan(wanted))
        sure = ~np.isnan(wanted)
        assert got[sure].tobytes() == wanted[sure].tobytes()


def test_a_sigmoid_of_64_bits_is_computed_in_them():
    x = np.concatenate([np.linspace(-700, 700, 20_001), [np.inf, -np.inf, np.nan]])
    graph = Steps({"x": ("float64", x.shape)}, {}, [Step("Sigmoid", ("x",), "y")], ["y"])
    got = elsewhere(computed, graph, {"x": x}, host().name)["y"]
    with np.errstate(over="ignore"):
        wanted = 1 / (1 + np.exp(-x))
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, wanted, rtol=4e-15, atol=1e-300)
