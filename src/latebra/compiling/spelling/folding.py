"""Operators that fold axes, look along one, or slide a window."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from latebra.compiling.spelling.call import Call, Entry


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    return {
        "arg_max": _largest_place,
        "arg_sort": lambda call: call.algebra.sort(
            call.inputs[0], call.integer("axis"), bool(call.integer("descending"))
        ),
        "conv": _convolve,
        "conv_transpose": _deconvolve,
        "cumsum": _cumulate,
        "matmul": lambda call: call.algebra.matmul(*call.inputs),
        "max_pool": lambda call: _window(call, "max"),
        "normalise": _normalise,
        "prod": lambda call: _fold(call, "prod"),
        "reduce_max": lambda call: _fold(call, "max"),
        "softmax": _softmax,
        "sum": lambda call: _fold(call, "sum"),
        "sum_pool": lambda call: _window(call, "sum"),
    }


def _kept(call: Call, x: Any) -> Any:
    """Returns a fold's result, without its axes of one where the node keeps none."""
    return x if call.integer("keep") else call.algebra.reshape(x, call.result.shape)


def _fold(call: Call, name: str) -> Any:
    x, axes = call.inputs[0], call.integers("axes")
    return _kept(call, call.algebra.fold(name, x, axes)) if axes else x


def _mean(call: Call, x: Any, axes: Sequence[int]) -> Any:
    count = prod(call.shape[axis] for axis in axes)
    return call.map("divide", call.algebra.fold("sum", x, tuple(axes)), call.like(count))


def _largest_place(call: Call) -> Any:
    at = call.algebra.largest_place(call.inputs[0], call.integer("axis"))
    return _kept(call, call.algebra.cast(at, np.dtype(np.int64)))


def _cumulate(call: Call) -> Any:
    x, axis = call.inputs[0], call.integer("axis")
    length = call.shape[axis]
    total = call.algebra.cumulate(x, axis)
    if not call.integer("exclusive"):
        return total
    cuts = [slice(0, n) for n in call.shape]
    cuts[axis] = slice(0, length - 1)
    pairs = [(0, 0)] * len(call.shape)
    pairs[axis] = (1, 0)
    return call.algebra.pad(call.algebra.cut(total, cuts), pairs, 0)


def _softmax(call: Call) -> Any:
    x, axes = call.inputs[0], (call.integer("axis"),)
    raised = call.map("exp", call.map("subtract", x, call.algebra.fold("max", x, axes)))
    return call.map("divide", raised, call.algebra.fold("sum", raised, axes))


def _normalise(call: Call) -> Any:
    x, axes = call.inputs[0], range(call.integer("axis"), len(call.shape))
    off = call.map("subtract", x, _mean(call, x, axes))
    variance = _mean(call, call.map("multiply", off, off), axes)
    epsilon = call.node.attributes["epsilon"]
    small = call.algebra.constant(np.asarray(epsilon).astype(call.dtype))
    return call.map("divide", off, call.map("sqrt", call.map("add", variance, small)))


def _pads(call: Call) -> list[tuple[int, int]]:
    told = call.integers("pads")
    rank = len(told) // 2
    return list(zip(told[:rank], told[rank:], strict=True))


def _window(call: Call, name: str) -> Any:
    return call.algebra.window(
        name,
        call.inputs[0],
        call.integers("kernel"),
        call.integers("strides"),
        _pads(call),
        call.integers("dilations"),
    )


def _convolve(call: Call) -> Any:
    x, weights = call.inputs
    strides, dilations = call.integers("strides"), call.integers("dilations")
    ones = [1] * len(strides)
    groups = call.integer("groups")
    return call.algebra.convolve(x, weights, strides, _pads(call), dilations, ones, groups)


def _deconvolve(call: Call) -> Any:
    """A convolution of data that was spread by the strides, with the kernel flipped."""
    x, weights = call.inputs
    strides, dilations = call.integers("strides"), call.integers("dilations")
    extra, groups = call.integers("output_padding"), call.integer("groups")
    inputs, outputs, *kernel = call.types[1].shape
    around = [
        (d * (k - 1) - before, d * (k - 1) - after + e)
        for d, k, (before, after), e in zip(dilations, kernel, _pads(call), extra, strict=True)
    ]
    for axis, length in enumerate(kernel, 2):
        weights = call.algebra.take(weights, call.whole(np.arange(length)[::-1].copy()), axis)
    # (in, out / groups, ...) becomes (out, in / groups, ...).
    parts = call.algebra.reshape(weights, (groups, inputs // groups, outputs, *kernel))
    parts = call.algebra.transpose(parts, (0, 2, 1, *range(3, 3 + len(kernel))))
    weights = call.algebra.reshape(parts, (groups * outputs, inputs // groups, *kernel))
    ones = [1] * len(kernel)
    return call.algebra.convolve(x, weights, ones, around, dilations, strides, groups)
