"""The core graph against an independent runtime, there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from latebra.compiling.contract import Model
from latebra.compiling.ir.from_onnx import from_onnx
from latebra.compiling.ir.graph import Graph
from latebra.compiling.ir.interpret import interpret
from latebra.compiling.ir.legalise import legalised, printed
from latebra.compiling.ir.operators import OPERATORS, check
from latebra.compiling.ir.passes.usual import improved
from latebra.compiling.ir.to_onnx import to_onnx
from latebra.core.errors import RunFailed, Unsupported
from latebra.core.network import ModelCard

STEPS = [
    "Relu",
    "Sigmoid",
    "Tanh",
    "Erf",
    "Softplus",
    "HardSwish",
    "Mish",
    "Conv",
    "Depthwise",
    "Strided",
    "Transposed",
    "MaxPool",
    "AveragePool",
    "BatchNorm",
    "InstanceNorm",
    "LayerNorm",
    "Softmax",
    "Add",
    "Mul",
    "Transpose",
    "Concat",
    "Pad",
    "Resize",
    "MatMul",
    "Slice",
    "ReduceMean",
]


class Chain:
    """A small network, grown one step at a time on a picture of four channels."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.held: list[Any] = []
        self.at = "x"

    def put(self, op: str, *more: np.ndarray[Any, Any] | str, **told: Any) -> None:
        inputs = [self.at]
        for each in more:
            if isinstance(each, str):
                inputs.append(each)
                continue
            name = f"w{len(self.held)}"
            self.held.append(numpy_helper.from_array(each, name))
            inputs.append(name)
        self.at = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.at], **told))

    def weights(self, *shape: int) -> np.ndarray[Any, Any]:
        return self.random.normal(0, 0.4, shape).astype(np.float32)

    def step(self, name: str) -> None:
        w, four = self.weights, self.weights(4)
        ints = [np.asarray(v, np.int64) for v in ([2, 3], [0, 0], [5, 6])]
        match name:
            case "Conv":
                self.put("Conv", w(4, 4, 3, 3), four, pads=[1, 1, 1, 1])
            case "Depthwise":
                self.put("Conv", w(4, 1, 3, 3), group=4, pads=[2, 2, 2, 2], dilations=[2, 2])
            case "Strided":
                self.put("Conv", w(4, 2, 3, 2), group=2, pads=[1, 0, 1, 1], strides=[1, 2])
                self.put("Resize", "", np.asarray([1, 1, 1, 2], np.float32))
            case "Transposed":
                self.put("ConvTranspose", w(4, 4, 2, 2), four, strides=[2, 2])
                self.put("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
            case "MaxPool":
                self.put("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            case "AveragePool":
                self.put("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            case "BatchNorm":
                self.put("BatchNormalization", four, w(4), w(4), np.abs(w(4)) + 0.5)
            case "InstanceNorm":
                self.put("InstanceNormalization", four, w(4))
            case "LayerNorm":
                self.put("Transpose", perm=[0, 2, 3, 1])
                self.put("LayerNormalization", four, w(4))
                self.put("Transpose", perm=[0, 3, 1, 2])
            case "Softmax":
                self.put("Softmax", axis=1)
            case "Add" | "Mul":
                self.put(name, "x" if not self.nodes else self.nodes[0].output[0])
            case "Transpose":
                self.put("Transpose", perm=[0, 1, 3, 2])
                self.put("Transpose", perm=[0, 1, 3, 2])
            case "Concat":
                self.put("Concat", self.at, axis=1)
                self.put("Slice", ints[0][:1], np.asarray([6]), np.asarray([1]))
            case "Pad":
                self.put("Pad", np.asarray([0, 0, 1, 1, 0, 0, 0, 0]), mode="reflect")
                self.put("Slice", np.asarray([1, 1]), np.asarray([99, 99]), ints[0])
            case "Resize":
                self.put("Resize", "", np.asarray([1, 1, 2, 2], np.float32), mode="linear")
                self.put("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
            case "MatMul":
                self.put("MatMul", w(6, 6))
            case "Slice":
                self.put(
                    "Slice", np.asarray([-1]), np.asarray([-99]), ints[0][:1], np.asarray([-1])
                )
            case "ReduceMean":
                before = self.at
                self.put("ReduceMean", np.asarray([1]))
                self.put("Sub", before)
            case _:
                self.put(name)

    def model(self) -> bytes:
        kind = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "chain",
            [helper.make_tensor_value_info("x", kind, [1, 4, 6, 6])],
            [helper.make_tensor_value_info(self.at, kind, None)],
            self.held,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        made.ir_version = 8
        return made.SerializeToString()


def runtime(model: bytes, inputs: dict[str, Any]) -> dict[str, Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def with_one(node: Any, shape: list[Any]) -> bytes:
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    return made.SerializeToString()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), st.integers(0, 1 << 16))
def test_random_graphs_agree_with_another_runtime(steps: list[str], seed: int) -> None:
    chain = Chain(seed)
    for step in steps:
        chain.step(step)
    model = chain.model()
    x = chain.random.normal(0, 1, (1, 4, 6, 6)).astype(np.float32)
    wanted = runtime(model, {"x": x})
    graph = from_onnx(model)
    better = improved(graph)
    for each in (graph, better):
        check(each)
        for name, found in interpret(each, {"x": x}, "double").items():
            scale = max(1.0, float(np.abs(wanted[name]).max()))
            np.testing.assert_allclose(found, wanted[name], rtol=1e-4, atol=2e-5 * scale)
    again = runtime(to_onnx(better), {"x": x})
    for name, found in again.items():
        scale = max(1.0, float(np.abs(wanted[name]).max()))
        np.testing.assert_allclose(found, wanted[name], rtol=1e-4, atol=2e-5 * scale)


def test_every_core_operator_says_what_it_computes() -> None:
    for name, operator in OPERATORS.items():
        assert operator.name == name
        assert operator.about.endswith(".")


def test_an_open_shape_is_asked_for_and_dimensions_are_bound() -> None:
    model = with_one(helper.make_node("Relu", ["x"], ["y"]), ["N", 3])
    with pytest.raises(Unsupported, match="open dimensions"):
        from_onnx(model)
    assert from_onnx(model, dimensions={"N": 5}).inputs["x"].shape == (5, 3)
    assert from_onnx(model, shapes={"x": (7, 3)}).inputs["x"].shape == (7, 3)
    with pytest.raises(Unsupported, match="was given shape"):
        from_onnx(model, shapes={"x": (7, 4)})


def test_an_unknown_operator_is_refused_by_its_name_and_opset() -> None:
    model = with_one(helper.make_node("Det", ["x"], ["y"]), [3, 3])
    with pytest.raises(Unsupported, match="Det of opset 18 cannot be taken"):
        from_onnx(model)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(Unsupported, match="not an ONNX file"):
        from_onnx(b"\xff\xff no model")


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    chain = Chain(1)
    chain.step("Conv")
    proto = onnx.load_model_from_string(chain.model())
    path = tmp_path / "model.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="w", size_threshold=0)
    assert from_onnx(path).digest() == from_onnx(chain.model()).digest()
    with pytest.raises(Unsupported, match="lies in another file"):
        from_onnx(path.read_bytes())


def test_inputs_are_checked() -> None:
    graph: Graph = from_onnx(with_one(helper.make_node("Relu", ["x"], ["y"]), [3]))
    with pytest.raises(RunFailed, match="give exactly x"):
        interpret(graph, {})
    with pytest.raises(RunFailed, match="give float32"):
        interpret(graph, {"x": np.zeros(3)})


def test_whole_numbers_are_convolved_exactly() -> None:
    x = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    w = np.asarray([[[[1, -2], [3, -4]]]], np.int8)
    graph = helper.make_graph(
        [helper.make_node("ConvInteger", ["x", "w", "", ""], ["y"])],
        "whole",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
        [numpy_helper.from_array(w, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    core = from_onnx(made.SerializeToString())
    found = runtime(to_onnx(core), {"x": x})["y"]
    # 0·1 - 1·2 + 3·3 - 4·4 = -9, and each step to the right takes 1 - 2 + 3 - 4 = -2 more.
    assert found.tolist() == [[[[-9, -11], [-15, -17]]]]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, interpret(core, {"x": x})["y"])


def test_legalised_models_hold_few_operators() -> None:
    chain = Chain(3)
    for step in ("Mish", "LayerNorm", "Resize"):
        chain.step(step)
    card = ModelCard("chain", "0" * 64, "T3", 1e-3)
    model = Model(chain.model(), card)
    assert "Mish" in model.facts.operators
    assert "Mish" not in legalised(model).facts.operators


def test_a_model_is_printed_or_nothing_is() -> None:
    written = with_one(helper.make_node("Mish", ["x"], ["y"]), [2, 3])
    card = ModelCard("mish", "0" * 64, "T3", 1e-3)
    assert printed(Model(written, card)).splitlines()[1] == "  input x: float32[2,3]"
    other = with_one(helper.make_node("Det", ["x"], ["y"]), [3, 3])
    assert printed(Model(other, card)) == ""
