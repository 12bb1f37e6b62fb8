"""Machine code of a contraction: register tiles, each sum in one accumulator, ``k`` in order."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import I64
from latebra.compiling.glow.low import Panels
from latebra.compiling.glow.map_code import part
from latebra.compiling.glow.point import Bases, Place
from latebra.compiling.glow.terms import terms_of
from latebra.compiling.glow.tiles import Tiling

_UNROLL: Final = 4


def write_contract(
    e: Emit, bases: Bases, tiling: Tiling, panels: Panels, index: Any, count: Any
) -> None:
    """Writes the code that computes one piece's share of a contraction's tiles.

    Args:
        e: A builder in the function.
        bases: The addresses of the instruction's views.
        tiling: The contraction, from ``tiles.tiled``.
        panels: How its right-hand factor lies.
        index: Which piece this is.
        count: How many there are.
    """
    *outer, rows, columns = tiling.out.shape
    width = tiling.vectors * e.target.lanes
    row_tiles, column_tiles = -(-rows // tiling.rows), -(-columns // width)
    depth = prod(tiling.k)
    heavy_right = columns * depth * _uses(tiling) > prod(outer) * rows * depth
    counts = (*outer, row_tiles, column_tiles)
    # A heavy right-hand factor is read once: each panel stays in the cache until all rows had it.
    before = sum(1 for step in tiling.right.strides[: len(outer)] if step) if heavy_right else 0
    if heavy_right:
        counts = (*outer[:before], column_tiles, *outer[before:], row_tiles)
    everything = prod(counts)

    def tile(number: Any) -> None:
        left = number
        places: list[Any] = []
        for size in reversed(counts):
            places.append(e.b.urem(left, I64(size)) if size > 1 else I64(0))
            left = e.b.udiv(left, I64(size)) if size > 1 else left
        places.reverse()
        p = places.pop(before if heavy_right else -1)
        *above, m = places
        _tile(e, bases, tiling, panels, above, m, p)

    low, high = part(e, everything, index, count)
    with e.loop(low, high) as number:
        tile(number)


def _uses(tiling: Tiling) -> int:
    return prod(
        size for size, step in zip(tiling.out.shape, tiling.right.strides, strict=True) if step
    )


def _tile(
    e: Emit, bases: Bases, tiling: Tiling, panels: Panels, above: list[Any], m: Any, p: Any
) -> None:
    """One tile, by whichever of four kernels has its size."""
    rows, columns = tiling.out.shape[-2:]
    lanes, width = e.target.lanes, tiling.vectors * e.target.lanes
    last_rows, last_columns = rows % tiling.rows, columns % width

    def by_rows(vectors: int, valid: int) -> None:
        def kernel(size: int) -> None:
            _kernel(e, bases, tiling, panels, above, m, p, size, vectors, valid)

        if not last_rows:
            kernel(tiling.rows)
        elif rows < tiling.rows:
            kernel(last_rows)
        else:
            whole = e.b.icmp_signed("<", m, I64(rows // tiling.rows))
            with e.b.if_else(whole) as (then, otherwise):
                with then:
                    kernel(tiling.rows)
                with otherwise:
                    kernel(last_rows)

    if not last_columns:
        by_rows(tiling.vectors, 0)
    elif columns < width:
        by_rows(-(-columns // lanes), columns)
    else:
        whole = e.b.icmp_signed("<", p, I64(columns // width))
        with e.b.if_else(whole) as (then, otherwise):
            with then:
                by_rows(tiling.vectors, 0)
            with otherwise:
                by_rows(-(-last_columns // lanes), last_columns)


def _kernel(
    e: Emit,
    bases: Bases,
    tiling: Tiling,
    panels: Panels,
    above: list[Any],
    m: Any,
    p: Any,
    rows: int,
    vectors: int,
    valid: int,
) -> None:
    lanes = e.target.lanes
    head = len(tiling.out.shape)
    row = e.b.mul(m, I64(tiling.rows), flags=["nsw"])
    column = e.b.mul(p, I64(tiling.vectors * lanes), flags=["nsw"])
    left, row_stride = tiling.left, tiling.left.strides[head - 2]
    start = e.total(*zip(above, left.strides[: head - 2], strict=True), (row, row_stride))
    terms = terms_of(e, left.dtype)
    a = e.at(bases[left], start, terms.element)
    begin = e.total(
        *zip(above, tiling.right.strides[: head - 2], strict=True), (p, panels.panel_stride)
    )
    b = e.at(bases[panels.view], begin, terms.element)
    zero = e.splat(e.number(0, terms.total), lanes)
    sums = [[e.variable(zero.type, zero) for _ in range(vectors)] for _ in range(rows)]

    def step(a_at: Any, b_at: Any, turn: int) -> None:
        here, there = turn * left.strides[-1], turn * panels.k_stride
        lefts = [e.at(a_at, r * row_stride + here, terms.element) for r in range(rows)]
        width = lanes * terms.lane
        rights = [e.at(b_at, there + v * width, terms.element) for v in range(vectors)]
        terms.step(e, sums, lefts, rights)

    def along(axis: int, a_at: Any, b_at: Any) -> None:
        """Walks one axis of ``k``; the last one several steps a turn."""
        length = tiling.k[axis]
        inside = prod(tiling.k[axis + 1 :])
        a_stride, b_stride = left.strides[head + axis], inside * panels.k_stride
        if axis + 1 < len(tiling.k):
            with e.loop(0, length) as i:
                along(
                    axis + 1,
                    e.at(a_at, e.total((i, a_stride)), terms.element),
                    e.at(b_at, e.total((i, b_stride)), terms.element),
                )
            return
        unroll = length if length <= 2 * _UNROLL else _UNROLL
        body = length - length % unroll
        with e.loop(0, body, unroll) as k:
            a_here = e.at(a_at, e.total((k, a_stride)), terms.element)
            b_here = e.at(b_at, e.total((k, b_stride)), terms.element)
            for turn in range(unroll):
                step(a_here, b_here, turn)
        for turn in range(body, length):
            step(a_at, b_at, turn)

    along(0, a, b)
    for r in range(rows):
        for v in range(vectors):
            indices = [*above, e.b.add(row, I64(r)), e.b.add(column, I64(v * lanes))]
            rest = valid - v * lanes if valid else 0
            value = e.b.load(sums[r][v])
            rest = rest if rest < lanes else 0
            place = Place(e, bases, indices, head - 1, lanes, value, rest)
            place.store(tiling.out, place.value(tiling.expr), rest)
