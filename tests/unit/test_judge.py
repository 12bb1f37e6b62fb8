from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.choosing import rivals
from latebra.compiling.contract import Outcome
from latebra.compiling.deciding import ROUNDS, decided
from latebra.compiling.judge import compare, contenders
from latebra.compiling.likeness import difference
from latebra.compiling.opening import open_network
from latebra.compiling.question import Question
from latebra.compiling.report import Report, Row
from latebra.compiling.shapes import fixed
from latebra.compiling.trial import Patience
from latebra.compiling.verdict import judged
from latebra.core.errors import InputError, NumericsMismatch, Unavailable, UnknownPlugin
from latebra.testing.faults import OFF_BY
from latebra.testing.programs import PROGRAMS, batched, foreign, lookup, normalised

pytest.importorskip("onnx", reason="the programs are made with onnx")

QUICK = Question(rounds=2, threads=1, cache=None, patience=Patience(60.0, 60.0, 5.0))


def named(model, name):
    return lb.load_model(model.onnx, name=name)


@pytest.fixture(scope="module")
def report():
    """Two right compilers and one that is off, on a network with two inputs and two outputs."""
    names = ["onnxruntime", "reference", "latebra.testing.faults:Off"]
    return compare(PROGRAMS["clock"]().model, names, QUICK)


def test_right_compilers_are_ok_and_measured(report):
    row = report["onnxruntime"]
    assert row.outcome is Outcome.OK
    assert len(row.cpu_s) == 2
    assert 0 < row.cpu < 1
    assert 0 < row.first_s < 10
    assert 0 < row.load_s < 60
    assert row.artifact_bytes > 100
    assert row.peak_bytes > 10e6
    assert row.same.runs
    assert row.same.processes
    assert 0 <= row.error.relative < 1e-5
    assert 0 <= row.error.ulp < 1e3


def test_one_that_is_off_is_wrong_and_told_by_how_much(report):
    row = report["latebra.testing.faults:Off"]
    assert row.outcome is Outcome.WRONG
    assert row.error.largest == pytest.approx(OFF_BY, rel=1e-3)
    assert f"off by {OFF_BY:.1e}" in row.reason
    assert "another compiler" in row.fix


def test_every_pair_is_compared_both_ways(report):
    assert report.judge == "reference"
    for one in report.apart:
        assert report.apart[one][one] == 0
        for other in report.apart:
            assert report.apart[one][other] == report.apart[other][one]


def test_a_report_is_json(report):
    read = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert [row["outcome"] for row in read["rows"]] == ["ok", "ok", "wrong"]
    assert read["rows"][0]["cpu_median_s"] == report["onnxruntime"].cpu


def test_a_wrong_or_slow_one_is_never_chosen(report):
    for goal in ("latency", "throughput", "memory", "size", "exact"):
        choice = lb.choose(report, goal)
        assert choice.compiler == "onnxruntime"  # The reference is for judging.
        assert choice.reason.startswith("onnxruntime: ")
    with pytest.raises(InputError, match="no goal 'speed'"):
        lb.choose(report, "speed")


def test_a_bound_that_nobody_keeps_leaves_no_choice(report):
    fast = report["onnxruntime"].error.relative
    if fast:
        assert lb.choose(report, bound=fast).compiler == "onnxruntime"
        assert lb.choose(report, bound=fast / 2).compiler == "reference"
    with pytest.raises(Unavailable, match="no compiler is within -1e"):
        lb.choose(report, bound=-1.0)


