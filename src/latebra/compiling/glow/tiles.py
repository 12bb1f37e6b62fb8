"""How a contraction is cut into tiles whose sums stay in registers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from latebra.compiling.glow.low import Contract, Expr, View, on_views
from latebra.compiling.glow.spaces import all_views, joined, merged
from latebra.compiling.glow.target import Target


@dataclass(frozen=True)
class Tiling:
    """A contraction with its axes in order, and the size of its tiles.

    Args:
        out: Axes: outer ones, rows, columns.
        left: The axes of ``out``, then those of ``k``.
        right: Strides over the axes of ``out``.
        expr: Over the axes of ``out``.
        k: Lengths of the summed axes.
        rows: Rows of a tile.
        vectors: Registers across a tile.
    """

    out: View
    left: View
    right: View
    expr: Expr
    k: tuple[int, ...]
    rows: int
    vectors: int


def vectors_for(target: Target, rows: int, columns: int) -> int:
    """Returns how many registers wide a panel should be for so many rows and columns."""
    most = -(-columns // target.lanes)
    if rows <= target.registers // 5:
        return min(4, most)
    return min(2, most)


def rows_for(target: Target, rows: int, vectors: int) -> int:
    """Returns how many rows a tile should have: few tiles, of nearly one size."""
    most = max(1, (target.registers - 1 - vectors) // vectors)
    if vectors == 1:
        most = min(most, 14)
    tiles = -(-rows // most)
    return -(-rows // tiles)


def tiled(contract: Contract, target: Target) -> Tiling:
    """Returns the contraction ready to be written."""
    rank = len(contract.out.shape)
    right = contract.right.view
    outer = [
        axis for axis in range(rank) if axis != contract.columns and contract.out.shape[axis] != 1
    ]
    outer.sort(key=lambda axis: (right.strides[axis] == 0, -contract.out.strides[axis], axis))
    order = (*outer, contract.columns)
    k_axes = tuple(axis for axis in range(rank, len(contract.left.shape)))
    left = contract.left.pick((*order, *k_axes))
    out, right = contract.out.pick(order), right.pick(order)
    expr = on_views(contract.expr, lambda view: view.pick(order))
    if not outer or right.strides[len(outer) - 1]:
        # There are no rows: one is made.
        out, left, right = (_with_row(view, len(outer)) for view in (out, left, right))
        expr = on_views(expr, lambda view: _with_row(view, len(outer)))
    head = tuple(range(len(out.shape)))
    keep = frozenset({head[-1], *(axis for axis in head if right.strides[axis])})
    groups = merged([out, left.pick(head), right, *all_views(expr)], keep)
    tail = tuple(range(len(head), len(left.shape)))
    k_view = left.pick(tail)
    k_groups = [group for group in merged([k_view]) if prod(k_view.shape[i] for i in group) != 1]
    k_groups = k_groups or [(0,)]
    both = [*groups, *(tuple(len(head) + axis for axis in group) for group in k_groups)]
    out, left, right = joined(out, groups), joined(left, both), joined(right, groups)
    vectors = contract.right.vectors
    return Tiling(
        out,
        left,
        right,
        on_views(expr, lambda view: joined(view, groups)),
        left.shape[len(groups) :],
        rows_for(target, out.shape[-2], vectors),
        vectors,
    )


def _with_row(view: View, at: int) -> View:
    shape = (*view.shape[:at], 1, *view.shape[at:])
    strides = (*view.strides[:at], 0, *view.strides[at:])
    return View(view.buffer, view.dtype, view.offset, shape, strides)
