"""Operators that sum over axes: reductions, norms, softmax, products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from latebra.compiling.spelling.node import Entry, Node
from latebra.core.errors import Unsupported


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    return {
        "ArgMax": lambda node: _extreme(node, "argmax"),
        "ArgMin": lambda node: _extreme(node, "argmin"),
        "BatchNormalization": _batch_norm,
        "CumSum": _cumulate,
        "Einsum": lambda node: node.algebra.einsum(
            node.text("equation", "").replace(" ", ""), node.inputs
        ),
        "Gemm": _gemm,
        "GlobalAveragePool": lambda node: _mean(node, node.inputs[0], _spatial(node)),
        "GlobalMaxPool": lambda node: node.algebra.fold("max", node.inputs[0], _spatial(node)),
        "GroupNormalization": _group_norm,
        "InstanceNormalization": _instance_norm,
        "LayerNormalization": _layer_norm,
        "LogSoftmax": _log_softmax,
        "LpNormalization": _lp_norm,
        "MatMul": lambda node: node.algebra.matmul(*node.inputs),
        "MeanVarianceNormalization": _mean_variance,
        "RMSNormalization": _rms_norm,
        "ReduceL1": lambda node: _reduce(node, "sum", before="absolute"),
        "ReduceL2": lambda node: _reduce(node, "sum", before="square", after="sqrt"),
        "ReduceLogSum": lambda node: _reduce(node, "sum", after="log"),
        "ReduceLogSumExp": _log_sum_exp,
        "ReduceMax": lambda node: _reduce(node, "max"),
        "ReduceMean": lambda node: _reduce(node, "mean"),
        "ReduceMin": lambda node: _reduce(node, "min"),
        "ReduceProd": lambda node: _reduce(node, "prod"),
        "ReduceSum": lambda node: _reduce(node, "sum"),
        "ReduceSumSquare": lambda node: _reduce(node, "sum", before="square"),
        "Softmax": _softmax,
    }


def _axes(node: Node) -> tuple[int, ...]:
    rank = len(node.shape())
    told = node.numbers(1, "axes")
    if not told:
        return () if node.get("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted({axis % rank for axis in told}))


def _dropped(node: Node, x: Any, axes: Sequence[int]) -> Any:
    """Returns a fold's result, without its axes of one where the node keeps none."""
    if node.get("keepdims", 1) or not axes:
        return x
    shape = node.algebra.shape(x)
    return node.algebra.reshape(x, [n for i, n in enumerate(shape) if i not in axes])


def _reduce(node: Node, name: str, before: str = "", after: str = "") -> Any:
    x, axes = node.inputs[0], _axes(node)
    if name in ("max", "min") and 0 in node.shape():
        raise Unsupported(f"{node.operator} of nothing", fix="choose another compiler")
    if before:
        x = node.map("multiply", x, x) if before == "square" else node.map(before, x)
    if axes:
        x = _mean(node, x, axes) if name == "mean" else node.algebra.fold(name, x, axes)
    return _dropped(node, node.map(after, x) if after else x, axes)


def _log_sum_exp(node: Node) -> Any:
    x, axes = node.inputs[0], _axes(node)
    if 0 in node.shape():
        raise Unsupported("ReduceLogSumExp of nothing", fix="choose another compiler")
    top = node.algebra.fold("max", x, axes)
    total = node.algebra.fold("sum", node.map("exp", node.map("subtract", x, top)), axes)
    return _dropped(node, node.map("add", node.map("log", total), top), axes)


def _extreme(node: Node, name: str) -> Any:
    x, axis = node.inputs[0], node.axis(0)
    length = node.shape()[axis]
    if node.get("select_last_index", 0):
        back = node.algebra.constant(np.arange(length)[::-1].copy())
        at = node.algebra.extreme(name, node.algebra.take(x, back, axis), axis)
        last = node.algebra.constant(np.array(length - 1, np.int64))
        at = node.map("subtract", last, node.algebra.cast(at, np.dtype(np.int64)))
    else:
        at = node.algebra.cast(node.algebra.extreme(name, x, axis), np.dtype(np.int64))
    return _dropped(node, at, (axis,))


def _cumulate(node: Node) -> Any:
    x, shape = node.inputs[0], node.shape()
    axis = (node.numbers(1) or [0])[0] % len(shape)
    back = node.algebra.constant(np.arange(shape[axis])[::-1].copy())
    if node.get("reverse", 0):
        x = node.algebra.take(x, back, axis)
    found = node.algebra.cumulate(x, axis)
    if node.get("exclusive", 0):
        found = node.map("subtract", found, x)
    return node.algebra.take(found, back, axis) if node.get("reverse", 0) else found


def _gemm(node: Node) -> Any:
    a, b = node.inputs[:2]
    a = node.algebra.transpose(a, (1, 0)) if node.get("transA", 0) else a
    b = node.algebra.transpose(b, (1, 0)) if node.get("transB", 0) else b
    found = _scaled(node, node.algebra.matmul(a, b), node.get("alpha", 1.0))
    c = node.optional(2)
    return found if c is None else node.map("add", found, _scaled(node, c, node.get("beta", 1.0)))