@pytest.mark.parametrize(
    ("model", "word", "told"),
    [
        ("crash_in_build", Outcome.BUILD_FAILED, "died of SIGSEGV in build"),
        ("raise_in_load", Outcome.LOAD_FAILED, "three is not even"),
        ("crash", Outcome.RUN_FAILED, "died of SIGSEGV in run"),
        ("hang", Outcome.TIMED_OUT, "longer than 2 s to run"),
    ],
)
def test_a_broken_compiler_is_a_row_and_the_others_go_on(model, word, told):
    program = PROGRAMS["integers"]()
    question = Question(rounds=1, threads=1, cache=None, patience=Patience(60.0, 2.0, 5.0))
    names = ["latebra.testing.faults:Faulty", "onnxruntime"]
    found = compare(named(program.model, model), names, question)
    broken = found["latebra.testing.faults:Faulty"]
    assert broken.outcome is word
    assert told in broken.reason
    assert "stopwatch" not in broken.reason
    assert broken.fix
    assert broken.cpu is None
    assert found["onnxruntime"].outcome is Outcome.OK
    assert found["onnxruntime"].cpu > 0


def test_absent_and_unsupported_say_what_to_do():
    found = compare(foreign(), ["null", "onnxruntime"], QUICK)
    assert [row.outcome for row in found.rows] == [Outcome.ABSENT, Outcome.UNSUPPORTED]
    assert all(row.reason and row.fix for row in found.rows)
    assert found.judge == ""
    with pytest.raises(Unavailable, match="foreign"):
        lb.choose(found)


def test_an_unknown_compiler_is_said_before_the_work():
    with pytest.raises(UnknownPlugin, match="ngraf"):
        compare(PROGRAMS["integers"]().model, ["ngraf"], QUICK)


def test_all_that_could_ever_run_are_compared():
    assert "null" not in contenders()
    assert {"onnxruntime", "reference"} <= set(contenders())
    assert contenders()[-1] == "reference"


def test_whole_numbers_look_up_rows_that_are_there():
    model = lookup()
    found = compare(model, ["onnxruntime", "reference"], QUICK)
    assert [row.outcome for row in found.rows] == [Outcome.OK, Outcome.OK]
    assert found["onnxruntime"].error.largest == 0


def test_an_open_batch_is_measured_and_shapes_are_heeded():
    model = batched()
    found = lb.compare(model, compilers=["onnxruntime"], rounds=2, threads=1, batch=4)
    assert found.batch == 4
    assert found["onnxruntime"].items_s > 1
    assert found.inputs == ("x: float32 (1, 16)",)
    wider = lb.compare(
        model, compilers=["onnxruntime"], rounds=1, threads=1, batch=1, shapes={"": (3, 5)}
    )
    assert wider.batch is None
    assert wider.inputs == ("x: float32 (3, 5)",)
    with pytest.raises(InputError, match="no input 'z'"):
        lb.compare(model, shapes={"z": (1, 2)})
    with pytest.raises(InputError, match=r"shape of \(1, 2, 3\) was given for input 'x'"):
        lb.compare(model, shapes={"x": (1, 2, 3)})


def test_inputs_of_the_wrong_shape_are_refused_in_words():
    inputs = {"x": np.zeros((1, 16, 9, 12), np.float32)}
    with pytest.raises(InputError, match=r"input 'x' is float32 \(1, 16, 9, 12\)"):
        lb.compare(PROGRAMS["integers"]().model, inputs=inputs)


def test_axes_that_cannot_fit_together_are_said():
    with pytest.raises(InputError, match="does not take x"):
        fixed(batched(channels=7), {"x": (1, 16)})


def test_threads_are_compared_bit_for_bit():
    question = Question(rounds=1, threads=2, cache=None)
    found = compare(PROGRAMS["integers"]().model, ["onnxruntime"], question)
    assert found["onnxruntime"].same.threads is True
    assert found["onnxruntime"].wall > 0
    assert found["onnxruntime"].same.everywhere


def test_differences_are_what_they_say():
    wanted = {"y": np.array([1.0, 0.0, -4.0], np.float32)}
    near = {"y": np.array([1.0, 2.0**-22, -4.0], np.float32)}
    found = difference(near, wanted)
    assert found.largest == 2.0**-22
    assert found.relative == 2.0**-24
    # One unit at the root mean square, 2.4, is 2^-22.
    assert found.ulp == 1.0
    assert difference(wanted, wanted).ulp == 0
    nan = {"y": np.array([np.nan, 0.0, np.inf], np.float32)}
    assert difference(nan, nan).largest == 0
    assert difference(wanted, nan).largest == np.inf
    assert difference({"z": wanted["y"]}, wanted).largest == np.inf
    assert difference({"y": wanted["y"].astype(np.float64)}, wanted).largest == np.inf


