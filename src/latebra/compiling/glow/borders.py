"""Tensors with a border, as convolutions and pooling read them, and the windows over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from latebra.compiling.glow.low import Const, Map, View
from latebra.compiling.glow.values import Value, plain
from latebra.compiling.glow.writer import Writer


def padded(w: Writer, x: Value, pads: tuple[int, ...], fill: int | float) -> View:
    """Returns a tensor with a border, channels innermost in memory, written in one go.

    Args:
        w: Where to write.
        x: Shape ``(batch, channels, *space)``.
        pads: Elements before each axis of space, then after each; not below zero.
        fill: What the border holds.
    """
    rank = len(x.shape) - 2
    nearest = (0, *range(2, rank + 2), 1)
    if not any(pads):
        view = w.view(x)
        # Bytes are read by fours, which lie side by side.
        if view.strides[1] == 1 or (x.shape[1] < 8 and x.dtype != "uint8"):
            return view
        return w.view(w.settled_in(plain(view), nearest))
    found = w.bordered(x, pads, fill)
    if found is not None:
        return found
    low, high = (0, 0, *pads[:rank]), (0, 0, *pads[rank:])
    return bordered(w, x, low, high, fill, nearest)


def bordered(
    w: Writer,
    x: Value,
    low: Sequence[int],
    high: Sequence[int],
    fill: int | float,
    order: Sequence[int],
) -> View:
    """Returns a tensor with a border, written in one go.

    Args:
        w: Where to write.
        x: The tensor.
        low: Elements before each axis.
        high: Elements after each axis.
        fill: What the border holds.
        order: The axes in memory, from the widest stride to the narrowest.
    """
    shape = tuple(n + a + b for n, a, b in zip(x.shape, low, high, strict=True))
    room = w.room(shape, x.dtype, tuple(order))
    _fill(w, room, low, high, fill)
    w.write_as(x, _part(room, low, x.shape))
    return room


def _fill(
    w: Writer, room: View, low: Sequence[int], high: Sequence[int], fill: int | float
) -> None:
    """Writes the border: two slabs an axis, nothing twice."""
    start, shape = [0] * len(low), list(room.shape)
    for axis in range(len(low)):
        end = start[axis] + shape[axis] - high[axis]
        for first, length in ((start[axis], low[axis]), (end, high[axis])):
            if length:
                at, size = [*start], [*shape]
                at[axis], size[axis] = first, length
                slab = _part(room, at, size)
                w.program.instructions.append(Map(slab, Const(room.dtype, fill)))
        start[axis] += low[axis]
        shape[axis] -= low[axis] + high[axis]


def _part(view: View, start: Sequence[int], shape: Sequence[int]) -> View:
    offset = sum(i * step for i, step in zip(start, view.strides, strict=True))
    return replace(view, offset=view.offset + offset, shape=tuple(shape))


def windows(
    view: View, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> View:
    """Returns each window of a tensor: its axes of space, then those of the kernel."""
    rank = len(kernel)
    steps = view.strides[2:]
    space = tuple(
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(view.shape[2:], kernel, strides, dilations, strict=True)
    )
    return replace(
        view,
        shape=(*view.shape[:2], *space, *kernel),
        strides=(
            *view.strides[:2],
            *(steps[i] * strides[i] for i in range(rank)),
            *(steps[i] * dilations[i] for i in range(rank)),
        ),
    )
