from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

import latebra as lb
from latebra.api.compiled import compiled
from latebra.compiling.contract import Outcome
from latebra.compiling.cutting import chain
from latebra.compiling.judge import compare
from latebra.compiling.likeness import difference
from latebra.compiling.opening import open_network
from latebra.compiling.placement import Costs, Placement, best_single, place
from latebra.compiling.placing import measured, placed
from latebra.compiling.question import Question
from latebra.core.errors import InputError, UnknownPlugin, Unsupported
from latebra.core.progress import silent
from latebra.testing.programs import PROGRAMS, batched

onnx = pytest.importorskip("onnx", reason="the programs are made with onnx")


def exhaustive(costs):
    """Returns the least that any assignment costs, all of them tried."""
    return min(
        sum(block[name] for block, name in zip(costs.blocks, names, strict=True))
        + sum(
            crossing
            for crossing, (one, other) in zip(costs.crossings, pairwise(names), strict=True)
            if one != other
        )
        for names in product(*(block for block in costs.blocks))
    )


@pytest.mark.parametrize("seed", range(30))
def test_no_assignment_is_cheaper(seed):
    rng = np.random.default_rng(seed)
    blocks = []
    for _ in range(rng.integers(1, 6)):
        able = rng.permutation(["a", "b", "c", "d"])[: rng.integers(1, 5)]
        blocks.append({str(name): float(rng.uniform(1, 9)) for name in able})
    costs = Costs(blocks, [float(rng.uniform(0, 4)) for _ in blocks[1:]])
    found = place(costs)
    assert found.seconds == pytest.approx(exhaustive(costs))
    single = best_single(costs)
    assert single is None or single.seconds >= found.seconds - 1e-9