def _scaled(node: Node, x: Any, by: float) -> Any:
    return x if by == 1.0 else node.map("multiply", x, node.like(by))


def _mean(node: Node, x: Any, axes: Sequence[int]) -> Any:
    count = prod(node.algebra.shape(x)[axis] for axis in axes)
    total = node.algebra.fold("sum", x, tuple(axes))
    if node.algebra.dtype(x).kind == "f":
        return node.map("divide", total, node.like(count))
    return node.map("trunc_divide", total, node.like(count))


def _spatial(node: Node) -> tuple[int, ...]:
    return tuple(range(2, len(node.shape())))


def _standard(node: Node, x: Any, axes: Sequence[int], epsilon: float) -> Any:
    """Returns values with a mean of zero and a variance of one over axes."""
    centred = node.map("subtract", x, _mean(node, x, axes))
    variance = _mean(node, node.map("multiply", centred, centred), axes)
    spread = node.map("sqrt", node.map("add", variance, node.like(epsilon)))
    return node.map("divide", centred, spread)


def _across(node: Node, row: Any) -> Any:
    """Returns one number a channel in a shape that meets ``(n, c, ...)``."""
    (channels,) = node.algebra.shape(row)
    return node.algebra.reshape(row, (channels, *[1] * (len(node.shape()) - 2)))


def _batch_norm(node: Node) -> Any:
    x = node.inputs[0]
    scale, bias, mean, variance = (_across(node, each) for each in node.inputs[1:5])
    spread = node.map("sqrt", node.map("add", variance, node.like(node.get("epsilon", 1e-5))))
    factor = node.map("divide", scale, spread)
    rest = node.map("subtract", bias, node.map("multiply", mean, factor))
    return node.map("add", node.map("multiply", x, factor), rest)


def _instance_norm(node: Node) -> Any:
    x, scale, bias = node.inputs
    found = _standard(node, x, _spatial(node), node.get("epsilon", 1e-5))
    return node.map("add", node.map("multiply", found, _across(node, scale)), _across(node, bias))


def _group_norm(node: Node) -> Any:
    x, scale, bias = node.inputs
    shape, groups = node.shape(), int(node.told["num_groups"])
    parts = node.algebra.reshape(x, (shape[0], groups, prod(shape[1:]) // groups))
    found = node.algebra.reshape(_standard(node, parts, (2,), node.get("epsilon", 1e-5)), shape)
    rows = [scale, bias]
    if node.shape(1)[0] != shape[1]:  # Before operator set 21 there was one number a group.
        each = node.algebra.constant(np.repeat(np.arange(groups), shape[1] // groups))
        rows = [node.algebra.take(row, each, 0) for row in rows]
    scale, bias = (_across(node, row) for row in rows)
    return node.map("add", node.map("multiply", found, scale), bias)


def _layer_norm(node: Node) -> Any:
    x, scale = node.inputs[:2]
    rank = len(node.shape())
    axes = range(node.axis(-1), rank)
    found = node.map("multiply", _standard(node, x, axes, node.get("epsilon", 1e-5)), scale)
    bias = node.optional(2)
    return found if bias is None else node.map("add", found, bias)


def _rms_norm(node: Node) -> Any:
    x, scale = node.inputs
    rank = len(node.shape())
    square = _mean(node, node.map("multiply", x, x), range(node.axis(-1), rank))
    size = node.map("sqrt", node.map("add", square, node.like(node.get("epsilon", 1e-5))))
    return node.map("multiply", node.map("divide", x, size), scale)


def _mean_variance(node: Node) -> Any:
    # ONNX adds 1e-9 to the deviation, which 32-bit floats do not feel.
    return _standard(node, node.inputs[0], node.get("axes", [0, 2, 3]), 0.0)


def _lp_norm(node: Node) -> Any:
    x, axis = node.inputs[0], node.axis(-1)
    if node.get("p", 2) == 1:
        size = node.algebra.fold("sum", node.map("absolute", x), (axis,))
    else:
        size = node.map("sqrt", node.algebra.fold("sum", node.map("multiply", x, x), (axis,)))
    empty = node.map("equal", size, node.like(0))
    return node.map("divide", x, node.map("where", empty, node.like(1), size))


def _softmax_axes(node: Node) -> tuple[int, ...]:
    rank = len(node.shape())
    if node.opset >= 13:
        return (node.axis(-1),)
    return tuple(range(node.axis(1), rank))


def _softmax(node: Node) -> Any:
    x, axes = node.inputs[0], _softmax_axes(node)
    raised = node.map("exp", node.map("subtract", x, node.algebra.fold("max", x, axes)))
    return node.map("divide", raised, node.algebra.fold("sum", raised, axes))


def _log_softmax(node: Node) -> Any:
    x, axes = node.inputs[0], _softmax_axes(node)
    lower = node.map("subtract", x, node.algebra.fold("max", x, axes))
    total = node.algebra.fold("sum", node.map("exp", lower), axes)
    return node.map("subtract", lower, node.map("log", total))
