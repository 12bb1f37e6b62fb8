"""How each core operator is written in ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.exporting.writer import Writer
from latebra.compiling.ir.graph import Attributes, Node
from latebra.compiling.ir.operation import integer, integers, word
from latebra.core.errors import Unsupported

OPSET: Final = 18
"""The version of the operators written; LayerNormalization is in it, and IR version 8 holds it."""
_ONE: Final = """
    Abs Acos Acosh Add Asin Asinh Atan Atanh Cos Cosh Div Equal Erf Exp Floor Less Log Max Min
    Mul Pow Round Sigmoid Sin Sinh Softplus Sqrt Sub Tan Tanh
"""
_NAMES: Final = {
    **{name.lower(): name for name in _ONE.split()},
    "is_nan": "IsNaN",
    "select": "Where",
    "matmul": "MatMul",
}
_FOLDS: Final = {
    "sum": "ReduceSum",
    "prod": "ReduceProd",
    "reduce_max": "ReduceMax",
}


Rule = Callable[[Writer, Node, Sequence[str], str], object]


def plain(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    """Writes an operator that ONNX has by the same meaning."""
    w.put(_NAMES[node.op], inputs, output)


def _max(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    held = w.known(node.inputs[1])
    if held is not None and held.size == 1 and not held.any() and held.dtype.kind == "f":
        w.put("Relu", inputs[:1], output)
    else:
        w.put("Max", inputs, output)


def _bits(name: str) -> Rule:
    def rule(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
        logical = w.type(node.inputs[0]).dtype == "bool"
        w.put(name if logical else f"Bitwise{name}", inputs, output)

    return rule


def _shift(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("BitShift", inputs, output, direction=node.op.removeprefix("shift_").upper())


def _cast(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    from onnx import helper

    vendor: Any = helper
    to = vendor.np_dtype_to_tensor_dtype(np.dtype(word(node.attributes, "dtype")))
    w.put("Cast", inputs, output, to=to)


def _window(attributes: Attributes) -> dict[str, Any]:
    settings = {name: list(integers(attributes, name)) for name in ("strides", "pads", "dilations")}
    if "kernel" in attributes:
        settings["kernel_shape"] = list(integers(attributes, "kernel"))
    return settings


def _conv(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    told = {**_window(node.attributes), "group": integer(node.attributes, "groups")}
    told["kernel_shape"] = list(w.type(node.inputs[1]).shape[2:])
    if node.op == "conv_transpose":
        told["output_padding"] = list(integers(node.attributes, "output_padding"))
    if not w.type(node.output).is_float:
        raise Unsupported(
            f"ONNX convolves no {w.type(node.output).dtype}", fix="choose another compiler"
        )
    w.put("Conv" if node.op == "conv" else "ConvTranspose", inputs, output, **told)


def _max_pool(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("MaxPool", inputs, output, **_window(node.attributes))


def _sum_pool(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    told = _window(node.attributes)
    kind = w.type(node.output)
    if set(told["dilations"]) - {1}:  # This operator set averages no dilated windows.
        channels = kind.shape[1]
        ones = np.ones((channels, 1, *told["kernel_shape"]), kind.dtype)
        w.put("Conv", [inputs[0], w.constant(ones)], output, group=channels, **told)
        return
    del told["dilations"]
    mean = w.put("AveragePool", inputs, count_include_pad=1, **told)
    count = np.asarray(np.prod(told["kernel_shape"]), kind.dtype)
    w.put("Mul", [mean, w.constant(count)], output)


def _reshape(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    shape = integers(node.attributes, "shape")
    told = {"allowzero": 1} if 0 in shape else {}
    w.put("Reshape", [inputs[0], w.numbers(*shape)], output, **told)


def _transpose(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("Transpose", inputs, output, perm=list(integers(node.attributes, "permutation")))


def _broadcast(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("Expand", [inputs[0], w.numbers(*integers(node.attributes, "shape"))], output)


def _concat(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("Concat", inputs, output, axis=integer(node.attributes, "axis"))


def _slice(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    shape = w.type(node.inputs[0]).shape
    each = [integers(node.attributes, name) for name in ("starts", "stops", "steps")]
    axes = [i for i, n in enumerate(shape) if (each[0][i], each[1][i], each[2][i]) != (0, n, 1)]
    told = [w.numbers(*(values[i] for i in axes)) for values in each]
    w.put("Slice", [inputs[0], told[0], told[1], w.numbers(*axes), told[2]], output)


def _pad(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    mode = word(node.attributes, "mode")
    if mode == "wrap":
        raise Unsupported(f"opset {OPSET} of ONNX pads with no other side", fix="cut it by hand")
    low, high = integers(node.attributes, "low"), integers(node.attributes, "high")
    ends = [inputs[0], w.numbers(*low, *high)]
    if mode == "constant":
        value = np.asarray(node.attributes["value"]).astype(w.type(node.output).dtype)
        ends.append(w.constant(value))
    w.put("Pad", ends, output, mode=mode)


def _fold(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    axes = w.numbers(*integers(node.attributes, "axes"))
    told: dict[str, Any] = {"keepdims": integer(node.attributes, "keep")}
    told["noop_with_empty_axes"] = 1
    kind = w.type(node.output).dtype
    if kind not in ("bool", "int16", "uint16"):
        w.put(_FOLDS[node.op], [inputs[0], axes], output, **told)
        return
    wide = w.put("Cast", inputs, to=6)
    found = w.put(_FOLDS[node.op], [wide, axes], **told)
    w.put("Cast", [found], output, to=9 if kind == "bool" else 5 if kind == "int16" else 4)


def _arg(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    axis, keep = integer(node.attributes, "axis"), integer(node.attributes, "keep")
    w.put("ArgMax", inputs, output, axis=axis, keepdims=keep)


def _cumsum(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    axis = w.constant(np.asarray(integer(node.attributes, "axis"), np.int64))
    w.put("CumSum", [inputs[0], axis], output, exclusive=integer(node.attributes, "exclusive"))


def _softmax(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("Softmax", inputs, output, axis=integer(node.attributes, "axis"))


def _normalise(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    kind, axis = w.type(node.output), integer(node.attributes, "axis")
    ones = w.constant(np.ones(kind.shape[axis:], kind.dtype))
    epsilon = node.attributes["epsilon"]
    w.put("LayerNormalization", [inputs[0], ones], output, axis=axis, epsilon=epsilon)


def _arg_sort(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    from onnx import helper

    vendor: Any = helper
    axis = integer(node.attributes, "axis")
    count = w.numbers(w.type(node.output).shape[axis])
    told = {"axis": axis, "largest": integer(node.attributes, "descending"), "sorted": 1}
    w.nodes.append(vendor.make_node("TopK", [inputs[0], count], [w.fresh(), output], **told))


def _gather(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    w.put("Gather", inputs, output, axis=integer(node.attributes, "axis"))


def _scatter(w: Writer, node: Node, inputs: Sequence[str], output: str) -> None:
    how = word(node.attributes, "reduction")
    at = inputs[1]
    if w.type(node.inputs[1]).dtype != "int64":
        at = w.put("Cast", [at], to=7)
    at = w.put("Reshape", [at, w.numbers(*w.type(node.inputs[1]).shape, 1)])
    told: dict[str, Any] = {"reduction": how} if how != "none" else {}
    w.put("ScatterND", [inputs[0], at, inputs[2]], output, **told)


RULES: Final[Mapping[str, Rule]] = {
    "max": _max,
    "and": _bits("And"),
    "or": _bits("Or"),
    "xor": _bits("Xor"),
    "rem": lambda w, _, inputs, output: w.put("Mod", inputs, output, fmod=1),
    "shift_left": _shift,
    "shift_right": _shift,
    "cast": _cast,
    "conv": _conv,
    "conv_transpose": _conv,
    "max_pool": _max_pool,
    "sum_pool": _sum_pool,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast,
    "concat": _concat,
    "slice": _slice,
    "pad": _pad,
    **dict.fromkeys(_FOLDS, _fold),
    "arg_max": _arg,
    "cumsum": _cumsum,
    "softmax": _softmax,
    "normalise": _normalise,
    "arg_sort": _arg_sort,
    "gather": _gather,
    "scatter": _scatter,
}
"""How each core operator is written; those of ``_NAMES`` are written as they are."""
