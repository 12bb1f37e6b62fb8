"""ONNX operators that move elements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import gather_elements
from latebra.compiling.ir.importing.call import Call, Rule


def joined(values: Sequence[Value], axis: int) -> Value:
    """Returns values joined along an axis; empty ones are left out."""
    full = [each for each in values if each.shape[axis]] or list(values[:1])
    return full[0].builder.add("concat", full, {"axis": axis})


def _reshape(call: Call) -> Value:
    x, wanted = call[0], call.numbers(1, "shape") or []
    if not call.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if -1 in wanted:
        rest = math.prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = x.type.size // rest if rest else 0
    return x.reshape(*wanted)


def _flatten(call: Call) -> Value:
    x, axis = call[0], int(call.get("axis", 1))
    axis = axis + x.rank if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _transpose(call: Call) -> Value:
    return call[0].transpose(*call.get("perm", range(call[0].rank)[::-1]))


def _squeeze(call: Call) -> Value:
    x, axes = call[0], call.numbers(1, "axes")
    if axes is None:
        axes = [i for i, n in enumerate(x.shape) if n == 1]
    gone = {axis % x.rank for axis in axes}
    return x.reshape(*(n for i, n in enumerate(x.shape) if i not in gone))


def _unsqueeze(call: Call) -> Value:
    x, axes = call[0], call.numbers(1, "axes") or []
    rank = x.rank + len(axes)
    new = {axis % rank for axis in axes}
    lengths = iter(x.shape)
    return x.reshape(*(1 if i in new else next(lengths) for i in range(rank)))


def _concat(call: Call) -> Value:
    return joined([call[i] for i in range(len(call.inputs))], call.axis())


def _split(call: Call) -> tuple[Value, ...]:
    x, axis = call[0], call.axis()
    lengths = call.numbers(1, "split")
    if lengths is None:
        count = int(call.get("num_outputs", len(call.outputs)))
        part = -(-x.shape[axis] // count)
        ends = [min(part * (i + 1), x.shape[axis]) for i in range(count)]
    else:
        ends = [int(n) for n in np.cumsum(lengths)]
    return tuple(x.part(axis, a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True))


def _slice(call: Call) -> Value:
    x = call[0]
    starts, stops = call.numbers(1, "starts") or [], call.numbers(2, "ends") or []
    axes = call.numbers(3, "axes")
    steps = call.numbers(4) or [1] * len(starts)
    for axis, start, stop, step in zip(
        range(len(starts)) if axes is None else axes, starts, stops, steps, strict=True
    ):
        at = axis % x.rank
        places = range(x.shape[at])[start:stop:step]
        if not places:
            x = x.part(at, 0, 0)
        elif step > 0:
            x = x.part(at, places[0], places[-1] + 1, step)
        else:
            x = x.op("gather", call.constant(np.asarray(places, np.int64)), axis=at)
    return x


def _expand(call: Call) -> Value:
    wanted = np.broadcast_shapes(call[0].shape, tuple(call.numbers(1) or []))
    return call[0].broadcast(*wanted)


def tiled(x: Value, repeats: Sequence[int]) -> Value:
    """Returns a value repeated along its axes."""
    if all(n == 1 for n in repeats):
        return x
    split = [n for length in x.shape for n in (1, length)]
    spread = [n for pair in zip(repeats, x.shape, strict=True) for n in pair]
    whole = [a * b for a, b in zip(repeats, x.shape, strict=True)]
    return x.reshape(*split).broadcast(*spread).reshape(*whole)


def _tile(call: Call) -> Value:
    return tiled(call[0], call.numbers(1) or [])


def _pad(call: Call) -> Value:
    x = call[0]
    pads = call.numbers(1, "pads") or []
    value = call.scalar(2, 0) if call.opset >= 11 else float(call.get("value", 0.0))
    axes = [axis % x.rank for axis in call.numbers(3) or range(x.rank)]
    low, high = [0] * x.rank, [0] * x.rank
    for i, axis in enumerate(axes):
        low[axis], high[axis] = pads[i], pads[len(axes) + i]
    for axis in range(x.rank):  # a negative pad cuts
        start, stop = max(0, -low[axis]), x.shape[axis] - max(0, -high[axis])
        x = x.part(axis, start, stop)
    mode = call.get("mode", "constant")
    if mode == "reflect" and any(
        max(a, b) >= n and max(a, b) > 0 for a, b, n in zip(low, high, x.shape, strict=True)
    ):
        raise call.unsupported("it reflects by more than the axis has")
    ends = {"low": tuple(max(0, n) for n in low), "high": tuple(max(0, n) for n in high)}
    return x.op("pad", **ends, mode=mode, value=value)


def _depth_to_space(call: Call) -> Value:
    x, block = call[0], int(call.told["blocksize"])
    n, c, h, w = x.shape
    deep = c // block**2
    if call.get("mode", "DCR") == "CRD":
        apart = x.reshape(n, deep, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    else:
        apart = x.reshape(n, block, block, deep, h, w).transpose(0, 3, 4, 1, 5, 2)
    return apart.reshape(n, deep, h * block, w * block)


def _space_to_depth(call: Call) -> Value:
    x, block = call[0], int(call.told["blocksize"])
    n, c, h, w = x.shape
    apart = x.reshape(n, c, h // block, block, w // block, block)
    crd = call.get("mode", "DCR") == "CRD"
    apart = apart.transpose(0, 1, 3, 5, 2, 4) if crd else apart.transpose(0, 3, 5, 1, 2, 4)
    return apart.reshape(n, c * block**2, h // block, w // block)


def _shape(call: Call) -> Value:
    x = call[0]
    found = x.shape[slice(call.get("start", 0), call.get("end", None))]
    return call.constant(np.asarray(found, np.int64))


def _size(call: Call) -> Value:
    return call.constant(np.asarray(call[0].type.size, np.int64))


def _trilu(call: Call) -> Value:
    x, k = call[0], int(call.scalar(1, 0))
    ones = np.ones(x.shape[-2:], np.bool_)
    mask = np.triu(ones, k) if call.get("upper", 1) else np.tril(ones, k)
    return call.constant(mask).op("select", x, x.like(0))


def _center_crop_pad(call: Call) -> Value:
    x, wanted = call[0], call.numbers(1) or []
    axes: list[int] = [axis % x.rank for axis in call.get("axes", range(x.rank))]
    low, high = [0] * x.rank, [0] * x.rank
    for axis, length in zip(axes, wanted, strict=True):
        more = length - x.shape[axis]
        if more < 0:
            x = x.part(axis, -more // 2, -more // 2 + length)
        else:
            low[axis], high[axis] = more // 2, more - more // 2
    return x.op("pad", low=tuple(low), high=tuple(high), mode="constant", value=0)


def _reverse_sequence(call: Call) -> Value:
    x, lengths = call[0], call.array(1)
    time, batch = int(call.get("time_axis", 0)), int(call.get("batch_axis", 1))
    places = np.arange(x.shape[time])[:, None]
    at = np.where(places < lengths, lengths - 1 - places, places)
    index = at if time < batch else at.T
    shape = [n if axis in (time, batch) else 1 for axis, n in enumerate(x.shape)]
    spread = np.broadcast_to(index.reshape(shape), x.shape).astype(np.int64)
    return gather_elements(x, call.constant(spread), time)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {
        "Reshape": _reshape,
        "Flatten": _flatten,
        "Transpose": _transpose,
        "Squeeze": _squeeze,
        "Unsqueeze": _unsqueeze,
        "Concat": _concat,
        "Split": _split,
        "Slice": _slice,
        "Expand": _expand,
        "Tile": _tile,
        "Pad": _pad,
        "DepthToSpace": _depth_to_space,
        "SpaceToDepth": _space_to_depth,
        "Shape": _shape,
        "Size": _size,
        "Trilu": _trilu,
        "CenterCropPad": _center_crop_pad,
        "ReverseSequence": _reverse_sequence,
    }
