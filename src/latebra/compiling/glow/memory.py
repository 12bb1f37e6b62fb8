"""Where each buffer lies: constants, inputs and outputs in a row; activations share one arena."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from latebra.compiling.glow.low import Buffer, Load, Map, Program, Space, View, loads, reads

ALIGN: Final = 64
"""Bytes: a cache line, and a register of the widest kind."""
SLACK: Final = 1024
"""Bytes after the last buffer of each space: the last register of a row may be read whole."""


@dataclass(frozen=True)
class Sizes:
    """How many bytes each space takes.

    Args:
        constants: Weights.
        mutable: Inputs and outputs.
        activations: Everything in between.
    """

    constants: int
    mutable: int
    activations: int


@dataclass
class _Life:
    buffers: list[Buffer]
    size: int
    first: int
    last: int


def plan(program: Program) -> Sizes:
    """Gives each buffer its place, and returns how much room they need.

    Activations that are never alive at once share bytes: the largest is placed first, each at the
    lowest place that is free while it lives.
    """
    constants = _row(list(program.constants))
    ends = [*program.inputs.values(), *program.outputs.values()]
    mutable = _row(list(dict.fromkeys(view.buffer for view in ends)))
    lives = _lives(program)
    placed: list[_Life] = []
    top = 0
    for life in sorted(lives, key=lambda life: (-life.size, life.first)):
        start = 0
        for other in sorted(placed, key=lambda other: other.buffers[0].start):
            if other.last < life.first or life.last < other.first:
                continue
            if other.buffers[0].start - start >= life.size:
                break
            start = max(start, other.buffers[0].start + other.size)
        for buffer in life.buffers:
            buffer.start = start
        placed.append(life)
        top = max(top, start + life.size)
    return Sizes(constants + SLACK, mutable + SLACK, top + SLACK)


def _row(buffers: list[Buffer]) -> int:
    top = 0
    for buffer in buffers:
        buffer.start = top
        top += _rounded(buffer.size_bytes)
    return top


def _lives(program: Program) -> list[_Life]:
    lives: dict[Buffer, _Life] = {}
    for number, instruction in enumerate(program.instructions):
        for view in (instruction.out, *reads(instruction)):
            if view.buffer.space is not Space.ACTIVATIONS:
                continue
            life = lives.get(view.buffer)
            if life is None:
                size = _rounded(view.buffer.size_bytes)
                lives[view.buffer] = _Life([view.buffer], size, number, number)
            else:
                life.last = number
    for number, instruction in enumerate(program.instructions):
        if isinstance(instruction, Map):
            _in_place(instruction, number, lives)
    return list({id(life): life for life in lives.values()}.values())


def _in_place(instruction: Map, number: int, lives: dict[Buffer, _Life]) -> None:
    """Lets a map write where one of its operands ends its life, element over element."""
    out = instruction.out
    mine = lives.get(out.buffer)
    if mine is None or mine.first != number:
        return
    for load in loads(instruction.expr):
        life = lives.get(load.view.buffer)
        if life is None or life is mine or life.last != number or life.size < mine.size:
            continue
        if all(_same(each, out) for each in loads(instruction.expr) if _of(each, life)):
            life.buffers += mine.buffers
            life.last = mine.last
            for buffer in mine.buffers:
                lives[buffer] = life
            return


def _of(load: Load, life: _Life) -> bool:
    return any(view.buffer in life.buffers for view in (load.view, *(t for t, _ in load.tables)))


def _same(load: Load, out: View) -> bool:
    view = load.view
    return not load.tables and (view.dtype, view.offset, view.shape, view.strides) == (
        out.dtype,
        out.offset,
        out.shape,
        out.strides,
    )


def _rounded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
