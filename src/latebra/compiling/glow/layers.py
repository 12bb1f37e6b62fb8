"""Operators that are matrix products or convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.low import Map
from latebra.compiling.glow.movement import sliced
from latebra.compiling.glow.products import conv, factor_view, matmul
from latebra.compiling.glow.values import Value, plain, reordered
from latebra.compiling.glow.writer import Writer

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


def convolution(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's Conv, without a bias."""
    x, weights = inputs
    return conv(
        w,
        x,
        factor_view(w, weights),
        strides=tuple(told["strides"]),
        pads=tuple(told["pads"]),
        dilations=tuple(told["dilations"]),
        groups=int(told["group"]),
        fill=told.get("fill", 0.0),
    )


def transposed(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's ConvTranspose: a convolution over the input with zeros put between its elements."""
    x, weights = inputs
    rank = len(x.shape) - 2
    groups = int(told["group"])
    steps, spread = tuple(told["strides"]), tuple(told["dilations"])
    extra, pads = told["output_padding"], told["pads"]
    reach = [(k - 1) * d + 1 for k, d in zip(weights.shape[2:], spread, strict=True)]
    low = [reach[i] - 1 - pads[i] for i in range(rank)]
    high = [reach[i] - 1 - pads[rank + i] + extra[i] for i in range(rank)]
    lengths = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], steps, strict=True)]
    spaced = _spaced(w, x, steps, lengths)
    for i in range(rank):  # A border below zero takes away.
        cut = (max(0, -low[i]), max(0, -high[i]))
        if any(cut):
            spaced = sliced(w, spaced, 2 + i, cut[0], lengths[i] - sum(cut))
            low[i], high[i] = max(0, low[i]), max(0, high[i])
    turned = _turned(w, weights, groups)
    return conv(
        w,
        spaced,
        factor_view(w, turned),
        strides=(1,) * rank,
        pads=(*low, *high),
        dilations=spread,
        groups=groups,
    )


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
    """Weights ``(inputs, outputs / groups, ...)`` as ``(outputs, inputs / groups, ...)``."""
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


RULES: Final[dict[str, Rule]] = {
    "MatMul": product,
    "Conv": convolution,
    "ConvTranspose": transposed,
}
