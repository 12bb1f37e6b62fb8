"""What IREE gets wrong, and what we do about it."""

from __future__ import annotations

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.worker import compilers
from latebra.core.network import ModelCard

onnx = pytest.importorskip("onnx", reason="the graph is made with onnx")


@pytest.mark.slow
@pytest.mark.parametrize("approximate", ["tanh", "none"])
def test_gelu_is_as_exact_as_32_bits_allow(approximate):
    if not (found := compilers["iree"]().probe()):
        pytest.skip(str(found))
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    x = np.linspace(-6, 6, 4001, dtype=np.float32).reshape(1, -1)
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node("Gelu", ["sum"], ["y"], approximate=approximate)],
            "gelu",
            [helper.make_tensor_value_info("sum", kind, x.shape)],
            [helper.make_tensor_value_info("y", kind, x.shape)],
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    model = Model(proto.SerializeToString(), ModelCard("gelu", "0" * 64, "T3", 1.0))

    def outputs(name):
        with Isolated(threads=1, name=name) as compiler:
            return compiler.load(compiler.build(model), model.card).run({"sum": x})["y"]

    # Values up to six are rounded to 2^-22; left to itself the tanh form is off by 5e-5.
    np.testing.assert_allclose(outputs("iree"), outputs("reference"), atol=1.2e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_pool_compiles_and_64_bits_come_back_whole(kind):
    if not (found := compilers["iree"]().probe()):
        pytest.skip(str(found))
    helper, number = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    # Pooling needs what narrows 64-bit attributes; outputs of 64 bits need that it is left out.
    node = {
        "float32": helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2]),
        "float64": helper.make_node("Mul", ["x", "x"], ["y"]),
    }[kind]
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype(kind)
    wanted = x * x
    if kind == "float32":
        rows = np.maximum(x[:, :, :-1], x[:, :, 1:])
        wanted = np.maximum(rows[..., :-1], rows[..., 1:])
    ends = [
        helper.make_tensor_value_info(name, number, each.shape)
        for name, each in (("x", x), ("y", wanted))
    ]
    graph = helper.make_graph([node], "pool", ends[:1], ends[1:])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = Model(proto.SerializeToString(), ModelCard("pool", "0" * 64, "T3", 1.0))
    with Isolated(threads=1, name="iree") as compiler:
        got = compiler.load(compiler.build(model), model.card).run({"x": x})["y"]
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, wanted)
