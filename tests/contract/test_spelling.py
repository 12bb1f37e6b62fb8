"""Core operators in the functions of each vendor that has them: right or refused, never wrong.

Each so many-th case is taken; ``benchmarks/onnx_nodes.py`` takes them all.
"""

from __future__ import annotations

import collections
import importlib
import importlib.util

import numpy as np
import pytest

from latebra.compiling.ir.operators import OPERATORS
from latebra.compiling.ir.passes.halves import widen_halves
from latebra.compiling.ir.passes.usual import improved
from latebra.compiling.ir.passes.whole import spell_whole_convs
from latebra.compiling.spelling.walk import ENTRIES, compute
from latebra.core.errors import Unsupported

pytest.importorskip("onnx", reason="the cases come with it")


class Jax:
    """JAX's arrays, to and from NumPy's."""

    def __init__(self):
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.arrays = importlib.import_module("latebra.compiling.xla.arrays")
        self.algebra = self.arrays.Arrays()

    def put(self, array):
        return self.arrays.Laid(self.jax.numpy.asarray(array))

    def get(self, value):
        return np.asarray(self.algebra.plain(value))


class Torch:
    """Torch's tensors, to and from NumPy's."""

    def __init__(self):
        self.torch = importlib.import_module("torch")
        self.algebra = importlib.import_module("latebra.compiling.inductor.tensors").Tensors()

    def put(self, array):
        return self.torch.from_numpy(np.array(array))

    def get(self, value):
        return value.numpy()


def test_every_core_operator_is_spelt():
    assert set(ENTRIES) == set(OPERATORS)


@pytest.mark.slow
# Not ours: deprecations inside ONNX's own test cases and torch.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "kind", "every"), [("jax", Jax, 80), ("torch", Torch, 8)])
def test_no_operator_is_wrong(name, kind, every, monkeypatch):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    from latebra.testing.node_outcomes import comparable, judged
    from latebra.testing.onnx_nodes import core_graph

    vendor = kind()
    found = collections.Counter()
    wrong = {}
    for case in comparable()[5::every]:
        try:
            graph = spell_whole_convs(improved(widen_halves(core_graph(case))))
        except Unsupported:
            continue
        given = [vendor.put(case.inputs[each]) for each in graph.inputs]
        try:
            values = compute(graph, vendor.algebra, given)
        except Exception:  # noqa: BLE001  # A vendor raises whatever it likes.
            found["refused"] += 1
            continue
        found["ok"] += 1
        got = {n: vendor.get(v) for n, v in zip(graph.outputs, values, strict=True)}
        word, error = judged(case, got)
        if word == "wrong":
            wrong[case.name] = error
    assert not wrong, wrong
    assert found["ok"] >= 0.9 * found.total(), found
