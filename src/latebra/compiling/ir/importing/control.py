"""ONNX operators that hold graphs: branches and loops that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.importing.call import Call, Rule
from latebra.compiling.ir.importing.shaping import joined

MOST_ROUNDS: Final = 512
"""Longer loops would make graphs of tens of thousands of nodes."""


def _if(call: Call) -> tuple[Value, ...]:
    chosen = call[0].array
    if chosen is not None:
        return tuple(call.branch(call.told["then_branch" if chosen.any() else "else_branch"], []))
    yes = call.branch(call.told["then_branch"], [])
    no = call.branch(call.told["else_branch"], [])
    for a, b in zip(yes, no, strict=True):
        if a.type != b.type:
            raise call.unsupported(f"its branches give {a.type} and {b.type}")
    asked = call[0].reshape()
    return tuple(asked.op("select", a, b) for a, b in zip(yes, no, strict=True))


def _loop(call: Call) -> tuple[Value, ...]:
    body = call.told["body"]
    most = int(call.scalar(0, MOST_ROUNDS + 1))
    going = call.optional(1)
    states = [call[i] for i in range(2, len(call.inputs))]
    rows: list[list[Value]] = [[] for _ in range(len(body.output) - 1 - len(states))]
    rounds = 0
    while rounds < most:
        if going is not None:
            if going.array is None:
                raise call.unsupported("how often it goes round is computed")
            if not going.array.any():
                break
        if rounds == MOST_ROUNDS:
            raise call.unsupported(f"it goes round more than {MOST_ROUNDS} times")
        asked = going if going is not None else call.constant(np.asarray(True))
        found = call.branch(body, [call.constant(np.asarray(rounds, np.int64)), asked, *states])
        going, states = found[0], found[1 : 1 + len(states)]
        for row, value in zip(rows, found[1 + len(states) :], strict=True):
            row.append(value.reshape(1, *value.shape))
        rounds += 1
    if any(not row for row in rows):
        raise call.unsupported("it gives rows and never goes round")
    return (*states, *(joined(row, 0) for row in rows))


def _scan(call: Call) -> tuple[Value, ...]:
    body: Any = call.told["body"]
    count = int(call.told["num_scan_inputs"])
    values = [call[i] for i in range(len(call.inputs))]
    states, scanned = values[: len(values) - count], values[len(values) - count :]
    given: int = len(body.output) - len(states)
    told: list[int] = call.get("scan_input_axes", [0] * count)
    axes = [axis % value.rank for axis, value in zip(told, scanned, strict=True)]
    back = call.get("scan_input_directions", [0] * count)
    out_axes, out_back = (
        call.get(name, [0] * given) for name in ("scan_output_axes", "scan_output_directions")
    )
    steps = scanned[0].shape[axes[0]]
    if steps > MOST_ROUNDS or not steps:
        raise call.unsupported(f"it has {steps} steps, not 1 to {MOST_ROUNDS}")
    rows: list[list[Value]] = [[] for _ in range(given)]
    for step in range(steps):
        now: list[Value] = []
        for value, axis, way in zip(scanned, axes, back, strict=True):
            at = steps - 1 - step if way else step
            shape = [n for i, n in enumerate(value.shape) if i != axis]
            now.append(value.part(axis, at, at + 1).reshape(*shape))
        found = call.branch(body, [*states, *now])
        states = found[: len(states)]
        for row, value, axis in zip(rows, found[len(states) :], out_axes, strict=True):
            at = axis % (value.rank + 1)
            row.append(value.reshape(*value.shape[:at], 1, *value.shape[at:]))
    joint = [
        joined(row[:: -1 if way else 1], axis % row[0].rank)
        for row, axis, way in zip(rows, out_axes, out_back, strict=True)
    ]
    return (*states, *joint)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {"If": _if, "Loop": _loop, "Scan": _scan}
