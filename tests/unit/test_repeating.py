from __future__ import annotations

import numpy as np
import pytest

import latebra as lb
from latebra.core.errors import InputError
from latebra.testing.programs import PROGRAMS, batched

onnx = pytest.importorskip("onnx", reason="the networks are made with onnx")


def step(with_branch=False):
    """Returns ``y = x w + b``, ``w`` held and ``b`` given, the sum in a branch where asked."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    held = [onnx.numpy_helper.from_array(np.array([[0.5, 1], [-1, 0.25]], np.float32), "w")]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="product")]
    if with_branch:
        sides = [
            helper.make_graph(
                [helper.make_node(operator, ["h", "b"], [f"{operator}_out"])],
                operator,
                [],
                [helper.make_tensor_value_info(f"{operator}_out", kind, [1, 2])],
            )
            for operator in ("Add", "Sub")
        ]
        held.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
        nodes.append(
            helper.make_node("If", ["yes"], ["y"], then_branch=sides[0], else_branch=sides[1])
        )
    else:
        nodes.append(helper.make_node("Add", ["h", "b"], ["y"]))
    ends = [helper.make_tensor_value_info(name, kind, [1, 2]) for name in ("x", "b", "y")]
    graph = helper.make_graph(nodes, "step", ends[:2], ends[2:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return lb.load_model(made.SerializeToString(), name="step")


@pytest.mark.parametrize("with_branch", [False, True])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_it_is_the_loop(times, with_branch):
    model = lb.repeat(step(with_branch), times, {"y": "x"})
    onnx.checker.check_model(onnx.load_model_from_string(model.onnx), full_check=True)
    x, b = np.array([[1, 2]], np.float32), np.array([[0.5, -1]], np.float32)
    wanted = x
    for _ in range(times):
        wanted = wanted @ np.array([[0.5, 1], [-1, 0.25]], np.float32) + b
    for compiler in ("onnxruntime", "reference"):
        found = lb.compile(model, compiler=compiler, threads=1).run({"x": x, "b": b})
        np.testing.assert_allclose(found["y"], wanted, rtol=1e-6)


def test_weights_are_held_once():
    plain = step()
    many = lb.repeat(plain, 50, {"y": "x"})
    graph = onnx.load_model_from_string(many.onnx).graph
    assert [each.name for each in graph.initializer] == ["w"]
    assert len(graph.node) == 100
    assert many.card.name == "step_50_times"
    assert many.card.digest == many.file_digest


@pytest.mark.parametrize("name", ["h/0", "h/turn/0", "h/turn/turn/0"])
def test_no_name_is_given_twice(name):
    written = onnx.load_model_from_string(step().onnx)
    written.graph.initializer[0].name = written.graph.node[0].input[1] = name
    model = lb.repeat(lb.load_model(written.SerializeToString()), 3, {"y": "x"})
    again = onnx.load_model_from_string(model.onnx)
    onnx.checker.check_model(again, full_check=True)
    given = [each for node in again.graph.node for each in node.output] + [name]
    assert len(set(given)) == len(given) == 7


def test_without_feeding_each_time_is_the_same():
    found = lb.compile(lb.repeat(step(), 3, {}), compiler="onnxruntime")
    x = np.array([[1, 2]], np.float32)
    once = lb.compile(step(), compiler="onnxruntime").run({"x": x, "b": x})
    np.testing.assert_array_equal(found.run({"x": x, "b": x})["y"], once["y"])


@pytest.mark.parametrize(
    ("times", "fed", "said"),
    [
        (0, {"y": "x"}, "repeated 0 times"),
        (2, {"z": "x"}, "no output 'z'"),
        (2, {"y": "z"}, "no input 'z'"),
    ],
)
def test_what_cannot_be_is_said(times, fed, said):
    with pytest.raises(InputError, match=said):
        lb.repeat(step(), times, fed)


def test_another_shape_or_a_second_giver_is_refused():
    with pytest.raises(InputError, match="output 'y' is"):
        lb.repeat(PROGRAMS["picture"]().model, 2, {"y": "x"})
    assert len(lb.repeat(batched(), 2, {"y": "x"}).onnx) > len(batched().onnx)
