"""Operators that combine elements along axes: sums, extremes, norms, pooling, softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.borders import padded, windows
from latebra.compiling.glow.folds import fold, total
from latebra.compiling.glow.movement import known
from latebra.compiling.glow.pointwise import Point
from latebra.compiling.glow.values import Value, plain
from latebra.compiling.glow.writer import Writer

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


def mean(w: Writer, x: Point, axes: tuple[int, ...]) -> Point:
    """Returns the mean over some axes, each of which becomes one."""
    count = prod(x.value.shape[axis] for axis in axes)
    return Point(w, total(w, "sum", x.value, axes)) / count


def reduction(kind: str) -> Rule:
    """Makes the rule of one of ONNX's reductions, whose axes are a constant.

    Args:
        kind: As in ``low.Fold``.
    """

    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        x = inputs[0]
        axes = tuple(sorted({axis % len(x.shape) for axis in known(w, inputs[1], "axes")}))
        if not axes:
            return x
        folded = total(w, kind, x, axes)
        return folded if told["keepdims"] else w.dropped(folded, axes)

    return rule


def softmax(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Softmax."""
    x = Point(w, w.settled(inputs[0]))
    axes = (int(told.get("axis", -1)) % len(inputs[0].shape),)
    top = Point(w, fold(w, "max", x.value, axes))
    grown = Point(w, w.settled((x - top).do("exp").value))
    return (grown / Point(w, fold(w, "sum", grown.value, axes))).value


def layer_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's LayerNormalization, without a bias."""
    x = inputs[0]
    axis = int(told.get("axis", -1)) % len(x.shape)
    axes = tuple(range(axis, len(x.shape)))
    point = Point(w, w.settled(x))
    middle = w.settled(mean(w, point, axes).value)
    centred = point - Point(w, w.spread(middle, point.value))
    variance = mean(w, centred * centred, axes) + float(told["epsilon"])
    factor = w.settled((1.0 / variance.do("sqrt")).value)
    found = centred * Point(w, w.spread(factor, point.value)) * Point(w, inputs[1])
    return found.value


def pool(w: Writer, inputs: Sequence[Value], told: Attributes, *, kind: str) -> Value:
    """ONNX's MaxPool, and its AveragePool that counts the border, as folds over windows."""
    x = inputs[0]
    kernel = tuple(told["kernel_shape"])
    rank = len(kernel)
    fill = 0.0
    if kind == "max":
        fill = float("-inf") if x.dtype.startswith("float") else int(np.iinfo(x.dtype).min)
    view = padded(w, x, tuple(told["pads"]), fill)
    spread = tuple(told.get("dilations") or (1,) * rank)
    window = windows(view, kernel, tuple(told["strides"]), spread)
    axes = tuple(range(2 + rank, 2 + 2 * rank))
    found = Point(w, w.dropped(fold(w, kind, plain(window), axes), axes))
    return found.value if kind == "max" else (found / prod(kernel)).value


def largest_place(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's ArgMax: the first place that equals the largest."""
    x = w.settled(inputs[0])
    axis = int(told.get("axis", 0)) % len(x.shape)
    length = x.shape[axis]
    best = Point(w, x).do("equal", Point(w, w.settled(fold(w, "max", x, (axis,)))), dtype="bool")
    shape = [1] * len(x.shape)
    shape[axis] = length
    places = plain(w.constant(np.arange(length, dtype=np.int64).reshape(shape)))
    folded = fold(w, "min", best.where(Point(w, places), length).value, (axis,))
    return folded if told.get("keepdims", 1) else w.dropped(folded, (axis,))


def running_sum(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's CumSum, as a sum under a mask: short axes are what it is for."""
    x = w.plain_view(inputs[0])
    axis = known(w, inputs[1], "an axis")[0] % len(x.shape)
    n = x.shape[axis]
    mask = np.tri(n, n, -1 if told.get("exclusive") else 0, bool)
    view = w.view(x)
    rows = replace(
        view,
        shape=(*view.shape[:axis], n, *view.shape[axis:]),
        strides=(*view.strides[:axis], 0, *view.strides[axis:]),
    )
    shape = (*(1,) * axis, n, n, *(1,) * (len(x.shape) - axis - 1))
    masked = Point(w, w.held(mask.reshape(shape))).where(Point(w, plain(rows)), 0)
    return w.dropped(fold(w, "sum", masked.value, (axis + 1,)), (axis + 1,))


RULES: Final[dict[str, Rule]] = {
    "ReduceSum": reduction("sum"),
    "ReduceMax": reduction("max"),
    "ReduceProd": reduction("prod"),
    "Softmax": softmax,
    "LayerNormalization": layer_norm,
    "MaxPool": lambda w, inputs, told: pool(w, inputs, told, kind="max"),
    "AveragePool": lambda w, inputs, told: pool(w, inputs, told, kind="sum"),
    "ArgMax": largest_place,
    "CumSum": running_sum,
}
