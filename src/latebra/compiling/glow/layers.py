"""Operators that are matrix products or convolutions, and resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.folding import pads_of
from latebra.compiling.glow.low import Map
from latebra.compiling.glow.movement import looked_up
from latebra.compiling.glow.pointwise import Point
from latebra.compiling.glow.products import conv, matmul
from latebra.compiling.glow.values import Value, plain, reordered
from latebra.compiling.glow.writer import Writer, best_order

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


def product(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's MatMul: a single axis is a row on the left, a column on the right."""
    a, b = inputs
    first, second = len(a.shape) == 1, len(b.shape) == 1
    a = w.reshape(a, (1, *a.shape)) if first else a
    b = w.reshape(b, (*b.shape, 1)) if second else b
    found = matmul(w, a, b)
    gone = tuple(axis for axis, yes in ((-2, first), (-1, second)) if yes)
    rank = len(found.shape)
    return w.dropped(found, tuple(axis + rank for axis in gone)) if gone else found


def gemm(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Gemm."""
    a, b, *rest = inputs
    a = reordered(w.plain_view(a), (1, 0)) if told.get("transA") else a
    b = reordered(w.plain_view(b), (1, 0)) if told.get("transB") else b
    found = Point(w, matmul(w, a, b))
    alpha, beta = float(told.get("alpha", 1.0)), float(told.get("beta", 1.0))
    found = found * alpha if alpha != 1 else found
    if rest:
        c = Point(w, rest[0])
        found = found + (c * beta if beta != 1 else c)
    return found.value


def convolution(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Conv."""
    x, weights, *rest = inputs
    view = w.view(weights)
    rank = len(x.shape) - 2
    found = conv(
        w,
        x,
        view,
        strides=tuple(told.get("strides") or (1,) * rank),
        pads=pads_of(told, x.shape[2:], view.shape[2:]),
        dilations=tuple(told.get("dilations") or (1,) * rank),
        groups=int(told.get("group", 1)),
    )
    return _with_bias(w, found, rest)


def transposed(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's ConvTranspose: a convolution over the input with zeros put between its elements."""
    x, weights, *rest = inputs
    rank = len(x.shape) - 2
    groups = int(told.get("group", 1))
    steps = tuple(told.get("strides") or (1,) * rank)
    spread = tuple(told.get("dilations") or (1,) * rank)
    extra = tuple(told.get("output_padding") or (0,) * rank)
    kernel = weights.shape[2:]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, spread, strict=True)]
    pads = list(told.get("pads") or (0,) * 2 * rank)
    wanted = told.get("output_shape")
    mode = str(told.get("auto_pad", "NOTSET"))
    if wanted or mode.startswith("SAME"):
        sizes = wanted or [n * s for n, s in zip(x.shape[2:], steps, strict=True)]
        for i, size in enumerate(sizes):
            need = (x.shape[2 + i] - 1) * steps[i] + extra[i] + reach[i] - size
            small, large = need // 2, need - need // 2
            upper = mode == "SAME_UPPER"
            pads[i], pads[rank + i] = (small, large) if upper else (large, small)
    low = [reach[i] - 1 - pads[i] for i in range(rank)]
    high = [reach[i] - 1 - pads[rank + i] + extra[i] for i in range(rank)]
    lengths = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], steps, strict=True)]
    spaced = _spaced(w, x, steps, lengths)
    for i in range(rank):  # A border below zero takes away.
        cut = (max(0, -low[i]), max(0, -high[i]))
        if any(cut):
            from latebra.compiling.glow.movement import sliced

            spaced = sliced(w, spaced, 2 + i, cut[0], lengths[i] - sum(cut))
            low[i], high[i] = max(0, low[i]), max(0, high[i])
    turned = _turned(w, weights, groups)
    found = conv(
        w,
        spaced,
        w.view(turned),
        strides=(1,) * rank,
        pads=(*low, *high),
        dilations=spread,
        groups=groups,
    )
    return _with_bias(w, found, rest)


def _spaced(w: Writer, x: Value, steps: Sequence[int], lengths: Sequence[int]) -> Value:
    if all(step == 1 for step in steps):
        return x
    rank = len(lengths)
    room = w.room((*x.shape[:2], *lengths), x.dtype, (0, *range(2, 2 + rank), 1))
    zero = w.held(np.zeros(room.shape, x.dtype))
    w.program.instructions.append(Map(room, zero.expr))
    strides = (*room.strides[:2], *(a * b for a, b in zip(room.strides[2:], steps, strict=True)))
    w.write_as(x, replace(room, shape=x.shape, strides=strides))
    return plain(room)


