"""Operators that combine elements along axes: sums, extremes, norms, pooling, softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.borders import padded, windows
from latebra.compiling.glow.movement import known
from latebra.compiling.glow.pointwise import Point
from latebra.compiling.glow.values import Value, plain
from latebra.compiling.glow.writer import Writer

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


def mean(w: Writer, x: Point, axes: tuple[int, ...]) -> Point:
    """Returns the mean over some axes, each of which becomes one."""
    count = prod(x.value.shape[axis] for axis in axes)
    return Point(w, w.total("sum", x.value, axes)) / count


def reduction(
    kind: str,
    before: Callable[[Point], Point] | None = None,
    after: Callable[[Point, int], Point] | None = None,
) -> Rule:
    """Makes the rule of one of ONNX's reductions.

    Args:
        kind: As in ``low.Fold``.
        before: Done to each element first.
        after: Done to each result, with the number of elements that went into it.
    """

    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        x = inputs[0]
        axes = known(w, inputs[1], "axes") if len(inputs) > 1 else list(told.get("axes") or [])
        if not axes and told.get("noop_with_empty_axes"):
            return x
        chosen = tuple(sorted({axis % len(x.shape) for axis in axes})) or tuple(range(len(x.shape)))
        point = Point(w, x)
        folded = Point(w, w.total(kind, before(point).value if before else x, chosen))
        if after:
            folded = after(folded, prod(x.shape[axis] for axis in chosen))
        return folded.value if told.get("keepdims", 1) else _bare(w, folded.value, chosen)

    return rule


def _bare(w: Writer, value: Value, axes: tuple[int, ...]) -> Value:
    return w.dropped(value, axes)


def softmax(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Softmax."""
    x = Point(w, w.settled(inputs[0]))
    axes = (int(told.get("axis", -1)) % len(inputs[0].shape),)
    top = Point(w, w.fold("max", x.value, axes))
    grown = Point(w, w.settled((x - top).do("exp").value))
    return (grown / Point(w, w.fold("sum", grown.value, axes))).value


