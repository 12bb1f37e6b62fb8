from __future__ import annotations

import numpy as np
import pytest

from latebra.compiling.opening import open_network
from latebra.compiling.shapes import fixed, has_open_batch, usual_shapes
from latebra.testing.programs import PROGRAMS, batched, rows

onnx = pytest.importorskip("onnx", reason="the programs are made with onnx")


def operators(model):
    return [node.op_type for node in onnx.load_model_from_string(model.onnx).graph.node]


def test_what_a_model_computes_about_its_lengths_is_constant():
    before = rows()
    assert operators(before) == ["Shape", "Shape", "Gather", "Concat", "Reshape", "Relu", "Shape"]
    after = fixed(before, {"x": (2, 3, 5)})
    # The last one is an output: its name must stay.
    assert operators(after) == ["Reshape", "Relu", "Shape"]
    outputs = {each.name: each.shape for each in after.facts.outputs}
    assert outputs == {"y": (2, 15), "size": (3,)}
    x = np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)
    for model in (before, after):
        found = open_network(model, "onnxruntime", cache=None).run({"x": x})
        np.testing.assert_array_equal(found["y"], np.maximum(x, 0).reshape(2, 15))
        np.testing.assert_array_equal(found["size"], [2, 3, 5])


def test_a_model_with_fixed_axes_is_left_as_it_is():
    model = PROGRAMS["picture"]().model
    assert fixed(model, usual_shapes(model)) is model


def test_open_axes_get_usual_lengths():
    assert usual_shapes(rows()) == {"x": (1, 16, 16)}
    assert usual_shapes(batched(), batch=4) == {"x": (4, 16)}
    assert has_open_batch(batched())
    assert not has_open_batch(PROGRAMS["picture"]().model)
