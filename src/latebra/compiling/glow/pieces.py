"""How many pieces an instruction is cut in, for threads to share."""

from __future__ import annotations

from math import prod
from typing import Final

from latebra.compiling.glow.low import Contract, Fold, Instruction, Op, walk

MOST: Final = 32
_CYCLES: Final = 12_000
"""What a piece should take at least: some microseconds, a hundred times what taking it costs."""


def pieces(instruction: Instruction) -> int:
    """Returns how many pieces to cut an instruction in; one where it is short."""
    return max(1, min(MOST, int(_cycles(instruction) / _CYCLES)))


def _cycles(instruction: Instruction) -> float:
    """A guess at how long an instruction takes with lanes of eight."""
    outputs = prod(instruction.out.shape)
    steps = 1 + sum(isinstance(each, Op) for each in walk(instruction.expr))
    if isinstance(instruction, Contract):
        k = prod(instruction.left.shape[len(instruction.out.shape) :])
        return outputs * (k / 16 + steps / 4)
    if isinstance(instruction, Fold):
        inner = 1 + sum(isinstance(each, Op) for each in walk(instruction.source))
        return outputs * (prod(instruction.folded) * inner / 6 + steps / 4)
    slow = sum(isinstance(each, Op) and each.name in _SLOW for each in walk(instruction.expr))
    return outputs * (steps + 12 * slow) / 8


_SLOW: Final = frozenset({"exp", "log", "sigmoid", "tanh", "erf", "pow", "sin", "cos", "div"})
