"""Exact networks: every compiler gives the same bits, however it is run; ordinary floats do not."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from latebra.compiling.opening import installed, open_network

pytest.importorskip("onnx", reason="networks are written with it")

from latebra.testing.exact import SAMPLES, Sample, run_by_place

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "exact.json"
CELLS = ((1, 2, True), (3, 1, True), (8, 2, False))
"""Batch, threads, mirrored. The benchmark takes all twelve."""
SLOW = ("iree", "tvm")
"""Builds take seconds: one cell for each network, another one each time."""
QUICK = tuple(name for name in installed() if name not in (*SLOW, "reference"))
"""The reference is left out: it computes in 64-bit floats, and differs from all of them."""


def run(model, compiler: str, threads: int, sample: Sample, batch: int) -> np.ndarray:
    network = open_network(model, compiler, threads=threads, cache=None)
    (found,) = network.run({"x": sample.inputs(batch)}).values()
    return sample.results(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("compiler", installed())
def test_every_compiler_gives_what_numpy_defines(compiler, name):
    plain = SAMPLES[name]()
    at = list(SAMPLES).index(name)
    for batch, threads, is_mirrored in CELLS[at : at + 1] if compiler in SLOW else CELLS:
        sample = plain.mirrored() if is_mirrored else plain
        model = sample.model(batch)
        found = run(model, compiler, threads, sample, batch)
        wanted = plain.network.apply(plain.inputs(batch)).astype(np.int32)
        assert (found.dtype, found.tobytes()) == (wanted.dtype, wanted.tobytes())


@pytest.mark.slow
@pytest.mark.parametrize("compiler", QUICK)
def test_one_place_at_a_time_gives_the_same(compiler):
    sample = SAMPLES["transformer"]()
    graph, model = sample.stepped(3)
    network = open_network(model, compiler, threads=2, cache=None)
    tokens = sample.inputs(3)
    assert np.array_equal(run_by_place(network, graph, tokens), sample.network.apply(tokens))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_ordinary_floats_differ_somewhere(name):
    plain = SAMPLES[name]()
    outputs = [
        run(sample.twin(8), each, 1, sample, 8)
        for each in QUICK[:2]
        for sample in (plain, plain.mirrored())
    ]
    assert any((a != b).any() for a, b in combinations(outputs, 2))
    # And no more than rounding explains: the twins are one network.
    largest = max(np.abs(each).max() for each in outputs)
    assert all(np.abs(a - b).max() < 1e-3 * largest for a, b in combinations(outputs, 2))


def test_what_is_published_differs_nowhere():
    told = json.loads(PUBLISHED.read_text())
    for network in told["networks"].values():
        assert not any(network["exact"].values())
        assert any(network["twin"].values())
    for name in ("transformer", "small_texts"):
        assert not any(told["networks"][name]["by_place"].values())
