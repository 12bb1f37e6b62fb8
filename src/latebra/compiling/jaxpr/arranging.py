"""Primitives of JAX that move elements and compute nothing."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import backwards
from latebra.compiling.jaxpr.call import Call, Rule


def rules() -> Mapping[str, Rule]:
    """Returns the rule of each primitive of this kind."""
    return {
        "broadcast_in_dim": _broadcast,
        "concatenate": _concatenate,
        "expand_dims": _reshape,
        "iota": _iota,
        "pad": _pad,
        "reshape": _reshape,
        "rev": lambda call: functools.reduce(backwards, call.numbers("dimensions"), call[0]),
        "slice": _slice,
        "split": _split,
        "squeeze": _reshape,
        "stack": _stack,
        "tile": _tile,
        "transpose": lambda call: call[0].transpose(*call.numbers("permutation")),
    }


def padded(x: Value, pairs: Sequence[tuple[int, int]], value: float | int = 0) -> Value:
    """Returns a value with a constant around it; what is negative is cut off."""
    for axis, (low, high) in enumerate(pairs):
        if low < 0 or high < 0:
            x = x.part(axis, max(0, -low), x.shape[axis] - max(0, -high))
    lows, highs = (tuple(max(0, pair[i]) for pair in pairs) for i in (0, 1))
    if not any((*lows, *highs)):
        return x
    if np.isfinite(value):
        return x.op("pad", low=lows, high=highs, mode="constant", value=value)
    # Infinities have no place in every file format: they are put in by a choice.
    inside = x.op("pad", low=lows, high=highs, mode="constant", value=0)
    real = np.zeros(inside.shape, np.bool_)
    real[tuple(slice(low, low + n) for low, n in zip(lows, x.shape, strict=True))] = True
    return x.builder.constant(real).op("select", inside, x.like(value))


def spread(x: Value, axis: int, step: int, value: float | int = 0) -> Value:
    """Returns a value with ``step - 1`` constants between elements of an axis."""
    if step == 1 or x.shape[axis] < 2:
        return x
    apart = x.reshape(*x.shape[: axis + 1], 1, *x.shape[axis + 1 :])
    pairs = [(0, 0)] * apart.rank
    pairs[axis + 1] = (0, step - 1)
    wide = padded(apart, pairs, value)
    length = x.shape[axis] * step
    whole = wide.reshape(*x.shape[:axis], length, *x.shape[axis + 1 :])
    return whole.part(axis, 0, length - step + 1)


def _reshape(call: Call) -> Value:
    if call.told.get("dimensions") and call.primitive == "reshape":
        raise call.unsupported("it also transposes")
    return call[0].reshape(*call.shape)


def _broadcast(call: Call) -> Value:
    x = call[0]
    kept = call.numbers("broadcast_dimensions")
    lengths = [1] * len(call.shape)
    for axis, length in zip(kept, x.shape, strict=True):
        lengths[axis] = length
    return x.reshape(*lengths).broadcast(*call.shape)


def _concatenate(call: Call) -> Value:
    return call.builder.add("concat", call.inputs, {"axis": int(call.told["dimension"])})


def _stack(call: Call) -> Value:
    axis = int(call.told["axis"])
    rows = [x.reshape(*x.shape[:axis], 1, *x.shape[axis:]) for x in call.inputs]
    return call.builder.add("concat", rows, {"axis": axis})


def _tile(call: Call) -> Value:
    x = call[0]
    for axis, times in enumerate(call.numbers("reps")):
        x = call.builder.add("concat", [x] * times, {"axis": axis})
    return x


def _iota(call: Call) -> Value:
    axis = int(call.told["dimension"])
    lengths = [1] * len(call.shape)
    lengths[axis] = call.shape[axis]
    counted = np.arange(call.shape[axis], dtype=call.dtype).reshape(lengths)
    return call.constant(np.broadcast_to(counted, call.shape).copy())


def _pad(call: Call) -> Value:
    x, value = call[0], call[1].array
    if value is None:
        raise call.unsupported("what it fills with is computed")
    fill = value.reshape(-1)[0].item()
    for axis, (_, _, inner) in enumerate(call.told["padding_config"]):
        x = spread(x, axis, int(inner) + 1, fill)
    return padded(x, [(int(a), int(b)) for a, b, _ in call.told["padding_config"]], fill)


def _slice(call: Call) -> Value:
    steps = call.told["strides"] or (1,) * call[0].rank
    return call[0].op(
        "slice",
        starts=call.numbers("start_indices"),
        stops=call.numbers("limit_indices"),
        steps=tuple(int(each) for each in steps),
    )


def _split(call: Call) -> tuple[Value, ...]:
    axis, at = int(call.told["axis"]), 0
    parts: list[Value] = []
    for size in call.numbers("sizes"):
        parts.append(call[0].part(axis, at, at + size))
        at += size
    return tuple(parts)
