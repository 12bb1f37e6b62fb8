"""Operators that move elements, or read and write where indices say."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from latebra.compiling.spelling.call import Call, Entry


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    return {
        "broadcast": lambda call: call.algebra.broadcast(call.inputs[0], call.integers("shape")),
        "concat": lambda call: call.algebra.concatenate(call.inputs, call.integer("axis")),
        "gather": _gather,
        "pad": _pad,
        "reshape": lambda call: call.algebra.reshape(call.inputs[0], call.integers("shape")),
        "scatter": _scatter,
        "slice": _slice,
        "transpose": lambda call: call.algebra.transpose(
            call.inputs[0], call.integers("permutation")
        ),
    }


def _slice(call: Call) -> Any:
    told = (call.integers(name) for name in ("starts", "stops", "steps"))
    return call.algebra.cut(call.inputs[0], [slice(*each) for each in zip(*told, strict=True)])


def _pad(call: Call) -> Any:
    x, mode = call.inputs[0], call.word("mode")
    pairs = list(zip(call.integers("low"), call.integers("high"), strict=True))
    if mode == "constant":
        value = np.asarray(call.node.attributes["value"]).astype(call.dtype).item()
        return call.algebra.pad(x, pairs, value)
    repeat: Any = np.pad
    for axis, (pair, length) in enumerate(zip(pairs, call.shape, strict=True)):
        if any(pair):
            x = call.algebra.take(x, call.whole(repeat(np.arange(length), pair, mode=mode)), axis)
    return x


def _gather(call: Call) -> Any:
    x, at = call.inputs
    flat = call.algebra.reshape(at, (prod(call.types[1].shape),))
    found = call.algebra.take(x, flat, call.integer("axis"))
    return call.algebra.reshape(found, call.result.shape)


def _scatter(call: Call) -> Any:
    x, at, updates = call.inputs
    length, count = call.shape[0], prod(call.types[1].shape)
    if not count:
        return x
    rest = prod(call.shape[1:])
    rows = call.algebra.reshape(x, (length, rest))
    new = call.algebra.reshape(updates, (count, rest))
    wide = call.algebra.cast(at, np.dtype(np.int64))
    found = call.algebra.put(rows, wide, new, call.word("reduction"))
    return call.algebra.reshape(found, call.result.shape)
