"""Matrix products and convolutions, as contractions."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Final

import numpy as np

from latebra.compiling.glow.borders import padded, windows
from latebra.compiling.glow.byte_panels import has_fours, in_fours
from latebra.compiling.glow.folds import fold
from latebra.compiling.glow.low import Acc, Const, Contract, View, as_load, sure
from latebra.compiling.glow.panels import in_panels
from latebra.compiling.glow.values import Axes, Pending, Value, broadcast, finer, plain
from latebra.compiling.glow.writer import Writer

_SUMS: Final = {("float32", "float32"): "float32", ("uint8", "int8"): "int32"}
"""What tiles multiply, by the types of both factors, and the type of the sums."""


def matmul(w: Writer, a: Value, b: Value) -> Value:
    """Returns the product of matrices, their leading axes broadcast as numpy does.

    Args:
        w: Where to write.
        a: Shape ``(..., m, k)``, at least two axes.
        b: Shape ``(..., k, n)``, at least two axes.
    """
    a, b = _in_memory(w, a), plain(factor_view(w, b))
    if (a.dtype, b.dtype) not in _SUMS:
        return _by_fold(w, a, b)
    batch = _batch(a, b)
    if batch is None:
        a = plain(w.view(a))
        batch = _batch(a, b)
    batch = sure(batch)
    left = as_load(broadcast(a, (*batch, a.axes[-2], a.axes[-1])).expr)
    flat = tuple(n for group in batch for n in group)
    m, k = a.axes[-2], a.axes[-1]
    columns = b.shape[-1]
    right = as_load(broadcast(b, (*batch, *b.axes[-2:])).expr)
    vary = [i for i in range(len(flat)) if right.view.strides[i] and flat[i] != 1]
    factor = right.view.pick((*vary, len(flat), len(flat) + 1))
    rows = prod(m) * prod(flat[i] for i in range(len(flat)) if i not in vary)
    spread = tuple(vary.index(i) if i in vary else -1 for i in range(len(flat)))
    spread = (*spread, *(-1,) * (len(m) + 1))
    if prod(k) != b.shape[-2]:
        raise ValueError(f"{a.shape} by {b.shape} is no product")
    head = len(flat) + len(m)
    shape = (*flat, *m, columns)
    view = _with_columns(left.view, head, columns)
    if a.dtype == "uint8" and not has_fours(view, head + 1):
        return matmul(w, w.settled_copy(a), b)
    made = _contraction(w, shape, view, head, factor, 1, rows, spread)
    order = tuple(range(len(shape)))
    return Value(made.expr, (*batch, m, (columns,)), Pending(made, order))


def factor_view(w: Writer, value: Value) -> View:
    """Returns a right-hand factor in memory; one number repeated is a constant."""
    if isinstance(value.expr, Const):
        return w.constant(np.full(value.shape, value.expr.value, value.dtype))
    return w.view(value)


def conv(
    w: Writer,
    x: Value,
    weights: View,
    *,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    fill: int | float = 0.0,
) -> Value:
    """Returns a convolution, channels innermost in memory.

    Args:
        w: Where to write.
        x: Shape ``(batch, channels, *space)``.
        weights: Shape ``(outputs, channels / groups, *kernel)``.
        strides: One an axis of space.
        pads: Elements before each axis of space, then after each.
        dilations: One an axis of space.
        groups: Into how many parts the channels fall.
        fill: What the border holds.
    """
    rank = len(x.shape) - 2
    kernel = weights.shape[2:]
    source = padded(w, x, pads, fill)
    window = windows(source, kernel, strides, dilations)
    n, space = x.shape[0], window.shape[2 : 2 + rank]
    outputs, inputs = weights.shape[0] // groups, weights.shape[1]
    channel = window.strides[1]
    taps = tuple(range(2 + rank, 2 + 2 * rank))
    if inputs == 1 and outputs == 1 and groups > 1:
        return _depthwise(w, window, weights, rank)
    # Output: batch, group, column, space. Summed: kernel, then channels.
    group = (groups,) if groups > 1 else ()
    near = 1 + rank
    body = window.pick((0, *range(2, 2 + rank), *taps))
    left = replace(
        body,
        shape=(n, *group, outputs, *space, *kernel, inputs),
        strides=(
            *body.strides[:1],
            *(channel * inputs for _ in group),
            0,
            *body.strides[1:near],
            *body.strides[near:],
            channel,
        ),
    )
    step, inner, *kernel_steps = weights.strides
    factor = replace(
        weights,
        shape=(*group, *kernel, inputs, outputs),
        strides=(*(step * outputs for _ in group), *kernel_steps, inner, step),
    )
    spread = (-1, *(0 for _ in group), -1, *(-1,) * rank)
    shape = (n, *group, outputs, *space)
    at = 1 + len(group)
    made = _contraction(w, shape, left, at, factor, rank + 1, n * prod(space), spread)
    order = (0, *range(at + 1, at + 1 + rank), *range(1, at + 1))
    axes: Axes = ((n,), (*group, outputs), *((length,) for length in space))
    return Value(made.expr, axes, Pending(made, order))


def _contraction(
    w: Writer,
    shape: tuple[int, ...],
    left: View,
    columns: int,
    factor: View,
    depth: int,
    rows: int,
    spread: tuple[int, ...],
) -> Contract:
    """A contraction whose output has no place yet; the right-hand factor is put in panels."""
    total = _SUMS[left.dtype, factor.dtype]
    if left.dtype == "uint8":
        left, panels = in_fours(w, left, len(shape), factor, depth, rows, spread)
    else:
        panels = in_panels(w, factor, depth, rows, spread)
    return Contract(w.nowhere(shape, total), left, panels, columns, Acc(total))


def _depthwise(w: Writer, window: View, weights: View, rank: int) -> Value:
    view = weights.pick((0, *range(2, 2 + rank)))
    held = w.program.constants.get(weights.buffer)
    if held is not None and held.shape == weights.shape:  # Channels innermost, as the picture's.
        view = w.constant(np.moveaxis(held[:, 0], 0, -1)).pick((rank, *range(rank)))
    ones = (0,) * rank
    factor = replace(
        view, shape=window.shape, strides=(0, view.strides[0], *ones, *view.strides[1:])
    )
    axes = tuple(range(2 + rank, 2 + 2 * rank))
    return w.dropped(fold(w, "dot", plain(window), axes, factor=plain(factor)), axes)


def _in_memory(w: Writer, value: Value) -> Value:
    value = w.settled(value)
    return w.settled_copy(value) if isinstance(value.expr, Const) else value


def _batch(a: Value, b: Value) -> Axes | None:
    count = max(len(a.shape), len(b.shape)) - 2
    own = (*(((1,),) * (count + 2 - len(a.axes))), *a.axes[:-2])
    other = (*(((1,),) * (count + 2 - len(b.axes))), *b.axes[:-2])
    return finer(own, other)


def _with_columns(view: View, at: int, columns: int) -> View:
    return replace(
        view,
        shape=(*view.shape[:at], columns, *view.shape[at:]),
        strides=(*view.strides[:at], 0, *view.strides[at:]),
    )


def _by_fold(w: Writer, a: Value, b: Value) -> Value:
    """A product of numbers that are no 32-bit floats: sums of rounded products."""
    left = w.view(a)
    right = w.view(b)
    k = left.shape[-1]
    first = plain(replace(
        left, shape=(*left.shape[:-1], 1, k), strides=(*left.strides[:-1], 0, left.strides[-1])
    ))  # fmt: skip
    order = (*range(len(right.shape) - 2), len(right.shape) - 1, len(right.shape) - 2)
    second = right.pick(order)
    second = replace(
        second,
        shape=(*second.shape[:-2], 1, *second.shape[-2:]),
        strides=(*second.strides[:-2], 0, *second.strides[-2:]),
    )
    both = w.combine("mul", a.dtype, first, plain(second))
    rank = len(both.shape)
    return w.dropped(fold(w, "sum", both, (rank - 1,)), (rank - 1,))
