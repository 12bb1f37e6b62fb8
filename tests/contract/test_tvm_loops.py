"""Shapes that do not fill a tile or a vector, and operators that are not tiled at all."""

from __future__ import annotations

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.worker import compilers
from latebra.core.network import ModelCard

onnx = pytest.importorskip("onnx", reason="the graph is made with onnx")
helper = onnx.helper

CASES = {
    # Output channels 5 and 35 fill no block of lanes; 13 columns are no multiple of a tile.
    "strided": ("Conv", ["x", (5, 6, 3, 2)], {"strides": [2, 1], "pads": [1, 0, 0, 2]}),
    "dilated": ("Conv", ["x", (35, 6, 2, 3)], {"dilations": [2, 3]}),
    "biased": ("Conv", ["x", (16, 6, 1, 1), (16,)], {}),
    "line": ("Conv", ["l", (20, 6, 5)], {"strides": [2], "dilations": [3], "pads": [4, 1]}),
    "volume": ("Conv", ["s", (9, 2, 2, 3, 2)], {"strides": [1, 2, 1], "pads": [1, 0, 2, 0, 1, 0]}),
    "depthwise": ("Conv", ["x", (12, 1, 3, 3)], {"group": 6, "pads": [1, 1, 1, 1]}),
    "transposed": ("ConvTranspose", ["x", (6, 3, 2, 2)], {"strides": [2, 2]}),
    "pooled": ("MaxPool", ["x"], {"kernel_shape": [3, 2], "strides": [2, 2]}),
    "mean": ("ReduceMean", ["x"], {"axes": [0, 2], "keepdims": 0}),
    "total": ("ReduceSum", ["x", np.array([3])], {"keepdims": 1}),
    "highest": ("ReduceMax", ["z"], {"axes": [-1], "keepdims": 0}),
    "held": ("MatMul", ["z", (32, 21)], {}),
    "prime": ("MatMul", ["p", (9, 40)], {}),
    "single": ("MatMul", ["v", (32, 7)], {}),
    "both": ("MatMul", ["z", "zt"], {}),
    "broadcast": ("MatMul", ["z", "m"], {}),
    "shares": ("Softmax", ["x"], {"axis": 1}),
    "shares_of_rows": ("Softmax", ["z"], {"axis": -1}),
    "gemm": ("Gemm", ["v", (7, 32), (7,)], {"transB": 1, "alpha": 0.5}),
    "erf": ("Erf", ["z"], {}),
    "two_quarters": ("Pow", ["u", np.float32(0.5)], {}),
    "three_quarters": ("Pow", ["u", np.float32(0.75)], {}),
    "seven_quarters": ("Pow", ["u", np.float32(1.75)], {}),
    "any_power": ("Pow", ["u", np.float32(0.3)], {}),
    "response": ("LRN", ["x"], {"size": 3, "alpha": 0.9, "beta": 0.75}),
}


def graph(rng):
    """Returns the model with one output for each case, its inputs."""
    inputs = {
        "x": rng.standard_normal((2, 6, 9, 15)).astype(np.float32),
        "l": rng.standard_normal((2, 6, 31)).astype(np.float32),
        "s": rng.standard_normal((1, 2, 3, 9, 7)).astype(np.float32),
        "z": rng.standard_normal((2, 3, 5, 32)).astype(np.float32),
        "zt": rng.standard_normal((2, 3, 32, 19)).astype(np.float32),
        "m": rng.standard_normal((32, 4)).astype(np.float32),
        "p": rng.standard_normal((37, 9)).astype(np.float32),
        "u": np.abs(rng.standard_normal((3, 16))).astype(np.float32),
        "v": rng.standard_normal((1, 32)).astype(np.float32),
    }
    nodes, held = [], []
    for name, (operator, sources, attributes) in CASES.items():
        names = []
        for number, source in enumerate(sources):
            if isinstance(source, str):
                names.append(source)
                continue
            array = np.asarray(source)
            if isinstance(source, tuple):
                terms = max(1, int(np.prod(source[1:])))
                array = (rng.standard_normal(source) / np.sqrt(terms)).astype(np.float32)
            names.append(f"{name}{number}")
            held.append(onnx.numpy_helper.from_array(array, names[-1]))
        nodes.append(helper.make_node(operator, names, [name], **attributes))
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, array.shape)
        for name, array in inputs.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in CASES]
    proto = helper.make_model(
        helper.make_graph(nodes, "odd", values, outputs, held),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    proto = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    return Model(proto.SerializeToString(), ModelCard("odd", "0" * 64, "T3", 1.0)), inputs


def outputs(name, threads, model, inputs):
    with Isolated(threads=threads, name=name) as compiler:
        return compiler.load(compiler.build(model), model.card).run(inputs)


@pytest.mark.slow
def test_odd_shapes_agree_with_the_reference():
    if not (found := compilers["tvm"]().probe()):
        pytest.skip(str(found))
    model, inputs = graph(np.random.default_rng(7))
    wanted = outputs("reference", 1, model, inputs)
    one, two = (outputs("tvm", threads, model, inputs) for threads in (1, 2))
    for name in CASES:
        # Sums of at most 36 products of order one: 36 × 2^-24, rounded up.
        np.testing.assert_allclose(one[name], wanted[name], atol=5e-6, err_msg=name)
        assert one[name].tobytes() == two[name].tobytes(), name


@pytest.mark.slow
def test_what_is_no_number_does_not_equal_itself():
    if not (found := compilers["tvm"]().probe()):
        pytest.skip(str(found))
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node("Equal", ["x", "x"], ["y"])],
            "itself",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [4])],
            [helper.make_tensor_value_info("y", onnx.TensorProto.BOOL, [4])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    model = Model(proto.SerializeToString(), ModelCard("itself", "0" * 64, "T3", 0.0))
    given = {"x": np.array([0, np.nan, np.inf, -np.nan], np.float32)}
    assert outputs("tvm", 1, model, given)["y"].tolist() == [True, False, True, False]