def _turned(w: Writer, weights: Value, groups: int) -> Value:
    """Weights ``(inputs, outputs / groups, *kernel)`` as ``(outputs, inputs / groups, *kernel)``."""
    view = w.view(weights)
    offset = view.offset + sum(
        (n - 1) * s for n, s in zip(view.shape[2:], view.strides[2:], strict=True)
    )
    flipped = (*view.strides[:2], *(-step for step in view.strides[2:]))
    backwards = plain(replace(view, offset=offset, strides=flipped))
    inputs, outputs, *kernel = view.shape
    rank = len(kernel)
    split = w.reshape(backwards, (groups, inputs // groups, outputs, *kernel))
    moved = reordered(split, (0, 2, 1, *range(3, 3 + rank)))
    held = w.known(weights)
    if held is not None:
        array = np.flip(held, tuple(range(2, 2 + rank)))
        array = array.reshape(groups, inputs // groups, outputs, *kernel)
        array = np.moveaxis(array, 2, 1)
        return plain(w.constant(array.reshape(groups * outputs, inputs // groups, *kernel)))
    return w.reshape(moved, (groups * outputs, inputs // groups, *kernel))


def _with_bias(w: Writer, found: Value, rest: Sequence[Value]) -> Value:
    if not rest:
        return found
    bias = w.reshape(rest[0], (rest[0].shape[0], *(1,) * (len(found.shape) - 2)))
    return (Point(w, found) + Point(w, bias)).value


def resize(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Resize, one axis after another: nearest, linear or cubic."""
    x = inputs[0]
    mode = str(told.get("mode", "nearest"))
    sizes, scales = _sizes(w, x, inputs, told)
    for axis, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        length = x.shape[axis]
        if size == length and scale == 1:
            continue
        place = _places(
            size, length, scale, str(told.get("coordinate_transformation_mode", "half_pixel"))
        )
        if mode == "nearest":
            x = _nearest(w, x, axis, place, str(told.get("nearest_mode", "round_prefer_floor")))
        else:
            coefficient = float(told.get("cubic_coeff_a", -0.75))
            x = _weighted(w, x, axis, place, coefficient if mode == "cubic" else None, told)
    return x


def _sizes(
    w: Writer, x: Value, inputs: Sequence[Value], told: Attributes
) -> tuple[list[int], list[float]]:
    rank = len(x.shape)
    axes = [axis % rank for axis in told.get("axes") or range(rank)]
    if told.get("antialias") or str(told.get("keep_aspect_ratio_policy", "stretch")) != "stretch":
        raise NotImplementedError("antialiased or ratio-keeping resizing")
    if "coordinate_transformation_mode" in told and "crop" in str(
        told["coordinate_transformation_mode"]
    ):
        raise NotImplementedError("resizing a crop")
    sizes, scales = list(x.shape), [1.0] * rank
    given = w.known(inputs[-1])
    if given is None:
        raise NotImplementedError("a size that the network computes")
    for axis, number in zip(axes, given.reshape(-1), strict=True):
        if given.dtype.kind == "f":
            scales[axis] = float(number)
            sizes[axis] = int(np.floor(x.shape[axis] * float(number)))
        else:
            sizes[axis] = int(number)
            scales[axis] = int(number) / x.shape[axis]
    return sizes, scales


def _places(size: int, length: int, scale: float, mode: str) -> NDArray[Any]:
    """Where each element of the output lies on the input's axis; see ONNX's Resize."""
    i = np.arange(size, dtype=np.float64)
    if mode == "asymmetric":
        return i / scale
    if mode == "align_corners":
        return i * ((length - 1) / (length * scale - 1)) if size > 1 else i * 0
    if mode == "pytorch_half_pixel" and size == 1:
        return i * 0
    if mode == "half_pixel_symmetric":
        adjust = size / (length * scale)
        return length / 2 * (1 - adjust) + (i + 0.5) / scale - 0.5
    return (i + 0.5) / scale - 0.5


def _nearest(w: Writer, x: Value, axis: int, place: NDArray[Any], mode: str) -> Value:
    chosen = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    }[mode](place)
    index = np.clip(chosen, 0, x.shape[axis] - 1).astype(np.int64)
    times, rest = divmod(len(index), x.shape[axis])
    if not rest and times and (index == np.arange(len(index)) // times).all():
        # Whole repeats are a view: each element again and again.
        x = w.plain_view(x)
        shape = [*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]]
        split = w.reshape(x, tuple(shape))
        from latebra.compiling.glow.values import broadcast

        shape[axis + 1] = times
        wide = broadcast(split, tuple((n,) for n in shape))
        return w.reshape(wide, (*x.shape[:axis], len(index), *x.shape[axis + 1 :]))
    return looked_up(w, x, axis, index.tolist())


def _weighted(
    w: Writer,
    x: Value,
    axis: int,
    place: NDArray[Any],
    cubic: float | None,
    told: Attributes,
) -> Value:
    """Sums of 2 or 4 neighbours with fixed weights; outside, the edge is repeated."""
    base = np.floor(place)
    t = place - base
    if cubic is None:
        taps = [(0, 1 - t), (1, t)]
    else:
        a = cubic

        def near(d: Any) -> Any:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1

        def far(d: Any) -> Any:
            return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a

        taps = [(-1, far(1 + t)), (0, near(t)), (1, near(1 - t)), (2, far(2 - t))]
    length = x.shape[axis]
    if told.get("exclude_outside"):
        inside = [((base + s >= 0) & (base + s < length)) * weight for s, weight in taps]
        norm = np.sum(inside, 0)
        taps = [(s, each / norm) for (s, _), each in zip(taps, inside, strict=True)]
    x = w.plain_view(x)
    shape = [1] * len(x.shape)
    shape[axis] = len(place)
    found: Point | None = None
    for step, weight in taps:
        index = np.clip(base + step, 0, length - 1).astype(np.int64)
        part = Point(w, looked_up(w, x, axis, index.tolist()))
        term = part * Point(w, plain(w.constant(weight.astype(x.dtype).reshape(shape))))
        found = term if found is None else found + term
    assert found is not None
    order = best_order(x)
    return w.settled(found.value, order)


RULES: Final[dict[str, Rule]] = {
    "MatMul": product,
    "Gemm": gemm,
    "Conv": convolution,
    "ConvTranspose": transposed,
    "Resize": resize,
}
