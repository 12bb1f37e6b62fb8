"""Networks with open axes: compiled once for each set of shapes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.compiling.shapes import fixed
from latebra.compiling.specialised import SpecialisedNetwork
from latebra.core.errors import RunFailed
from latebra.core.network import ModelCard


def softmax() -> Model:
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"])],
        "softmax",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return Model(made.SerializeToString(), ModelCard("softmax", "0" * 64, "T3", 1e-6))


def test_each_set_of_shapes_is_compiled_once_and_the_oldest_goes():
    seen: list[tuple[int | None, ...]] = []

    def opened(shapes):
        model = fixed(softmax(), shapes)
        seen.append(model.facts.inputs[0].shape)
        return open_network(model, "glow", isolated=False, threads=1, cache=None)

    network = SpecialisedNetwork(softmax(), opened, keep=2)
    assert network.compiler == ""
    for rows in (2, 4, 2, 5, 2, 4):
        x = np.ones((rows, 3), np.float32)
        np.testing.assert_allclose(network.run({"x": x})["y"], x / 3, rtol=1e-6)
    assert seen == [(2, 3), (4, 3), (5, 3), (4, 3)]
    assert network.compiler == "glow"


def test_what_the_model_fixes_stays_fixed():
    network = SpecialisedNetwork(softmax(), lambda shapes: pytest.fail(f"opened at {shapes}"))
    with pytest.raises(RunFailed, match="give float32"):
        network.run({"x": np.ones((2, 4), np.float32)})
