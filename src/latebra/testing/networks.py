"""Networks of the usual kinds with random weights, in any size, to measure compilers on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.core.network import ModelCard
from latebra.testing.programs import OPSET, Program

_IR_VERSION: Final = 10


class _Net:
    """An ONNX graph in the making, whose weights keep variances near one."""

    def __init__(self, name: str, seed: int) -> None:
        import onnx

        self._onnx: Any = onnx
        self._name = name
        self._nodes: list[Any] = []
        self._held: list[Any] = []
        self.rng = np.random.default_rng(seed)

    def hold(self, array: NDArray[Any]) -> str:
        name = f"w{len(self._held)}"
        self._held.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def normal(self, *shape: int, terms: int = 0) -> str:
        scale = 1 / np.sqrt(terms or int(np.prod(shape[1:])) or 1)
        return self.hold((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def small(self, n: int) -> str:
        return self.hold((0.1 * self.rng.standard_normal(n)).astype(np.float32))

    def near_one(self, *shape: int) -> str:
        return self.hold((1 + 0.1 * self.rng.standard_normal(shape)).astype(np.float32))

    def do(self, operator: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        target = to or f"t{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [target], **attributes))
        return target

    def shape(self, source: str, *shape: int) -> str:
        return self.do("Reshape", source, self.hold(np.array(shape, np.int64)))

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> str:
        pad = kernel // 2
        return self.do(
            "Conv",
            x,
            self.normal(outputs, inputs, kernel, kernel),
            self.small(outputs),
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        y = self.do("MatMul", x, self.normal(inputs, outputs, terms=inputs))
        return self.do("Add", y, self.small(outputs))

    def done(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> Model:
        helper = self._onnx.helper
        ends = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ]
        empty = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self._nodes, self._name, ends, empty, self._held)
        opset = helper.make_opsetid("", OPSET)
        proto = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        proto = self._onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        written: bytes = proto.SerializeToString()
        digest = hashlib.sha256(written).hexdigest()
        return Model(written, ModelCard(self._name, digest, "T3", np.inf))


def resnet(*, size: int = 224, width: int = 64, classes: int = 1000, batch: int = 1) -> Program:
    """ResNet-18: 11.7 million weights as it comes.

    Source: He et al. 2015, arXiv:1512.03385; batch norms are folded into the convolutions.
    """
    net = _Net("resnet", 11)
    x = net.rng.standard_normal((batch, 3, size, size)).astype(np.float32)
    h = net.do("Relu", net.conv("x", 3, width, 7, 2))
    h = net.do("MaxPool", h, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = width
    for stage in range(4):
        for block in range(2):
            wanted, stride = width * 2**stage, 2 if stage and not block else 1
            y = net.do("Relu", net.conv(h, channels, wanted, 3, stride))
            y = net.conv(y, wanted, wanted)
            skip = h if channels == wanted else net.conv(h, channels, wanted, 1, stride)
            h, channels = net.do("Relu", net.do("Add", y, skip)), wanted
    h = net.do("Flatten", net.do("GlobalAveragePool", h))
    net.do("Gemm", h, net.normal(channels, classes), net.small(classes), to="y")
    return Program(net.done({"x": x}, ["y"]), {"x": x}, 1e-3)


def unet(*, size: int = 32, width: int = 64, batch: int = 1) -> Program:
    """A denoiser's U-Net with group norm, SiLU, skips and attention: 4.6 million weights."""
    net = _Net("unet", 12)
    x = net.rng.standard_normal((batch, 3, size, size)).astype(np.float32)
    widths = [width, 2 * width, 2 * width]

    def norm(h: str, c: int, n: int) -> str:
        flat = net.shape(h, batch, 8, -1)
        ones, zeros = net.hold(np.ones(8, np.float32)), net.hold(np.zeros(8, np.float32))
        h = net.shape(net.do("InstanceNormalization", flat, ones, zeros), batch, c, n, n)
        return net.do("Add", net.do("Mul", h, net.near_one(c, 1, 1)), net.near_one(c, 1, 1))

    def block(h: str, c: int, wanted: int, n: int) -> str:
        y = norm(h, c, n)
        y = net.conv(net.do("Mul", y, net.do("Sigmoid", y)), c, wanted)
        y = norm(y, wanted, n)
        y = net.conv(net.do("Mul", y, net.do("Sigmoid", y)), wanted, wanted)
        return net.do("Add", y, h if c == wanted else net.conv(h, c, wanted, 1))

    def attend(h: str, c: int, n: int) -> str:
        flat = net.do("Transpose", net.shape(norm(h, c, n), batch, c, n * n), perm=[0, 2, 1])
        q, k, v = (net.dense(flat, c, c) for _ in range(3))
        scores = net.do("MatMul", q, net.do("Transpose", k, perm=[0, 2, 1]))
        scores = net.do("Mul", scores, net.hold(np.array(c**-0.5, np.float32)))
        y = net.dense(net.do("MatMul", net.do("Softmax", scores, axis=-1), v), c, c)
        y = net.shape(net.do("Transpose", y, perm=[0, 2, 1]), batch, c, n, n)
        return net.do("Add", h, y)

    n, c = size, width
    h = net.conv("x", 3, c)
    skips: list[tuple[str, int]] = []
    for level, wanted in enumerate(widths):
        h, c = block(h, c, wanted, n), wanted
        skips.append((h, c))
        if level < len(widths) - 1:
            h, n = net.conv(h, c, c, 3, 2), n // 2
    h = block(attend(block(h, c, c, n), c, n), c, c, n)
    for level, wanted in reversed(list(enumerate(widths))):
        skip, more = skips.pop()
        h, c = block(net.do("Concat", h, skip, axis=1), c + more, wanted, n), wanted
        h = block(h, c, c, n)
        if level:
            n *= 2
            scales = net.hold(np.array([1, 1, 2, 2], np.float32))
            h = net.conv(
                net.do(
                    "Resize",
                    h,
                    "",
                    scales,
                    mode="nearest",
                    nearest_mode="floor",
                    coordinate_transformation_mode="asymmetric",
                ),
                c,
                c,
            )
    h = norm(h, c, n)
    y = net.conv(net.do("Mul", h, net.do("Sigmoid", h)), c, 3)
    net.do("Identity", y, to="y")
    return Program(net.done({"x": x}, ["y"]), {"x": x}, 1e-3)


