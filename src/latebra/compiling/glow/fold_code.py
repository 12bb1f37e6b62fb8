"""Machine code of a fold: lanes hold different outputs, or sixteen fixed shares of a row.

Where neighbours in memory belong to different outputs, each lane is an output and the sum goes in
the order of the folded axes. Where neighbours are summed together, element ``j`` of a row goes to
share ``j mod 16``, on every processor, and the shares are added pairwise at the end.
"""

from __future__ import annotations

from typing import Any, Final

from latebra.compiling.glow.emit import MEMORY, Emit
from latebra.compiling.glow.llvm import I1, I64, ir
from latebra.compiling.glow.low import Expr, Fold, View, on_views
from latebra.compiling.glow.map_code import share
from latebra.compiling.glow.operations import apply
from latebra.compiling.glow.point import Bases, Place
from latebra.compiling.glow.spaces import all_views, joined, merged, ordered

SHARES: Final = 16
"""How many sums a row is kept in: what one register holds at most."""


def prepared(fold: Fold) -> Fold:
    """Returns the fold with outputs in the order of memory, and axes merged where possible."""
    rank = len(fold.out.shape)
    inside = [*all_views(fold.source), *all_views(fold.factor)]
    guide = max(inside, key=lambda view: sum(bool(stride) for stride in view.strides), default=None)
    order = ordered(fold.out)
    folded = [axis for axis in range(len(fold.folded)) if fold.folded[axis] != 1]
    if guide:
        folded.sort(key=lambda axis: -guide.strides[rank + axis])
    axes = (*order, *(rank + axis for axis in folded))

    def moved(view: View) -> View:
        return view.pick(axes if len(view.shape) > rank else order)

    out = fold.out.pick(order)
    source = on_views(fold.source, moved)
    factor = on_views(fold.factor, moved) if fold.factor else None
    expr = on_views(fold.expr, lambda view: view.pick(order))
    lengths = tuple(fold.folded[axis] for axis in folded)
    # An axis is merged only where every view of it can be; outputs and folded axes never mix.
    edge = len(order)
    whole = [v for each in (source, factor) for v in all_views(each)]
    outer = [out, *(v.pick(tuple(range(edge))) for v in whole), *all_views(expr)]
    groups = merged(outer) if edge else []
    inner: list[tuple[int, ...]] = []
    if lengths:
        tails = [v.pick(tuple(range(edge, edge + len(lengths)))) for v in whole]
        one = View(out.buffer, out.dtype, 0, lengths, (0,) * len(lengths))
        inner = merged(tails) if tails else [(axis,) for axis in range(len(one.shape))]
    both = [*groups, *(tuple(edge + axis for axis in group) for group in inner)]
    sizes: list[int] = []
    for group in inner:
        size = 1
        for axis in group:
            size *= lengths[axis]
        sizes.append(size)
    return Fold(
        joined(out, groups),
        fold.kind,
        on_views(source, lambda view: joined(view, both)),
        tuple(sizes),
        on_views(expr, lambda view: joined(view, groups)),
        on_views(factor, lambda view: joined(view, both)) if factor else None,
    )


def write_fold(e: Emit, bases: Bases, fold: Fold, index: Any, count: Any) -> None:
    """Writes the code that computes one piece's share of a prepared fold."""
    rank = len(fold.out.shape)
    views = [*all_views(fold.source), *all_views(fold.factor)]
    along = max((_contiguity(view, rank) for view in views), default=0)
    shape = fold.out.shape or (1,)
    axis = rank - 1
    if rank and along != 2 and fold.out.strides[axis] == 1 and shape[axis] > 1:
        _over_outputs(e, bases, fold, index, count)
        return

    def points(indices: list[Any], low: Any, high: Any) -> None:
        with e.loop(low, high) as i:
            here = [*indices, i][:rank]
            total = _row(e, bases, fold, here)
            place = Place(e, bases, here, acc=total)
            place.store(fold.out, place.value(fold.expr))

    share(e, shape, index, count, points)


def _contiguity(view: View, rank: int) -> int:
    """2 where neighbours are folded together, 1 where they are different outputs, else 0."""
    if any(stride == 1 for stride in view.strides[rank:]):
        return 2
    return 1 if any(stride == 1 for stride in view.strides[:rank]) else 0


