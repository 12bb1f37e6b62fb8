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
        "gather_elements": _gather_elements,
        "gather_nd": _gather_nd,
        "pad": _pad,
        "reshape": lambda call: call.algebra.reshape(call.inputs[0], call.integers("shape")),
        "scatter_elements": _scatter_elements,
        "scatter_nd": _scatter_nd,
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


def _gather_elements(call: Call) -> Any:
    x, at = call.inputs
    if not prod(call.result.shape):
        return call.algebra.constant(np.zeros(call.result.shape, call.dtype))
    return call.algebra.take_along(x, at, call.integer("axis"))


def _gather_nd(call: Call) -> Any:
    x, at = call.inputs
    batch = call.integer("batch")
    *lead, depth = call.types[1].shape
    lengths = call.shape[: batch + depth]
    rows = call.algebra.reshape(x, (prod(lengths), *call.shape[batch + depth :]))
    places = _rows(call, at, lengths[batch:])
    if batch:
        # Each index counts within its own batch.
        starts = np.arange(prod(lengths[:batch])).reshape(lengths[:batch]) * prod(lengths[batch:])
        more = starts.reshape(*lengths[:batch], *[1] * (len(lead) - batch))
        places = call.map("add", places, call.whole(more))
    flat = call.algebra.reshape(places, (prod(lead),))
    return call.algebra.reshape(call.algebra.take(rows, flat, 0), call.result.shape)


def _rows(call: Call, at: Any, lengths: tuple[int, ...]) -> Any:
    """Returns the row that each list of indices names, of all rows along axes of ``lengths``."""
    steps = [prod(lengths[i + 1 :]) for i in range(len(lengths))]
    wide = call.algebra.cast(at, np.dtype(np.int64))
    return call.algebra.reshape(
        call.algebra.fold(
            "sum", call.map("multiply", wide, call.whole(steps)), (len(call.types[1].shape) - 1,)
        ),
        call.types[1].shape[:-1],
    )


def _scatter_nd(call: Call) -> Any:
    x, at, updates = call.inputs
    *lead, depth = call.types[1].shape
    if not prod(lead):
        return x
    size, rest = prod(call.shape[:depth]), prod(call.shape[depth:])
    flat = call.algebra.reshape(_rows(call, at, call.shape[:depth]), (prod(lead),))
    return _written(call, x, flat, updates, (size, rest), prod(lead))


def _scatter_elements(call: Call) -> Any:
    x, at, updates = call.inputs
    shape, axis = call.types[1].shape, call.integer("axis")
    if not prod(shape):
        return x
    steps = [prod(call.shape[i + 1 :]) for i in range(len(call.shape))]
    rest = sum(
        (
            np.arange(n).reshape(n, *[1] * (len(shape) - i - 1)) * steps[i]
            for i, n in enumerate(shape)
            if i != axis
        ),
        np.zeros([1] * len(shape), np.int64),
    )
    wide = call.algebra.cast(at, np.dtype(np.int64))
    places = call.map("multiply", wide, call.whole(steps[axis]))
    places = call.map("add", places, call.whole(rest))
    flat = call.algebra.reshape(places, (prod(shape),))
    return _written(call, x, flat, updates, (prod(call.shape), 1), prod(shape))


def _written(
    call: Call, x: Any, flat: Any, updates: Any, shape: tuple[int, int], count: int
) -> Any:
    rows = call.algebra.reshape(x, shape)
    new = call.algebra.reshape(updates, (count, shape[1]))
    found = call.algebra.put(rows, flat, new, call.word("reduction"))
    return call.algebra.reshape(found, call.result.shape)
