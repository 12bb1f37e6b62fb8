"""Recurrent networks, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.importing.call import Call, Rule
from latebra.compiling.ir.importing.shaping import joined

MOST_STEPS: Final = 512
"""Longer sequences would make graphs of tens of thousands of nodes."""

_CURVES: Final[dict[str, Callable[[Value], Value]]] = {
    "sigmoid": lambda x: x.op("sigmoid"),
    "tanh": lambda x: x.op("tanh"),
    "relu": lambda x: x.op("max", 0),
}
Step = Callable[[Value, Value, "Value | None"], "tuple[Value, Value | None]"]


class _Direction:
    """The weights of one direction."""

    def __init__(self, call: Call, at: int, gates: int, usual: Sequence[str]) -> None:
        def row(index: int) -> Value | None:
            value = call.optional(index)
            if value is None:
                return None
            return value.part(0, at, at + 1).reshape(*value.shape[1:])

        self.call = call
        self.hidden = int(call.told["hidden_size"])
        w, r, b = row(1), row(2), row(3)
        if w is None or r is None:
            raise call.unsupported("its weights are missing")
        self.w, self.r = w.transpose(1, 0), r.transpose(1, 0)
        size = gates * self.hidden
        self.w_bias = b.part(0, 0, size) if b is not None else None
        self.r_bias = b.part(0, size, 2 * size) if b is not None else None
        self.peepholes = row(7) if call.operator == "LSTM" else None
        count = len(usual)
        names = [str(n).lower() for n in call.get("activations", [])] or list(usual) * 2
        told = names[at * count : (at + 1) * count]
        unknown = [name for name in told if name not in _CURVES]
        if unknown or call.get("activation_alpha", None):
            raise call.unsupported(f"its activations are {', '.join(told)}")
        self.curves = [_CURVES[name] for name in told]

    def clip(self, x: Value) -> Value:
        """Bounds what goes into a curve, where the node says so."""
        limit = self.call.get("clip", None)
        return x if not limit else x.op("max", -float(limit)).op("min", float(limit))

    def gate(self, x: Value, at: int) -> Value:
        """Returns one gate of several side by side."""
        return x.part(x.rank - 1, at * self.hidden, (at + 1) * self.hidden)


def _plus(x: Value, bias: Value | None) -> Value:
    return x if bias is None else x + bias


def _simple(d: _Direction) -> Step:
    def step(x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
        return d.curves[0](d.clip(x + _plus(h @ d.r, d.r_bias))), c

    return step


def _gru(d: _Direction) -> Step:
    before = not d.call.get("linear_before_reset", 0)

    def step(x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
        pair = 2 * d.hidden
        r_pair = d.r_bias.part(0, 0, pair) if d.r_bias is not None else None
        r_last = d.r_bias.part(0, pair, pair + d.hidden) if d.r_bias is not None else None
        both = x.part(1, 0, pair) + _plus(h @ d.r.part(1, 0, pair), r_pair)
        both = d.curves[0](d.clip(both))
        update, reset = d.gate(both, 0), d.gate(both, 1)
        last = d.r.part(1, pair, pair + d.hidden)
        inner = _plus((reset * h if before else h) @ last, r_last)
        inner = inner if before else reset * inner
        new = d.curves[1](d.clip(x.part(1, pair, pair + d.hidden) + inner))
        return (update.like(1) - update) * new + update * h, c

    return step


def _lstm(d: _Direction) -> Step:
    def step(x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
        if c is None:
            raise d.call.unsupported("its cell is missing")
        gates = x + _plus(h @ d.r, d.r_bias)
        into, out, forget, cell = (d.gate(gates, i) for i in range(4))
        peep = [d.gate(d.peepholes, i) for i in range(3)] if d.peepholes is not None else None
        if peep is not None:
            into, forget = into + peep[0] * c, forget + peep[2] * c
        into, forget = d.curves[0](d.clip(into)), d.curves[0](d.clip(forget))
        if d.call.get("input_forget", 0):
            forget = into.like(1) - into
        c = forget * c + into * d.curves[1](d.clip(cell))
        if peep is not None:
            out = out + peep[1] * c
        return d.curves[0](d.clip(out)) * d.curves[2](c), c

    return step


_KINDS: Final[dict[str, tuple[int, tuple[str, ...], Callable[[_Direction], Step]]]] = {
    "RNN": (1, ("tanh",), _simple),
    "GRU": (3, ("sigmoid", "tanh"), _gru),
    "LSTM": (4, ("sigmoid", "tanh", "tanh"), _lstm),
}


def _recurrent(call: Call) -> tuple[Value | None, ...]:
    gates, usual, kind = _KINDS[call.operator]
    x = call[0]
    if call.get("layout", 0):
        x = x.transpose(1, 0, 2)
    steps, batch, _ = x.shape
    if steps > MOST_STEPS:
        raise call.unsupported(f"it has {steps} steps, more than {MOST_STEPS}")
    lengths = None
    if call.optional(4) is not None and (call[4].array is None or (call.array(4) != steps).any()):
        lengths = call.array(4)
    ways = call.get("direction", "forward")
    count = 2 if ways == "bidirectional" else 1
    hidden = int(call.told["hidden_size"])
    ys: list[list[Value]] = []
    ends: list[Value] = []
    cells: list[Value] = []
    for at in range(count):
        d = _Direction(call, at, gates, usual)
        step = kind(d)
        h = _start(call, 5, at, batch, hidden)
        c = _start(call, 6, at, batch, hidden) if call.operator == "LSTM" else None
        back = ways == "reverse" or at == 1
        whole = _plus(x.reshape(steps * batch, x.shape[2]) @ d.w, d.w_bias)
        whole = whole.reshape(steps, batch, gates * hidden)
        found: list[Any] = [None] * steps
        for t in range(steps)[:: -1 if back else 1]:
            new, new_c = step(whole.part(0, t, t + 1).reshape(batch, gates * hidden), h, c)
            if lengths is None:
                found[t], h, c = new, new, new_c
                continue
            live = call.constant((t < lengths).reshape(batch, 1))
            found[t] = live.op("select", new, new.like(0))
            h = live.op("select", new, h)
            c = live.op("select", new_c, c) if new_c is not None and c is not None else c
        ys.append(found)
        ends.append(h.reshape(1, batch, hidden))
        cells.extend([c.reshape(1, batch, hidden)] if c is not None else [])
    y = joined(
        [joined([way[t].reshape(1, 1, batch, hidden) for way in ys], 1) for t in range(steps)],
        0,
    )
    results = [y, joined(ends, 0), *([joined(cells, 0)] if cells else [])]
    if call.get("layout", 0):
        results = [y.transpose(2, 0, 1, 3), *(each.transpose(1, 0, 2) for each in results[1:])]
    return tuple(results)


def _start(call: Call, index: int, at: int, batch: int, hidden: int) -> Value:
    value = call.optional(index)
    if value is None:
        return call.constant(np.zeros((batch, hidden), call[0].dtype))
    if call.get("layout", 0):
        value = value.transpose(1, 0, 2)
    return value.part(0, at, at + 1).reshape(batch, hidden)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {"RNN": _recurrent, "GRU": _recurrent, "LSTM": _recurrent}