def test_the_reference_is_overruled_by_two_who_agree():
    def value(x):
        return {"y": np.array([x, 1.0], np.float32)}

    found = judged({"a": value(0.5), "b": value(0.5), "reference": value(9.0)})
    assert found.judge == "a"
    assert "reference differs from a and b" in found.why
    assert found.errors["reference"].largest == 8.5
    assert judged({"a": value(0.5), "reference": value(9.0)}).judge == "reference"
    two = {"a": value(0.5), "b": value(0.5), "c": value(9.0), "reference": value(9.0)}
    assert judged(two).judge == "reference"
    assert judged({**two, "d": value(0.5), "e": value(0.5)}).judge == "a"
    assert judged({**two, "a:short": value(0.5), "b:short": value(0.5)}).judge == "reference"
    assert judged({"a": value(0.5), "b": value(9.0), "c": value(9.0)}).judge == "b"
    assert judged({"a": value(0.5), "b": value(9.0)}).errors == {}
    assert judged({"a": value(0.5)}).judge == ""


def test_a_vouched_model_is_checked_when_it_is_opened():
    from latebra.compiling.golden import golden_vector, vouched

    program = PROGRAMS["picture"]()
    vector = golden_vector(program.model, program.inputs)
    wanted = np.abs(vector.outputs["y"]).max()
    model = vouched(program.model, vector, about={"apart": {"a": {"b": 1e-6}}})
    assert model.card.bound == pytest.approx(1e-3 * wanted)
    assert model.card.about["apart"] == {"a": {"b": 1e-6}}
    assert open_network(model, "onnxruntime", cache=None).card.golden is vector
    strict = vouched(program.model, vector, bound=1e-12)
    with pytest.raises(NumericsMismatch, match="off its golden vector"):
        open_network(strict, "onnxruntime", cache=None)


def test_of_like_times_the_first_in_the_order_is_chosen(report):
    def timed(name, seconds):
        return dataclasses.replace(report["onnxruntime"], compiler=name, wall_s=(seconds,))

    rows = (timed("a", 1.02), timed("b", 1.0), timed("c", 1.5))
    like = dataclasses.replace(report, rows=rows)
    assert lb.choose(like).compiler == "a"
    apart = dataclasses.replace(report, rows=(timed("a", 1.1), *rows[1:]))
    assert lb.choose(apart).compiler == "b"
    assert "a is next" in lb.choose(apart).reason


def test_a_variant_is_labelled_judged_by_its_precision_and_never_chosen_unasked():
    pytest.importorskip("openvino")
    program = PROGRAMS["picture"]()
    assert "ngraph:bf16" in contenders()
    found = compare(program.model, ["ngraph", "ngraph:bf16", "reference"], QUICK)
    plain, short = found["ngraph"], found["ngraph:bf16"]
    assert "16-bit" in short.title
    assert plain.error.relative < 1e-5
    if short.error.relative > found.bound:  # Elsewhere the processor has no 16-bit floats.
        assert short.outcome is Outcome.OK
        assert {lb.choose(found, goal).compiler for goal in ("latency", "size")} == {"ngraph"}
        fast = dataclasses.replace(short, wall_s=(1e-9,))
        faster = dataclasses.replace(found, rows=(plain, fast))
        assert lb.choose(faster).compiler == "ngraph"
        # On these inputs it may be near by luck.
        lucky = dataclasses.replace(
            found, rows=(plain, dataclasses.replace(fast, error=plain.error))
        )
        assert lb.choose(lucky).compiler == "ngraph"
        assert lb.choose(faster, bound=0.1).compiler == "ngraph:bf16"