def _over_outputs(e: Emit, bases: Bases, fold: Fold, index: Any, count: Any) -> None:
    lanes, inner = e.target.lanes, len(fold.out.shape) - 1
    length = fold.out.shape[inner]
    rest = length % lanes
    block = min(4, max(1, length // lanes))

    def some(indices: list[Any], starts: list[Any], valid: int = 0) -> None:
        totals = [_start(e, fold, lanes) for _ in starts]

        def term(folded: list[Any]) -> None:
            for total, here in zip(totals, starts, strict=True):
                place = Place(e, bases, [*indices, here, *folded], inner, lanes, valid=valid)
                _accumulate(e, fold, total, place)

        _loops(e, fold.folded, term)
        for total, here in zip(totals, starts, strict=True):
            value = e.b.load(total)
            place = Place(e, bases, [*indices, here], inner, lanes, value, valid)
            place.store(fold.out, place.value(fold.expr), valid)

    def points(indices: list[Any], low: Any, high: Any) -> None:
        for turns in sorted({block, 1}, reverse=True):
            body = e.b.sub(high, e.b.srem(e.b.sub(high, low), I64(turns * lanes)))
            with e.loop(low, body, turns * lanes) as i:
                some(indices, [e.b.add(i, I64(turn * lanes)) for turn in range(turns)])
            low = body
        if rest:
            end = e.b.icmp_signed("==", high, I64(length))
            with e.b.if_then(e.b.and_(end, e.b.icmp_signed("<", low, high))):
                some(indices, [I64(length - rest)], rest)

    share(e, fold.out.shape, index, count, points, grain=lanes)


def _row(e: Emit, bases: Bases, fold: Fold, indices: list[Any]) -> Any:
    """One output: sixteen shares along the last folded axis, then a tree of them."""
    axis = len(indices) + len(fold.folded) - 1
    length = fold.folded[-1] if fold.folded else 1
    if length < SHARES:
        total = _start(e, fold, 1)
        _loops(
            e,
            fold.folded,
            lambda folded: _accumulate(e, fold, total, Place(e, bases, [*indices, *folded])),
        )
        return e.b.load(total)
    total = _start(e, fold, SHARES)
    rest = length % SHARES

    def term(folded: list[Any]) -> None:
        with e.loop(0, length - rest, SHARES) as j:
            place = Place(e, bases, [*indices, *folded, j], axis, SHARES)
            _accumulate(e, fold, total, place)
        if rest:
            # The last elements go to the first shares; the others keep what they have.
            here = [*indices, *folded, I64(length - rest)]
            place = Place(e, bases, here, axis, SHARES, valid=rest)
            kept = e.b.load(total)
            new = _combined(e, fold, kept, place)
            first = ir.Constant(ir.VectorType(I1, SHARES), [I1(i < rest) for i in range(SHARES)])
            e.b.store(e.select(first, new, kept), total)

    _loops(e, fold.folded[:-1], term)
    value = e.b.load(total)
    kind = "sum" if fold.kind == "dot" else fold.kind
    width = SHARES
    while width > 1:
        width //= 2
        halves = [_lanes(e, value, first, width) for first in (0, width)]
        value = _merge(e, kind, _type(fold), *halves)
    return value


def _lanes(e: Emit, value: Any, first: int, width: int) -> Any:
    if width == 1:
        return e.b.extract_element(value, I64(first))
    from latebra.compiling.glow.llvm import I32

    order = ir.Constant(ir.VectorType(I32, width), [I32(first + i) for i in range(width)])
    return e.b.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)


def _loops(e: Emit, lengths: tuple[int, ...], body: Any, *indices: Any) -> None:
    if not lengths:
        body(list(indices))
        return
    with e.loop(0, lengths[0]) as i:
        _loops(e, lengths[1:], body, *indices, i)


def _type(fold: Fold) -> str:
    return fold.source.dtype


def _start(e: Emit, fold: Fold, lanes: int) -> Any:
    dtype = _type(fold)
    kind = I1 if dtype == "bool" else MEMORY[dtype]
    value: int | float
    if fold.kind in ("sum", "dot"):
        value = 0
    elif fold.kind == "prod":
        value = 1
    elif dtype in ("float32", "float64"):
        value = float("-inf") if fold.kind == "max" else float("inf")
    elif dtype == "bool":
        value = 0 if fold.kind == "max" else 1
    else:
        import numpy as np

        limits = np.iinfo(dtype)
        value = int(limits.min if fold.kind == "max" else limits.max)
    start = e.splat(e.number(value, kind), lanes)
    return e.variable(start.type, start)


def _accumulate(e: Emit, fold: Fold, total: Any, place: Place) -> None:
    e.b.store(_combined(e, fold, e.b.load(total), place), total)


def _combined(e: Emit, fold: Fold, old: Any, place: Place) -> Any:
    value = place.value(fold.source)
    if fold.kind == "dot":
        factor: Expr | None = fold.factor
        assert factor is not None
        return e.fma(value, place.value(factor), old)
    return _merge(e, fold.kind, _type(fold), old, value)


def _merge(e: Emit, kind: str, dtype: str, a: Any, b: Any) -> Any:
    name = {"sum": "add", "prod": "mul"}.get(kind, kind)
    return apply(e, name, (dtype, dtype), dtype, [a, b])
