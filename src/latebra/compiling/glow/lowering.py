"""From a graph of operators to a low-level program: what is fused, what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow import folding, layers, movement, pointwise
from latebra.compiling.glow.borders import bordered
from latebra.compiling.glow.emit import MEMORY
from latebra.compiling.glow.low import Buffer, Program, Space, View, contiguous, reads
from latebra.compiling.glow.orders import memory_order
from latebra.compiling.glow.pointwise import Rule
from latebra.compiling.glow.target import Target
from latebra.compiling.glow.values import NOTHING, Value, plain
from latebra.compiling.glow.writer import Writer

RULES: Final[dict[str, Rule]] = {
    **pointwise.RULES,
    **movement.RULES,
    **folding.RULES,
    **layers.RULES,
}
"""How each operator is lowered, by its name in ONNX."""

_CHEAP: Final = 2
"""Operations that are rather done again for each reader than stored."""


@dataclass(frozen=True)
class Step:
    """One operator of a graph.

    Args:
        name: Its name in ONNX.
        inputs: Names of tensors; empty for one that is left out.
        output: The name of the tensor that it gives.
        told: Attributes: numbers, text, lists of them, arrays; ``to`` as numpy spells types.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Steps:
    """A graph of operators, in an order in which they can run.

    Args:
        inputs: Type and shape by name.
        constants: Arrays by name.
        steps: The operators.
        outputs: Names of what it gives.
    """

    inputs: Mapping[str, tuple[str, tuple[int, ...]]]
    constants: Mapping[str, NDArray[Any]]
    steps: Sequence[Step]
    outputs: Sequence[str]


def lowered(graph: Steps, target: Target) -> Program:
    """Returns a graph as a low-level program.

    Raises:
        NotImplementedError: An operator, or one of its forms, has no rule.
    """
    w = Writer(target)
    readers = _readers(graph)
    known: dict[str, Value] = {name: w.held(array) for name, array in graph.constants.items()}
    for name, (dtype, shape) in graph.inputs.items():
        view = _end(dtype, shape, name)
        w.program.inputs[name] = view
        known[name] = plain(view)
    for number, step in enumerate(graph.steps):
        inputs = [known[name] if name else NOTHING for name in step.inputs]
        while inputs and inputs[-1] is NOTHING:
            inputs.pop()
        value = _output(w, step, inputs)
        known[step.output] = _kept(w, graph, readers, number, step.output, value)
    for name in graph.outputs:
        value = known[name]
        view = _end(value.dtype, value.shape, name)
        order = memory_order(value)
        if value.pending and order != tuple(range(len(value.shape))) and value.shape[1] > 4:
            value = w.settled(value)
        w.write_as(value, view)
        w.program.outputs[name] = view
    read = {view.buffer for each in w.program.instructions for view in reads(each)}
    held = w.program.constants
    w.program.constants = {buffer: held[buffer] for buffer in held if buffer in read}
    return w.program


def _output(w: Writer, step: Step, inputs: list[Value]) -> Value:
    for value in inputs:
        if value.dtype not in MEMORY:
            raise NotImplementedError(f"{step.name} of {value.dtype}")
    if step.name not in RULES:
        raise NotImplementedError(step.name)
    return RULES[step.name](w, inputs, step.told)


def _readers(graph: Steps) -> dict[str, list[int]]:
    readers: dict[str, list[int]] = {}
    for number, step in enumerate(graph.steps):
        for name in step.inputs:
            readers.setdefault(name, []).append(number)
    for name in graph.outputs:
        readers.setdefault(name, []).append(len(graph.steps))
    return readers


def _kept(
    w: Writer,
    graph: Steps,
    readers: Mapping[str, list[int]],
    number: int,
    name: str,
    value: Value,
) -> Value:
    """Returns a result as it goes on: as it is where one reader takes it in, else computed."""
    uses = readers.get(name, [])
    if value.is_plain or len(uses) <= 1:
        return value
    if value.pending is None and value.cost <= _CHEAP:
        return value
    if _meets(graph, readers, uses):
        return value
    pads, fill = [0] * (2 * max(0, len(value.shape) - 2)), 0.0
    for use in uses:
        step = graph.steps[use] if use < len(graph.steps) else None
        if step and step.name == "Conv" and step.inputs[0] == name:
            told: list[int] = list(step.told.get("pads") or pads)
            pads = [max(a, b) for a, b in zip(pads, told, strict=True)]
            fill = step.told.get("fill", 0.0)  # All who read bytes take the same for nothing.
    if any(pads) and len(value.shape) > 2:
        return _with_border(w, value, tuple(pads), fill)
    return w.settled(value)


def _with_border(w: Writer, value: Value, pads: tuple[int, ...], fill: int | float) -> Value:
    """Returns a value computed into the middle of a border, where convolutions read it."""
    rank = len(pads) // 2
    order = (0, *range(2, 2 + rank), 1)
    low, high = (0, 0, *pads[:rank]), (0, 0, *pads[rank:])
    room = bordered(w, value, low, high, fill, order)
    w.borders[room.buffer] = (room, pads, fill)
    offset = sum(i * step for i, step in zip(low, room.strides, strict=True))
    return plain(replace(room, offset=offset, shape=value.shape))


def _meets(graph: Steps, readers: Mapping[str, list[int]], uses: list[int]) -> bool:
    """Do all readers feed one step, by pointwise steps alone? Then one instruction has them all."""
    open_ends = set(uses)
    for _ in range(16):
        if len(open_ends) == 1:
            return True
        first = min(open_ends)
        if first >= len(graph.steps) or graph.steps[first].name not in pointwise.RULES:
            return False
        open_ends.remove(first)
        open_ends.update(readers.get(graph.steps[first].output, [len(graph.steps)]))
    return False


def _end(dtype: str, shape: tuple[int, ...], name: str) -> View:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = Buffer(Space.MUTABLE, size, label=name)
    return View(buffer, dtype, 0, shape, contiguous(shape))