def test_a_dear_crossing_keeps_one_compiler():
    blocks = [{"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}]
    assert place(Costs(blocks, [0.1])).compilers == ("a", "b")
    assert len(set(place(Costs(blocks, [9.0])).compilers)) == 1


def test_stretches_join_neighbours():
    runs = Placement(("a", "a", "b", "a"), 1.0).runs
    assert runs == (("a", 0, 2), ("b", 2, 3), ("a", 3, 4))


def test_a_block_that_nobody_takes_is_named():
    with pytest.raises(Unsupported, match="no compiler takes block 2 of 2"):
        place(Costs([{"a": 1.0}, {}], [0.0]))


@pytest.fixture(scope="module")
def program():
    return PROGRAMS["picture"]()


def test_a_model_is_cut_where_one_array_passes(program):
    cut = chain(program.model, 4)
    assert len(cut.cuts) >= 2
    assert len(cut.blocks) == len(cut.cuts) + 1
    for block, name in zip(cut.blocks[1:], cut.cuts, strict=True):
        assert [each.name for each in block.facts.inputs] == [name]


def test_where_no_compiler_takes_the_whole_several_share_it(program):
    cut = chain(program.model, 3)
    blocks = [{"onnxruntime": 1.0}, {"reference": 1.0}, {"onnxruntime": 1.0}]
    costs = Costs(blocks[: len(cut.blocks)], [0.1] * (len(cut.blocks) - 1))
    found = placed(cut, costs, program.inputs)
    assert "no compiler takes the whole" in found.reason
    assert found.network.placement.compilers[1] == "reference"
    wanted = open_network(program.model, "reference").run(program.inputs)
    assert difference(found.network.run(program.inputs), wanted).largest < program.bound


def test_several_that_do_not_win_from_end_to_end_are_left(program):
    cut = chain(program.model, 2)
    # By these costs the slow reference would pay for one block: measured, it does not.
    costs = Costs(
        [{"onnxruntime": 1.0, "reference": 0.1}, {"onnxruntime": 1.0, "reference": 5.0}], [0.1]
    )
    assert len(place(costs).runs) == 2
    found = placed(cut, costs, program.inputs, rounds=3)
    assert found.network.placement.compilers == ("onnxruntime", "onnxruntime")
    assert found.reason.startswith("one compiler: several would take ")
    assert found.mixed_s > found.single_s


def test_blocks_are_measured_and_a_wrong_compiler_left_out(program):
    cut = chain(program.model, 2)
    names = ["onnxruntime", "reference", "latebra.testing.faults:Off", "null"]
    costs = measured(cut, names, program.inputs, rounds=1)
    assert [set(block) for block in costs.blocks] == [{"onnxruntime", "reference"}] * 2
    assert all(seconds > 0 for block in costs.blocks for seconds in block.values())
    assert len(costs.crossings) == 1
    assert costs.crossings[0] > 0


def odd_in_the_middle() -> lb.Model:
    """Returns a network of which Glow takes all but one operator, which has cuts on either side."""
    helper = onnx.helper
    rng = np.random.default_rng(0)
    held = {f"w{i}": rng.standard_normal((8, 8, 3, 3)).astype(np.float32) / 9 for i in range(2)}
    held["grid"] = rng.uniform(-1, 1, (1, 6, 7, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GridSample", ["b", "grid"], ["c"]),
        helper.make_node("Conv", ["c", "w1"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["d"], ["y"]),
    ]
    shape = [1, 8, 6, 7]
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("x", 1, shape)],
        [helper.make_tensor_value_info("y", 1, shape)],
        [onnx.numpy_helper.from_array(each, name) for name, each in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return lb.load_model(made.SerializeToString(), name="odd")


def test_a_fallback_takes_what_the_one_that_was_named_cannot(tmp_path):
    pytest.importorskip("llvmlite")
    model = odd_in_the_middle()
    with pytest.raises(Unsupported, match="GridSample of opset 18 cannot be taken") as refused:
        lb.compile(model, compiler="glow", threads=1)
    assert "a fallback" in refused.value.fix
    made = compiled(
        model, compiler="glow", fallback="onnxruntime", goal="latency", bound=None, shapes=None,
        threads=1, licence="", progress=silent,
    )  # fmt: skip
    assert made.reason.endswith("glow runs 2 of 3 stretches, onnxruntime those of GridSample")
    assert made.bundle.artifacts[0].compiler == "glow+onnxruntime"
    bundle = lb.Bundle.open(made.bundle.save(tmp_path / "a.bundle"), digest=made.bundle.digest)
    x = {"x": np.random.default_rng(1).standard_normal((1, 8, 6, 7)).astype(np.float32)}
    wanted = open_network(model, "reference", isolated=False, cache=None).run(x)
    # 72 products to a sum of order one, twice: 144 × 2^-24, rounded up.
    assert difference(bundle.run(x), wanted).largest < 1e-5
    assert bundle.network().compiler == "glow+onnxruntime"


def test_a_fallback_that_is_not_needed_is_left_out():
    pytest.importorskip("llvmlite")
    bundle = lb.compile(
        PROGRAMS["integers"]().model, compiler="glow", fallback="onnxruntime", threads=1
    )
    assert [artifact.compiler for artifact in bundle.artifacts] == ["glow"]


def test_where_both_fail_both_say_why():
    pytest.importorskip("llvmlite")
    words = "glow has no product .* to quantise; with onnxruntime beside it: .* fitted to samples"
    with pytest.raises(Unsupported, match=words):
        lb.compile(
            batched(), compiler="glow:int8", fallback="onnxruntime", shapes={"x": (2, 3)}, threads=1
        )


def test_a_pair_is_compared_like_any_other():
    names = ["glow", "glow+onnxruntime", "onnxruntime", "reference"]
    question = Question(rounds=1, threads=1, cache=None)
    found = compare(odd_in_the_middle(), names, question)
    words = [row.outcome for row in found.rows]
    assert words == [Outcome.UNSUPPORTED, Outcome.OK, Outcome.OK, Outcome.OK]


def test_nobody_falls_back_from_nobody():
    with pytest.raises(InputError, match="no compiler to fall back from"):
        lb.compile(odd_in_the_middle(), fallback="onnxruntime")
    with pytest.raises(UnknownPlugin, match="no compiler is called 'onxruntime'"):
        lb.compile(odd_in_the_middle(), compiler="glow", fallback="onxruntime")


def test_the_verb_places_and_says_why(program):
    found = lb.place(program.model, compilers=["onnxruntime", "reference"], blocks=2, rounds=2)
    wanted = open_network(program.model, "reference").run(program.inputs)
    assert difference(found.network.run(program.inputs), wanted).largest < program.bound
    assert found.reason
    with pytest.raises(UnknownPlugin):
        lb.place(program.model, compilers=["ngraf"])