def test_an_unknown_variant_is_named():
    with pytest.raises(UnknownPlugin, match="'ngraph' has no variant 'bf17'") as raised:
        compare(PROGRAMS["integers"]().model, ["ngraph:bf17"], QUICK)
    assert raised.value.fix == "choose from ngraph, ngraph:bf16"


def test_the_reference_normalises_with_the_numbers_that_are_given():
    from onnx import load_model_from_string, numpy_helper

    program = normalised()
    graph = load_model_from_string(program.model.onnx).graph
    held = {each.name: numpy_helper.to_array(each)[:, None] for each in graph.initializer}
    x = program.inputs["x"].astype(np.float64)
    scaled = held["scale"] * (x - held["mean"]) / np.sqrt(held["var"] + 1e-5) + held["bias"]
    wanted = scaled.max(axis=2, keepdims=True)
    found = open_network(program.model, "reference", cache=None).run(program.inputs)["y"]
    np.testing.assert_allclose(found, wanted, atol=program.bound)
    report = compare(program.model, ["onnxruntime", "reference"], QUICK)
    assert report["onnxruntime"].error.largest <= program.bound


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_the_reference_shares_out_over_all_axes_as_old_operators_do(operator):
    from onnx import helper

    x, y = (helper.make_tensor_value_info(name, 1, [2, 5, 3, 1]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "shares", [x], [y])
    opsets = [helper.make_opsetid("", 9)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=4)
    found = compare(lb.load_model(proto.SerializeToString()), ["onnxruntime", "reference"], QUICK)
    assert found.judge == "reference"
    assert found["onnxruntime"].error.largest < 1e-5


def timed(compiler, *wall_s, items_s=None):
    return Row(compiler, compiler, Outcome.OK, wall_s=wall_s, items_s=items_s)


def reported(*rows):
    return Report("m", "", (), 2, None, 1e-3, "", "", rows, {})


def test_the_middle_decides_and_a_tie_is_said():
    steady = timed("onnxruntime", 1.0, 1.0, 1.0, 1.0, 1.0)
    restless = timed("ngraph", 0.8, 0.8, 0.8, 1.2, 1.2)
    faster = timed("glow", 0.8, 0.8, 0.8, 0.8, 0.8)
    alike = timed("tvm", 0.98, 0.98, 0.98, 0.98, 0.98)
    assert lb.choose(reported(steady, restless)).compiler == "ngraph"
    assert (
        "onnxruntime is as fast as the clock can tell"
        in lb.choose(reported(steady, restless)).reason
    )
    assert lb.choose(reported(steady, faster)).compiler == "glow"
    assert "onnxruntime is next" in lb.choose(reported(steady, faster)).reason
    assert lb.choose(reported(steady, alike)).compiler == "onnxruntime"  # It stands first.
    assert "tvm is as fast as the clock can tell" in lb.choose(reported(steady, alike)).reason


def test_only_those_that_are_close_are_measured_again(report):
    rows = timed("onnxruntime", 1.0), timed("ngraph", 1.29), timed("glow", 1.31)
    assert rivals(reported(*rows), "latency") == ("onnxruntime", "ngraph")
    assert rivals(reported(*rows), "size") == ()
    model, question = PROGRAMS["clock"]().model, dataclasses.replace(QUICK, rounds=1)
    assert decided(report, model, question, "latency") is report  # One is right, beside the judge.


def test_a_decision_falls_on_new_times():
    model, question = PROGRAMS["clock"]().model, dataclasses.replace(QUICK, rounds=1)
    names = ["onnxruntime", "latebra.testing.faults:Faulty"]
    once = compare(model, names, question)
    close = [dataclasses.replace(row, wall_s=(9.0,)) for row in once.rows]
    found = decided(dataclasses.replace(once, rows=tuple(close)), model, question, "latency")
    assert [len(row.wall_s) for row in found.rows] == [ROUNDS, ROUNDS]
    assert max(found["onnxruntime"].wall_s) < 9.0
