"""One step of a contraction: what is added to each sum, for floats and for bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import F32, I8, I16, I32, ir

Sums = Sequence[Sequence[Any]]
Step = Callable[[Emit, Sums, Sequence[Any], Sequence[Any]], None]


@dataclass(frozen=True)
class Terms:
    """How a contraction multiplies and adds.

    Args:
        element: What its strides count.
        total: What a sum is held in.
        lane: Elements of the right-hand factor that a lane takes at a step.
        step: Adds one step to each sum, given the places of the left-hand factor, one a row, and
            of the right-hand factor, one a register.
    """

    element: Any
    total: Any
    lane: int
    step: Step


def terms_of(e: Emit, dtype: str) -> Terms:
    """Returns how numbers of a type are multiplied on the target.

    Raises:
        NotImplementedError: There is no such contraction.
    """
    if dtype == "float32":
        return Terms(F32, F32, 1, _floats)
    if dtype == "uint8":
        return Terms(I8, I32, 4, _fours if e.target.dots else _pairs)
    raise NotImplementedError(f"contraction of {dtype}")


def _floats(e: Emit, sums: Sums, left: Sequence[Any], right: Sequence[Any]) -> None:
    lanes = e.target.lanes
    weights = [e.load(place, 0, F32, lanes) for place in right]
    for row, place in zip(sums, left, strict=True):
        value = e.splat(e.load(place, 0, F32, 1), lanes)
        for total, weight in zip(row, weights, strict=True):
            e.b.store(e.fma(value, weight, e.b.load(total)), total)


def _fours(e: Emit, sums: Sums, left: Sequence[Any], right: Sequence[Any]) -> None:
    """Four products a lane in one instruction; its sums do not saturate."""
    lanes = e.target.lanes
    weights = [e.load(place, 0, I32, lanes, align=1) for place in right]
    kind = weights[0].type
    signature = ir.FunctionType(kind, [kind] * 3)
    dots = e.declared(f"llvm.x86.avx512.vpdpbusd.{32 * lanes}", signature)
    for row, place in zip(sums, left, strict=True):
        value = e.splat(e.load(place, 0, I32, 1, align=1), lanes)
        for total, weight in zip(row, weights, strict=True):
            e.b.store(e.b.call(dots, [e.b.load(total), value, weight]), total)


def _pairs(e: Emit, sums: Sums, left: Sequence[Any], right: Sequence[Any]) -> None:
    """Bytes at even places, then those at odd ones, widened: LLVM has an instruction for pairs."""
    lanes = e.target.lanes
    b = e.b
    halves = ir.VectorType(I16, 2 * lanes)
    weights = [b.bitcast(e.load(place, 0, I32, lanes, align=1), halves) for place in right]
    eight = e.number(8, halves)
    for odd in (False, True):
        signed = [b.ashr(each if odd else b.shl(each, eight), eight) for each in weights]
        for row, place in zip(sums, left, strict=True):
            four = b.bitcast(e.splat(e.load(place, 0, I32, 1, align=1), lanes), halves)
            value = b.lshr(four, eight) if odd else b.and_(four, e.number(255, halves))
            for total, weight in zip(row, signed, strict=True):
                b.store(b.add(b.load(total), _pair_sums(e, value, weight)), total)


def _pair_sums(e: Emit, a: Any, b: Any) -> Any:
    """Sums of neighbours' products, spelt as LLVM knows x86's instruction for it."""
    lanes = e.target.lanes
    wide = ir.VectorType(I32, 2 * lanes)
    product = e.b.mul(e.b.sext(a, wide), e.b.sext(b, wide), flags=["nsw"])
    none = ir.Constant(wide, ir.Undefined)
    order = ir.VectorType(I32, lanes)
    even, odd = (
        e.b.shuffle_vector(
            product, none, ir.Constant(order, [I32(2 * i + j) for i in range(lanes)])
        )
        for j in range(2)
    )
    return e.b.add(even, odd)
