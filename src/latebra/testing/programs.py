"""Small networks to try compilers on, each with inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.core.network import ModelCard

OPSET: Final = 18
_IR_VERSION: Final = 10
"""Old enough for every back end that reads opset 18."""


@dataclass(frozen=True)
class Program:
    """A network to try.

    Args:
        model: The network.
        inputs: What to run it on.
        bound: Largest absolute difference from the reference that 32-bit floats explain.
    """

    model: Model
    inputs: Mapping[str, NDArray[Any]]
    bound: float


class _Draft:
    """An ONNX graph in the making."""

    def __init__(self, name: str) -> None:
        import onnx

        self._onnx: Any = onnx
        self._name = name
        self._nodes: list[Any] = []
        self._held: list[Any] = []

    def hold(self, array: NDArray[Any]) -> str:
        name = f"held{len(self._held)}"
        self._held.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def do(self, operator: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        target = to or f"{operator.lower()}{len(self._nodes)}"
        node = self._onnx.helper.make_node(operator, inputs, [target], **attributes)
        self._nodes.append(node)
        return target

    def cast(self, source: str, kind: int) -> str:
        target = f"cast{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node("Cast", [source], [target], to=kind))
        return target

    def reshape(self, source: str, *shape: int) -> str:
        return self.do("Reshape", source, self.hold(np.array(shape, np.int64)))

    def done(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> Model:
        helper = self._onnx.helper
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
                )
                for name, array in inputs.items()
            ],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            self._held,
        )
        opset = helper.make_opsetid("", OPSET)
        proto = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        proto = self._onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        self._onnx.checker.check_model(proto, full_check=True)
        written: bytes = proto.SerializeToString()
        digest = hashlib.sha256(written).hexdigest()
        return Model(written, ModelCard(self._name, digest, "T3", np.inf))


def picture() -> Program:
    """Convolutions, group norm, SiLU and pixel shuffles, on a picture that is not square."""
    rng = np.random.default_rng(1)
    x = _normal(rng, 2, 3, 12, 20)
    draft = _Draft("picture")
    h = draft.reshape("x", 2, 3, 6, 2, 10, 2)
    h = draft.do("Transpose", h, perm=[0, 1, 3, 5, 2, 4])
    h = draft.reshape(h, 2, 12, 6, 10)
    h = draft.do("Conv", h, _weights(draft, rng, 16, 12, 3, 3), pads=[1, 1, 1, 1])
    n = draft.reshape(h, 2, 4, -1)
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    n = draft.do("InstanceNormalization", n, draft.hold(ones), draft.hold(zeros), epsilon=1e-5)
    n = draft.reshape(n, 2, 16, 6, 10)
    n = draft.do("Mul", n, draft.do("Sigmoid", n))
    n = draft.do("Conv", n, _weights(draft, rng, 32, 16, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1])
    n = draft.do("DepthToSpace", n, blocksize=2, mode="CRD")
    n = draft.do("Concat", n, h, axis=1)
    draft.do("Conv", n, _weights(draft, rng, 3, 24, 1, 1), to="y")
    # Some 150 products to a sum of order one, three sums deep: 150 × 2^-24 × 3, rounded up.
    return Program(draft.done({"x": x}, ["y"]), {"x": x}, 3e-5)


def attention() -> Program:
    """One head of attention with layer norm before and a skip after."""
    rng = np.random.default_rng(2)
    x = _normal(rng, 1, 20, 32)
    draft = _Draft("attention")
    n = draft.do(
        "LayerNormalization", "x", draft.hold(np.ones(32, np.float32)), axis=-1, epsilon=1e-5
    )
    q, k, v = (draft.do("MatMul", n, _weights(draft, rng, 32, 32)) for _ in range(3))
    scores = draft.do("MatMul", q, draft.do("Transpose", k, perm=[0, 2, 1]))
    shares = draft.do("Softmax", scores, axis=-1)
    draft.do("Add", "x", draft.do("MatMul", shares, v), to="y")
    # As above: a softmax and a norm add roundings, not terms.
    return Program(draft.done({"x": x}, ["y"]), {"x": x}, 3e-5)


def clock() -> Program:
    """Sines and cosines of a time, joined with a kind: two inputs, two outputs."""
    rng = np.random.default_rng(3)
    inputs = {
        "t": np.array([0.125, 0.875], np.float32),
        "kind": np.eye(6, dtype=np.float32)[[1, 4]],
    }
    draft = _Draft("clock")
    axis = draft.hold(np.array([1], np.int64))
    frequencies = draft.hold((2 * np.pi * 2.0 ** np.arange(-2, 6)).astype(np.float32))
    angle = draft.do("Mul", draft.do("Unsqueeze", "t", axis), frequencies)
    draft.do("Concat", draft.do("Sin", angle), draft.do("Cos", angle), "kind", axis=1, to="e")
    weights, bias = _weights(draft, rng, 10, 22), draft.hold(_normal(rng, 10))
    draft.do("Gemm", "e", weights, bias, transB=1, to="y")
    # An angle of 176 has a rounding of 1e-5 of its own, which its sine inherits.
    return Program(draft.done(inputs, ["y", "e"]), inputs, 5e-5)


def integers() -> Program:
    """A convolution of whole numbers: every sum stays below 2^24, so any order gives the same."""
    rng = np.random.default_rng(4)
    x = rng.integers(-127, 128, (1, 16, 9, 11)).astype(np.float32)
    draft = _Draft("integers")
    kernel = draft.hold(rng.integers(-31, 32, (8, 16, 3, 3)).astype(np.float32))
    h = draft.do("Conv", "x", kernel, pads=[1, 1, 1, 1])
    h = draft.do("Floor", draft.do("Mul", h, draft.hold(np.array(2.0**-9, np.float32))))
    low, high = (draft.hold(np.array(limit, np.float32)) for limit in (-127.0, 127.0))
    draft.do("Clip", h, low, high, to="y")
    return Program(draft.done({"x": x}, ["y"]), {"x": x}, 0.0)


def foreign() -> Model:
    """Returns a network whose one operator belongs to nobody."""
    import onnx

    helper: Any = onnx.helper
    node = helper.make_node("Nothing", ["x"], ["y"], domain="example.nowhere")
    value = [helper.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
    graph = helper.make_graph([node], "foreign", value[:1], value[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("example.nowhere", 1)]
    written: bytes = helper.make_model(graph, opset_imports=opsets).SerializeToString()
    return Model(written, ModelCard("foreign", "0" * 64, "T3", np.inf))


def lookup() -> Model:
    """Returns a network of whole numbers that look up a table of five rows."""
    draft = _Draft("lookup")
    table = draft.hold(np.arange(15, dtype=np.float32).reshape(5, 3))
    draft.do("Gather", table, draft.cast("ids", 7), to="y")
    return draft.done({"ids": np.zeros((2, 4), np.int32)}, ["y"])


def rows() -> Model:
    """Returns a network that asks for its own lengths, to lay each item out as one row."""
    import onnx

    helper: Any = onnx.helper
    nodes = [
        helper.make_node("Shape", ["x"], ["lengths"]),
        helper.make_node("Shape", ["x"], ["batch"], start=0, end=1),
        helper.make_node("Gather", ["lengths", "places"], ["rest"]),
        helper.make_node("Concat", ["batch", "minus"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["flat"]),
        helper.make_node("Relu", ["flat"], ["y"]),
        helper.make_node("Shape", ["x"], ["size"]),
    ]
    x = helper.make_tensor_value_info("x", 1, ["n", "a", "b"])
    outputs = [
        helper.make_tensor_value_info("y", 1, ["n", "c"]),
        helper.make_tensor_value_info("size", 7, [3]),
    ]
    held: list[Any] = [
        onnx.numpy_helper.from_array(np.array(values, np.int64), name)
        for name, values in (("places", [1, 2]), ("minus", [-1]))
    ]
    graph = helper.make_graph(nodes, "rows", [x], outputs, held)
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    written: bytes = proto.SerializeToString()
    digest = hashlib.sha256(written).hexdigest()
    return Model(written, ModelCard("rows", digest, "T3", np.inf))


def normalised() -> Program:
    """Batch normalisation as operator set 9 has it, then the highest of each row."""
    import onnx

    helper: Any = onnx.helper
    numbers: Any = onnx.numpy_helper
    rng = np.random.default_rng(5)
    x = _normal(rng, 2, 4, 30)
    held = {name: np.abs(_normal(rng, 4)) + 0.5 for name in ("scale", "bias", "mean", "var")}
    nodes = [
        helper.make_node("BatchNormalization", ["x", *held], ["n"]),
        helper.make_node("GlobalMaxPool", ["n"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, 1, shape)
        for name, shape in (("x", [2, 4, 30]), ("y", [2, 4, 1]))
    ]
    graph = helper.make_graph(
        nodes,
        "normalised",
        values[:1],
        values[1:],
        [numbers.from_array(array, name) for name, array in held.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)
    written: bytes = proto.SerializeToString()
    digest = hashlib.sha256(written).hexdigest()
    # Three operations on numbers of order one.
    return Program(Model(written, ModelCard("normalised", digest, "T3", np.inf)), {"x": x}, 2e-6)


def batched(channels: int | None = None) -> Model:
    """Returns a network that adds to each row; both its axes are open.

    Args:
        channels: Length of what is added, so that rows must be as long; None adds one number.
    """
    import onnx

    helper: Any = onnx.helper
    x, y = (helper.make_tensor_value_info(name, 1, ["n", "c"]) for name in ("x", "y"))
    row = np.ones(channels or 1, np.float32)
    held: Any = onnx.numpy_helper.from_array(row, "row")
    graph = helper.make_graph([helper.make_node("Add", ["x", "row"], ["y"])], "open", [x], [y])
    graph.initializer.append(held)
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    written: bytes = proto.SerializeToString()
    digest = hashlib.sha256(written).hexdigest()
    return Model(written, ModelCard("open", digest, "T3", np.inf))


PROGRAMS: Final[Mapping[str, Callable[[], Program]]] = {
    "picture": picture,
    "attention": attention,
    "clock": clock,
    "integers": integers,
}


def _normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def _weights(draft: _Draft, rng: np.random.Generator, *shape: int) -> str:
    """Weights that keep what passes through them near a variance of one."""
    terms = int(np.prod(shape[1:]))
    return draft.hold(_normal(rng, *shape) / np.float32(np.sqrt(terms)))