def log_softmax(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's LogSoftmax."""
    x = Point(w, w.settled(inputs[0]))
    axes = (int(told.get("axis", -1)) % len(inputs[0].shape),)
    low = Point(w, w.settled((x - Point(w, w.fold("max", x.value, axes))).value))
    return (low - Point(w, w.fold("sum", low.do("exp").value, axes)).do("log")).value


def normalised(w: Writer, x: Value, axes: tuple[int, ...], epsilon: float) -> Point:
    """Returns a tensor with mean 0 and variance 1 over some axes."""
    return _normal(w, x, axes, epsilon)[0]


def _normal(
    w: Writer, x: Value, axes: tuple[int, ...], epsilon: float
) -> tuple[Point, Value, Value]:
    """Returns the tensor, its mean, and one over its standard deviation."""
    point = Point(w, w.settled(x))
    middle = w.settled(mean(w, point, axes).value)
    centred = point - Point(w, w.spread(middle, point.value))
    variance = mean(w, centred * centred, axes) + epsilon
    factor = w.settled((1.0 / variance.do("sqrt")).value)
    return centred * Point(w, w.spread(factor, point.value)), middle, factor


def layer_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> list[Value]:
    """ONNX's LayerNormalization: the result, the mean, one over the standard deviation."""
    x = inputs[0]
    axis = int(told.get("axis", -1)) % len(x.shape)
    axes = tuple(range(axis, len(x.shape)))
    found, middle, factor = _normal(w, x, axes, float(told.get("epsilon", 1e-5)))
    found = found * Point(w, inputs[1])
    found = found + Point(w, inputs[2]) if len(inputs) > 2 else found
    return [found.value, middle, factor]


def rms_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's RMSNormalization."""
    x = Point(w, w.settled(inputs[0]))
    axis = int(told.get("axis", -1)) % len(inputs[0].shape)
    axes = tuple(range(axis, len(inputs[0].shape)))
    size = (mean(w, x * x, axes) + float(told.get("epsilon", 1e-5))).do("sqrt")
    return (x / size * Point(w, inputs[1])).value


def instance_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's InstanceNormalization."""
    x = inputs[0]
    axes = tuple(range(2, len(x.shape)))
    found = normalised(w, x, axes, float(told.get("epsilon", 1e-5)))
    scale, bias = (Point(w, _channels(w, each, len(x.shape))) for each in inputs[1:3])
    return (found * scale + bias).value


def group_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's GroupNormalization, whose scale is one number a channel."""
    x = inputs[0]
    groups = int(told["num_groups"])
    n, c, *space = x.shape
    split = w.reshape(w.settled(x), (n, groups, c // groups * prod(space)))
    found = normalised(w, split, (2,), float(told.get("epsilon", 1e-5)))
    back = Point(w, w.reshape(found.value, x.shape))
    scale, bias = (Point(w, _channels(w, each, len(x.shape))) for each in inputs[1:3])
    return (back * scale + bias).value


def batch_norm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's BatchNormalization, with fixed statistics: a factor and a summand a channel."""
    x, *rest = inputs
    held = [w.known(each) for each in rest]
    epsilon = float(told.get("epsilon", 1e-5))
    if any(each is None for each in held):
        raise NotImplementedError("statistics that the network computes")
    scale, bias, middle, spread = (np.asarray(each, np.float64) for each in held)
    factor = scale / np.sqrt(spread + epsilon)
    summand = bias - middle * factor
    shape = (-1, *(1,) * (len(x.shape) - 2))
    one, two = (w.held(each.astype(x.dtype).reshape(shape)) for each in (factor, summand))
    return (Point(w, x) * Point(w, one) + Point(w, two)).value


def _channels(w: Writer, value: Value, rank: int) -> Value:
    return w.reshape(value, (value.shape[0], *(1,) * (rank - 2)))


def pads_of(told: Attributes, space: Sequence[int], kernel: Sequence[int]) -> tuple[int, ...]:
    """Returns a layer's pads, worked out from ``auto_pad`` where that is told."""
    rank = len(space)
    steps = told.get("strides") or [1] * rank
    spread = told.get("dilations") or [1] * rank
    mode = str(told.get("auto_pad", "NOTSET"))
    if mode in ("NOTSET", "VALID"):
        return tuple(told.get("pads") or [0] * (2 * rank)) if mode == "NOTSET" else (0,) * 2 * rank
    low: list[int] = []
    high: list[int] = []
    for n, k, s, d in zip(space, kernel, steps, spread, strict=True):
        need = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        small, large = need // 2, need - need // 2
        low.append(small if mode == "SAME_UPPER" else large)
        high.append(large if mode == "SAME_UPPER" else small)
    return (*low, *high)


def pool(w: Writer, inputs: Sequence[Value], told: Attributes, *, kind: str) -> Value:
    """ONNX's MaxPool, AveragePool and LpPool as folds over windows."""
    x = inputs[0]
    kernel = tuple(told["kernel_shape"])
    rank = len(kernel)
    steps = tuple(told.get("strides") or (1,) * rank)
    spread = tuple(told.get("dilations") or (1,) * rank)
    pads = list(pads_of(told, x.shape[2:], kernel))
    real = tuple(pads)
    if told.get("ceil_mode"):
        for i, (n, k, s, d) in enumerate(zip(x.shape[2:], kernel, steps, spread, strict=True)):
            reach, size = (k - 1) * d + 1, n + pads[i] + pads[rank + i]
            count = -(-(size - reach) // s) + 1
            if (count - 1) * s >= n + pads[i]:
                count -= 1  # A window that starts in the border behind is left out.
            pads[rank + i] += max(0, (count - 1) * s + reach - size)
    fill = 0.0
    if kind == "max":
        fill = float("-inf") if x.dtype.startswith("float") else int(np.iinfo(x.dtype).min)
    view = padded(w, x, tuple(pads), fill)
    window = windows(view, kernel, steps, spread)
    axes = tuple(range(2 + rank, 2 + 2 * rank))
    found = Point(w, w.dropped(w.fold(kind, plain(window), axes), axes))
    if kind == "max":
        return found.value
    space = window.shape[2 : 2 + rank]
    if not any(pads):
        return (found / prod(kernel)).value
    counts = np.ones((), np.float32)
    for i in range(rank):
        inside = np.zeros(x.shape[2 + i] + pads[i] + pads[rank + i], np.float32)
        low, high = (
            (0, len(inside))
            if told.get("count_include_pad")
            else (pads[i], pads[i] + x.shape[2 + i])
        )
        if told.get("count_include_pad"):
            high = x.shape[2 + i] + real[i] + real[rank + i]
        inside[low:high] = 1
        along = [
            inside[p * steps[i] : p * steps[i] + (kernel[i] - 1) * spread[i] + 1 : spread[i]].sum()
            for p in range(space[i])
        ]
        counts = np.multiply.outer(counts, np.array(along, np.float32))
    return (found / Point(w, w.held(counts.astype(x.dtype)))).value


def global_pool(kind: str) -> Rule:
    """Makes the rule of a pooling over all of space."""

    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        x = inputs[0]
        axes = tuple(range(2, len(x.shape)))
        if kind == "max":
            return w.total("max", x, axes)
        return mean(w, Point(w, x), axes).value

    return rule


def extreme_place(kind: str) -> Rule:
    """Makes the rule of ArgMax or ArgMin: the first, or last, place that equals the extreme."""

    def rule(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
        x = w.settled(inputs[0])
        axis = int(told.get("axis", 0)) % len(x.shape)
        length = x.shape[axis]
        last = bool(told.get("select_last_index"))
        best = Point(w, x).do("equal", Point(w, w.settled(w.fold(kind, x, (axis,)))), dtype="bool")
        shape = [1] * len(x.shape)
        shape[axis] = length
        places = plain(w.constant(np.arange(length, dtype=np.int64).reshape(shape)))
        chosen = best.where(Point(w, places), -1 if last else length)
        folded = w.fold("max" if last else "min", chosen.value, (axis,))
        return folded if told.get("keepdims", 1) else _bare(w, folded, (axis,))

    return rule


def running_sum(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's CumSum, as a sum under a mask: short axes are what it is for."""
    x = w.plain_view(inputs[0])
    axis = known(w, inputs[1], "an axis")[0] % len(x.shape)
    n = x.shape[axis]
    mask = np.tri(n, n, -1 if told.get("exclusive") else 0, bool)
    mask = mask.T if told.get("reverse") else mask
    view = w.view(x)
    rows = replace(
        view,
        shape=(*view.shape[:axis], n, *view.shape[axis:]),
        strides=(*view.strides[:axis], 0, *view.strides[axis:]),
    )
    shape = (*(1,) * axis, n, n, *(1,) * (len(x.shape) - axis - 1))
    masked = Point(w, w.held(mask.reshape(shape))).where(Point(w, plain(rows)), 0)
    return w.dropped(w.fold("sum", masked.value, (axis + 1,)), (axis + 1,))


RULES: Final[dict[str, Rule]] = {
    "ReduceSum": reduction("sum"),
    "ReduceMean": reduction("sum", after=lambda x, n: x.do("div", n)),
    "ReduceMax": reduction("max"),
    "ReduceMin": reduction("min"),
    "ReduceProd": reduction("prod"),
    "ReduceL1": reduction("sum", lambda x: x.do("abs")),
    "ReduceL2": reduction("sum", lambda x: x * x, lambda x, _: x.do("sqrt")),
    "ReduceSumSquare": reduction("sum", lambda x: x * x),
    "ReduceLogSum": reduction("sum", after=lambda x, _: x.do("log")),
    "ReduceLogSumExp": reduction("sum", lambda x: x.do("exp"), lambda x, _: x.do("log")),
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "RMSNormalization": rms_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "BatchNormalization": batch_norm,
    "MaxPool": lambda w, inputs, told: pool(w, inputs, told, kind="max"),
    "AveragePool": lambda w, inputs, told: pool(w, inputs, told, kind="sum"),
    "GlobalAveragePool": global_pool("sum"),
    "GlobalMaxPool": global_pool("max"),
    "ArgMax": extreme_place("max"),
    "ArgMin": extreme_place("min"),
    "CumSum": running_sum,
}
