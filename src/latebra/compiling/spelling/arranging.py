"""Operators that move elements, and compute none."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from latebra.compiling.spelling.node import Entry, Node
from latebra.core.errors import Unsupported


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    return {
        "Concat": lambda node: node.algebra.concatenate(
            node.inputs, node.told["axis"] % len(node.shape())
        ),
        "DepthToSpace": _depth_to_space,
        "Expand": _expand,
        "Flatten": _flatten,
        "Gather": _gather,
        "GatherElements": _gather_elements,
        "Pad": _pad,
        "Reshape": _reshape,
        "Shape": _shape,
        "Size": lambda node: np.array(prod(node.shape()), np.int64),
        "Slice": _slice,
        "SpaceToDepth": _space_to_depth,
        "Split": _split,
        "Squeeze": _squeeze,
        "Tile": _tile,
        "Transpose": lambda node: node.algebra.transpose(
            node.inputs[0], node.get("perm", range(len(node.shape()))[::-1])
        ),
        "Trilu": _trilu,
        "Unsqueeze": _unsqueeze,
    }


def sliced(node: Node, x: Any, kept: list[range]) -> Any:
    """Returns the elements at some places of each axis; backwards where a step is negative."""
    forwards = [each if each.step > 0 else each[::-1] for each in kept]
    cuts = [slice(each.start, max(each.start, each.stop), each.step) for each in forwards]
    found = node.algebra.cut(x, cuts)
    for axis, each in enumerate(kept):
        if each.step < 0:
            back = node.algebra.constant(np.arange(len(each))[::-1].copy())
            found = node.algebra.take(found, back, axis)
    return found


def _shape(node: Node) -> Any:
    whole = node.shape()
    return np.array(whole[node.get("start", 0) : node.get("end", len(whole))], np.int64)


def _reshape(node: Node) -> Any:
    wanted = node.numbers(1, "shape") or []
    shape = node.shape()
    if not node.get("allowzero", 0):
        wanted = [shape[at] if n == 0 else n for at, n in enumerate(wanted)]
    if -1 in wanted:
        rest = prod(n for n in wanted if n != -1)
        wanted = [prod(shape) // rest if n == -1 else n for n in wanted]
    return node.algebra.reshape(node.inputs[0], wanted)


def _flatten(node: Node) -> Any:
    shape, axis = node.shape(), node.get("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    return node.algebra.reshape(node.inputs[0], (prod(shape[:axis]), prod(shape[axis:])))


def _squeeze(node: Node) -> Any:
    shape, axes = node.shape(), node.numbers(1, "axes")
    told = axes or [i for i, n in enumerate(shape) if n == 1]
    gone = {axis % len(shape) for axis in told}
    kept = [n for i, n in enumerate(shape) if i not in gone]
    return node.algebra.reshape(node.inputs[0], kept)


def _unsqueeze(node: Node) -> Any:
    shape, axes = list(node.shape()), node.numbers(1, "axes") or []
    rank = len(shape) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        shape.insert(axis, 1)
    return node.algebra.reshape(node.inputs[0], shape)


def _expand(node: Node) -> Any:
    wanted = node.numbers(1) or []
    return node.algebra.broadcast(node.inputs[0], np.broadcast_shapes(node.shape(), tuple(wanted)))


def _tile(node: Node) -> Any:
    x = node.inputs[0]
    for axis, times in enumerate(node.numbers(1) or []):
        if times != 1:
            x = node.algebra.concatenate([x] * times, axis) if times else _none_of(node, x, axis)
    return x


def _none_of(node: Node, x: Any, axis: int) -> Any:
    kept = [range(n) for n in node.algebra.shape(x)]
    kept[axis] = range(0)
    return sliced(node, x, kept)


def _slice(node: Node) -> Any:
    shape = node.shape()
    starts, ends = node.numbers(1, "starts") or [], node.numbers(2, "ends") or []
    axes = node.numbers(3, "axes") or list(range(len(starts)))
    steps = node.numbers(4) or [1] * len(starts)
    kept = [range(n) for n in shape]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        kept[axis % len(shape)] = range(shape[axis])[start:end:step]
    return sliced(node, node.inputs[0], kept)


def _split(node: Node) -> Any:
    shape, axis = node.shape(), node.axis(0)
    sizes = node.numbers(1, "split")
    if sizes is None:
        each = -(-shape[axis] // node.outputs)
        sizes = [min(each, shape[axis] - at) for at in range(0, shape[axis], each)]
    parts: list[Any] = []
    at = 0
    for size in sizes:
        kept = [range(n) for n in shape]
        kept[axis] = range(at, at + size)
        parts.append(sliced(node, node.inputs[0], kept))
        at += size
    return tuple(parts)


def _positive(node: Node, at: Any, length: int) -> Any:
    """Returns places counted from the start, of which some were counted from the end."""
    kind = node.algebra.dtype(at)
    zero, whole = (node.algebra.constant(np.array(n, kind)) for n in (0, length))
    return node.map("where", node.map("less", at, zero), node.map("add", at, whole), at)


def _gather(node: Node) -> Any:
    shape, axis = node.shape(), node.axis(0)
    at = node.inputs[1]
    flat = node.algebra.reshape(at, (prod(node.shape(1)),))
    found = node.algebra.take(node.inputs[0], _positive(node, flat, shape[axis]), axis)
    return node.algebra.reshape(found, (*shape[:axis], *node.shape(1), *shape[axis + 1 :]))


def _gather_elements(node: Node) -> Any:
    axis = node.axis(0)
    at = _positive(node, node.inputs[1], node.shape()[axis])
    return node.algebra.take_along(node.inputs[0], at, axis)


def _pad(node: Node) -> Any:
    x, rank = node.inputs[0], len(node.shape())
    pads = node.numbers(1, "pads") or []
    axes = node.numbers(3) or list(range(rank))
    mode = node.text("mode", "constant")
    pairs = [(0, 0)] * rank
    for number, axis in enumerate(axes):
        pairs[axis % rank] = (pads[number], pads[number + len(axes)])
    # What is cut off goes first: the modes repeat what is left.
    shape = node.shape()
    kept = [
        range(max(0, -before), n - max(0, -after))
        for n, (before, after) in zip(shape, pairs, strict=True)
    ]
    x = sliced(node, x, kept)
    more = [(max(0, before), max(0, after)) for before, after in pairs]
    if mode == "constant":
        if node.optional(2) is not None and node.known(2) is None:
            raise Unsupported("Pad with a computed value", fix="export it as a constant")
        held = node.known(2)
        value = node.get("value", 0.0) if held is None else held.reshape(-1)[0].item()
        return node.algebra.pad(x, more, value)
    if mode not in ("reflect", "edge", "wrap"):
        raise Unsupported(f"Pad by {mode}", fix="choose another compiler")
    repeat: Any = np.pad
    for axis, (pair, length) in enumerate(zip(more, node.algebra.shape(x), strict=True)):
        if any(pair):
            at = repeat(np.arange(length), pair, mode=mode)
            x = node.algebra.take(x, node.algebra.constant(at), axis)
    return x


def _trilu(node: Node) -> Any:
    *_, rows, columns = node.shape()
    offset = (node.numbers(1) or [0])[0]
    upper = node.get("upper", 1)
    kept = np.tri(rows, columns, offset - 1 if upper else offset, dtype=np.bool_)
    mask = node.algebra.constant(~kept if upper else kept)
    return node.map("where", mask, node.inputs[0], node.like(0))


def _depth_to_space(node: Node) -> Any:
    (n, c, h, w), b = node.shape(), node.told["blocksize"]
    if node.text("mode", "DCR") == "CRD":
        parted, order = (n, c // b**2, b, b, h, w), (0, 1, 4, 2, 5, 3)
    else:
        parted, order = (n, b, b, c // b**2, h, w), (0, 3, 4, 1, 5, 2)
    parts = node.algebra.transpose(node.algebra.reshape(node.inputs[0], parted), order)
    return node.algebra.reshape(parts, (n, c // b**2, h * b, w * b))


def _space_to_depth(node: Node) -> Any:
    (n, c, h, w), b = node.shape(), node.told["blocksize"]
    parts = node.algebra.reshape(node.inputs[0], (n, c, h // b, b, w // b, b))
    order = (0, 1, 3, 5, 2, 4) if node.text("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    parts = node.algebra.transpose(parts, order)
    return node.algebra.reshape(parts, (n, c * b**2, h // b, w // b))