def gpt(
    *, tokens: int = 128, past: int = 0, width: int = 384, layers: int = 6, words: int = 8192
) -> Program:
    """A decoder in GPT-2's manner, 13.8 million weights as it comes.

    Args:
        tokens: How many are read at once.
        past: How many came before, whose keys and values are inputs.
        width: Length of a state; heads have 64 each.
        layers: How many.
        words: Size of the vocabulary, whose table reads and writes.
    """
    net = _Net("gpt", 13)
    heads = max(1, width // 64)
    each = width // heads
    ids = net.rng.integers(0, words, (1, tokens))
    inputs: dict[str, NDArray[Any]] = {"ids": ids}
    table = net.rng.standard_normal((words, width)).astype(np.float32)
    h = net.do("Gather", net.hold(table), "ids")
    h = net.do("Add", h, net.normal(tokens, width, terms=1))
    mask = np.triu(np.full((tokens, past + tokens), -1e9, np.float32), 1 + past)

    def norm(h: str) -> str:
        return net.do("LayerNormalization", h, net.near_one(width), net.small(width), axis=-1)

    def head(h: str, order: list[int]) -> str:
        return net.do("Transpose", net.shape(h, 1, tokens, heads, each), perm=order)

    outputs = ["y"]
    for layer in range(layers):
        n = norm(h)
        q, k, v = (head(net.dense(n, width, width), [0, 2, 1, 3]) for _ in range(3))
        if past:
            for kind, new in (("k", k), ("v", v)):
                name = f"{kind}{layer}"
                shape = (1, heads, past, each)
                inputs[name] = net.rng.standard_normal(shape).astype(np.float32)
                joint = net.do("Concat", name, new, axis=2, to=f"new_{name}")
                outputs.append(joint)
                k, v = (joint, v) if kind == "k" else (k, joint)
        scores = net.do("MatMul", q, net.do("Transpose", k, perm=[0, 1, 3, 2]))
        scores = net.do("Mul", scores, net.hold(np.array(each**-0.5, np.float32)))
        if tokens > 1:
            scores = net.do("Add", scores, net.hold(mask))
        y = net.do("MatMul", net.do("Softmax", scores, axis=-1), v)
        y = net.shape(net.do("Transpose", y, perm=[0, 2, 1, 3]), 1, tokens, width)
        h = net.do("Add", h, net.dense(y, width, width))
        y = net.dense(norm(h), width, 4 * width)
        grown = net.do("Erf", net.do("Mul", y, net.hold(np.array(0.5**0.5, np.float32))))
        half = net.do("Mul", y, net.hold(np.array(0.5, np.float32)))
        y = net.do("Mul", half, net.do("Add", grown, net.hold(np.array(1.0, np.float32))))
        h = net.do("Add", h, net.dense(y, 4 * width, width))
    scale = np.float32(width**-0.5)
    net.do("MatMul", norm(h), net.hold(np.ascontiguousarray(table.T) * scale), to="y")
    return Program(net.done(inputs, outputs), inputs, 1e-3)


def gpt_step(
    *, past: int = 127, width: int = 384, layers: int = 6, words: int = 8192
) -> Program:
    """One token of the same decoder, after others."""
    return gpt(tokens=1, past=past, width=width, layers=layers, words=words)


NETWORKS: Final = {"resnet": resnet, "unet": unet, "gpt": gpt, "gpt_step": gpt_step}
"""Each kind by name, in the size of the published measurements unless told."""
