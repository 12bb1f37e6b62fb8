"""What a vendor is known to get wrong reaches it otherwise, or not at all."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.mistakes import Mistake, built, met, takes
from latebra.compiling.uses import uses_of
from latebra.core.errors import BuildFailed, Unsupported
from latebra.core.network import ModelCard

onnx = pytest.importorskip("onnx", reason="the models are made with onnx")


def model(*nodes, inputs=(("x", 1, [2, 4]),), outputs=("y",), constants=None, opset=18):
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(*node[:3], **(node[3] if len(node) > 3 else {})) for node in nodes],
        "made",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [onnx.numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return Model(proto.SerializeToString(), ModelCard("made", "0" * 64, "T3", 1e-3))


MISH = model(("Mish", ["x"], ["y"]))


def test_uses_say_what_the_file_says():
    made = model(
        ("Constant", [], ["k"], {"value": onnx.numpy_helper.from_array(np.array([2.0, 3.0]))}),
        ("Resize", ["x", "", "scales"], ["z"], {"mode": "cubic", "cubic_coeff_a": -0.5}),
        ("Tile", ["z", "k"], ["y"]),
        ("Dropout", ["y"], ["", "mask"]),
        constants={"scales": np.array([1.0, 0.5], np.float32)},
    )
    constant, resize, tile, dropout = uses_of(made.onnx)
    assert constant.operator == "Constant"
    assert resize.told == {"mode": "cubic", "cubic_coeff_a": -0.5}
    assert resize.opset == 18
    assert resize.inputs[0].shape == (2, 4)
    assert resize.numbers(2) == (1.0, 0.5)
    assert resize.has(2)
    assert not resize.has(1)
    assert resize.readers == {"Tile"}
    assert tile.is_constant(1)
    assert tile.numbers(1) == (2.0, 3.0)
    assert tile.inputs[0].dtype == 0
    assert dropout.wants(1)
    assert not dropout.wants(0)


def test_branches_are_looked_into():
    helper = onnx.helper
    branch = helper.make_graph(
        [helper.make_node("Mish", ["x"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", 1, None)],
    )
    made = model(
        ("If", ["c"], ["y"], {"then_branch": branch, "else_branch": branch}),
        inputs=(("x", 1, [2]), ("c", 9, [])),
    )
    assert [use.operator for use in uses_of(made.onnx)] == ["Mish", "Mish", "If"]


def test_a_mistake_is_gone_around():
    mistakes = [Mistake("Mish", "bends too far")]
    seen: list[set[str]] = []

    def build(given):
        seen.append(set(given.facts.operators))
        return b"done"

    assert takes(MISH, mistakes)
    assert built(MISH, mistakes, build) == b"done"
    assert "Mish" not in seen[0]
    assert built(MISH, [Mistake("Relu", "is odd")], build) == b"done"
    assert seen[1] == {"Mish"}


def test_what_cannot_be_gone_around_is_refused():
    mistakes = [Mistake("Mish", "bends too far"), Mistake("Tanh", "is steep")]
    refusal = takes(MISH, mistakes)
    assert not refusal
    assert "Mish bends too far" in str(refusal)
    assert "Tanh is steep" in str(refusal)
    assert refusal.fix
    with pytest.raises(Unsupported, match="Mish bends too far"):
        built(MISH, mistakes, lambda given: given)


def test_only_what_triggers_a_mistake_meets_it():
    half = Mistake("", "halves", lambda use: use.may_be(10))
    assert not met(MISH, [half])
    assert met(model(("Mish", ["x"], ["y"]), inputs=(("x", 10, [2]),)), [half])


def test_what_a_vendor_refuses_is_said_again():
    def build(given):
        if "Mish" in given.facts.operators:
            raise BuildFailed("no Mish here")
        return sorted(given.facts.operators)

    assert "Mish" not in built(MISH, (), build)
    with pytest.raises(BuildFailed, match="as it is written"):
        built(MISH, (), _refuse)


def _refuse(given):
    raise BuildFailed("as it is written" if "Mish" in given.facts.operators else "otherwise")


def test_without_onnx_the_reason_says_so(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "latebra.compiling.mistakes.find_spec", lambda name: None if name == "onnx" else find(name)
    )
    refusal = takes(MISH, [Mistake("Mish", "bends too far")])
    assert "onnx is not installed" in str(refusal)
    assert "pip install" in refusal.fix
