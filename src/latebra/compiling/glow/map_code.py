"""Machine code of a map: loops over its space, lanes along the contiguous axis."""

from __future__ import annotations

from typing import Any

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import I64
from latebra.compiling.glow.low import Map, walk
from latebra.compiling.glow.point import Bases, Place
from latebra.compiling.glow.spaces import simplified

def write_map(e: Emit, bases: Bases, instruction: Map, index: Any, count: Any) -> None:
    """Writes the code that computes one piece's share of a map.

    Args:
        e: A builder in the function.
        bases: The addresses of the instruction's views.
        instruction: Already simplified; see ``prepared``.
        index: Which piece this is.
        count: How many there are.
    """
    out, expr = instruction.out, instruction.expr
    rank = len(out.shape)
    if not rank:
        place = Place(e, bases, ())
        place.store(out, place.value(expr))
        return
    inner = rank - 1
    length = out.shape[inner]
    wide = e.target.lanes if out.strides[inner] == 1 and length > 1 else 1
    # Two registers at a time hide the latency of short expressions.
    turns = 2 if wide > 1 and length >= 2 * wide and sum(1 for _ in walk(expr)) < 40 else 1
    rest = length % wide

    def some(indices: list[Any], valid: int = 0) -> None:
        place = Place(e, bases, indices, inner, wide, valid=valid)
        place.store(out, place.value(expr), valid)

    def points(indices: list[Any], low: Any, high: Any) -> None:
        # Shares begin at multiples of a register; what is left over lies at the very end.
        for step in sorted({wide * turns, wide}, reverse=True):
            body = e.b.sub(high, e.b.srem(e.b.sub(high, low), I64(step)))
            with e.loop(low, body, step) as i:
                for turn in range(step // wide):
                    some([*indices, e.b.add(i, I64(turn * wide)) if turn else i])
            low = body
        if rest:
            end = e.b.icmp_signed("==", high, I64(length))
            with e.b.if_then(e.b.and_(end, e.b.icmp_signed("<", low, high))):
                some([*indices, I64(length - rest)], rest)

    share(e, out.shape, index, count, points, grain=wide * 4)


def prepared(instruction: Map) -> Map:
    """Returns the map with its axes in the order of its output's memory."""
    return Map(*simplified(instruction.out, instruction.expr))


def share(
    e: Emit, shape: tuple[int, ...], index: Any, count: Any, points: Any, grain: int = 1
) -> None:
    """Writes loops over all axes but the last, with one axis cut in pieces.

    Args:
        e: Where to write.
        shape: The lengths.
        index: Which piece this is.
        count: How many there are.
        points: Called with the outer indices and the bounds of the last axis.
        grain: What the last axis is split in multiples of.
    """
    outer, inner = shape[:-1], shape[-1]
    best = max(range(len(outer)), key=lambda axis: (min(outer[axis], 16), -axis), default=-1)
    if best >= 0 and outer[best] < 4 and inner >= 4 * grain and inner > outer[best]:
        best = -1
    split = best if best >= 0 else len(outer)

    def nest(axis: int, indices: list[Any]) -> None:
        if axis == len(shape) - 1:
            low, high = I64(0), I64(inner)
            if axis == split:
                low, high = part(e, inner, index, count, grain)
            points(indices, low, high)
            return
        low, high = I64(0), I64(shape[axis])
        if axis == split:
            low, high = part(e, shape[axis], index, count)
        with e.loop(low, high) as i:
            nest(axis + 1, [*indices, i])

    nest(0, [])


def part(e: Emit, length: int, index: Any, count: Any, grain: int = 1) -> tuple[Any, Any]:
    """Returns where one piece's share of ``length`` begins and ends."""
    units = -(-length // grain)

    def bound(number: Any) -> Any:
        unit = e.b.sdiv(e.b.mul(number, I64(units)), count)
        place = e.b.mul(unit, I64(grain))
        return e.select(e.b.icmp_signed("<", place, I64(length)), place, I64(length))

    return bound(index), bound(e.b.add(index, I64(1)))
