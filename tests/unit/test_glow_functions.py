from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from latebra.compiling.glow.bundle import compiled
from latebra.compiling.glow.lowering import Step, Steps
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import AVX2, AVX512, SSE2, host
from tests.unit.glow_targets import HERE

special = pytest.importorskip("scipy.special", reason="the error function to compare with")

# Largest error in units in the last place, measured over the points below and rounded up. The
# functions of ``wide.py`` are computed in 64-bit floats, so theirs is the last rounding.
BOUNDS = {
    "Exp": (np.exp, 1.0),
    "Log": (np.log, 0.8),
    "Sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 2.1),
    "Tanh": (np.tanh, 1.2),
    "Erf": (special.erf, 1.0),
    "Sin": (np.sin, 0.51),
    "Cos": (np.cos, 0.51),
    "Tan": (np.tan, 0.51),
    "Atan": (np.arctan, 0.51),
    "Sqrt": (np.sqrt, 0.51),
}


def _points():
    rng = np.random.default_rng(5)
    wide = rng.standard_normal(30_000) * 10 ** rng.uniform(-6, 2, 30_000)
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38]
    return np.concatenate([wide, np.linspace(-110, 110, 20_001), edges]).astype(np.float32)


def _computed(name, x, target):
    shape = ("float32", x.shape)
    graph = Steps({"x": shape}, {}, [Step(name, ("x",), ("y",))], ["y"])
    return Runner(compiled(graph, target), 1)({"x": x})["y"]


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


@pytest.mark.parametrize("name", [*BOUNDS, "Floor", "Ceil", "Round"])
@pytest.mark.parametrize("target", [each for each in HERE if each is not host()], ids=str)
def test_every_processor_gives_the_same_bits(name, target):
    x = _points()
    assert _computed(name, x, host()).tobytes() == _computed(name, x, target).tobytes()


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
        [Step("MatMul", ("l", "r"), ("y",))],
        ["y"],
    )
    got = Runner(compiled(graph, SSE2), 1)({"l": left, "r": right})["y"].reshape(-1)
    exact = [
        Fraction(float(p)) * Fraction(float(q)) + Fraction(float(r))
        for p, q, r in zip(a, b, c, strict=True)
    ]
    wanted = np.array([_rounded(each) for each in exact])
    assert got.tobytes() == wanted.tobytes()


def test_targets_are_known_by_name():
    assert {AVX512.lanes, AVX2.lanes, SSE2.lanes} == {16, 8, 4}
    assert host() in HERE
