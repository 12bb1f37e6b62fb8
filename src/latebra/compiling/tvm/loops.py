"""Schedules for what is neither a convolution nor a product: element by element, or a sum."""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any, Final

_LEAST_PARALLEL: Final = 1 << 19
"""Elements below which waking a thread costs more than it saves; a choice."""
_SPATIAL: Final = 0
"""An axis of the result, in the vendor's ``IterVar``; others are summed over."""


def scheduled(loops: Any, lanes: int, threads: int) -> Any:
    """Returns a function with its loops in vectors, split over threads.

    Args:
        loops: The vendor's function as it was made, each stage a loop nest of its own.
        lanes: Floats in one vector register.
        threads: How many threads may split a stage.
    """
    schedule = import_module("tvm.s_tir").Schedule(loops)
    refused: Any = import_module("tvm.s_tir").ScheduleError
    for block in _blocks(schedule):
        # A border is laid out once: inside a sum its condition would keep lanes apart.
        whole = "if_then_else" in str(schedule.get(block).body)
        if all(kind == _SPATIAL for kind in _kinds(schedule, block)) and not whole:
            try:
                schedule.compute_inline(block)
            except refused:
                continue  # The result, or needed whole.
    for block in _blocks(schedule):
        loops_here = schedule.get_loops(block)
        kinds = _kinds(schedule, block)
        if len(kinds) != len(loops_here) or _SPATIAL not in kinds:
            continue
        spatial = [each for each, kind in zip(loops_here, kinds, strict=True) if kind == _SPATIAL]
        summed = [each for each, kind in zip(loops_here, kinds, strict=True) if kind != _SPATIAL]
        if not summed:
            _each(schedule, spatial, lanes, threads)
        elif _reads_along(schedule, block):
            _sum_along(schedule, block, spatial, summed, lanes, threads)
        else:
            _sum_across(schedule, block, spatial, summed, lanes, threads)
    return schedule.mod["main"]


def _each(schedule: Any, spatial: list[Any], lanes: int, threads: int) -> None:
    """Element by element: a vector along the last axis, where whole vectors fill it."""
    count = prod(_lengths(schedule, spatial))
    width = next((n for n in (lanes, 8, 4) if _lengths(schedule, spatial)[-1] % n == 0), 1)
    if width > 1:
        *before, last = spatial
        rest, vector = schedule.split(last, [None, width])
        schedule.vectorize(vector)
        spatial = [*before, rest]
    if threads > 1 and count >= _LEAST_PARALLEL:
        schedule.parallel(schedule.fuse(*spatial))


def _sum_along(
    schedule: Any, block: Any, spatial: list[Any], summed: list[Any], lanes: int, threads: int
) -> None:
    """A sum along contiguous values: one sum for each lane, then the sum of those."""
    count = prod(_lengths(schedule, [*spatial, *summed]))
    if _lengths(schedule, summed)[-1] % lanes == 0:
        _, lane = schedule.split(summed[-1], [None, lanes])
        parts = schedule.rfactor(lane, len(spatial))
        loops = schedule.get_loops(parts)
        lane = loops[len(loops) - 1]
        schedule.vectorize(lane)
        spatial = loops[: len(spatial)]
    if threads > 1 and count >= _LEAST_PARALLEL:
        schedule.parallel(schedule.fuse(*spatial))


def _sum_across(
    schedule: Any, block: Any, spatial: list[Any], summed: list[Any], lanes: int, threads: int
) -> None:
    """A sum across contiguous values: many sums at once, the last axis of the result innermost."""
    *before, last = spatial
    count = prod(_lengths(schedule, [*spatial, *summed]))
    length = _lengths(schedule, [last])[0]
    width = next((n for n in (2 * lanes, lanes, 8, 4) if length % n == 0), 0)
    if not width:
        schedule.reorder(*before, *summed, last)
        if threads > 1 and count >= _LEAST_PARALLEL and before:
            schedule.parallel(schedule.fuse(*before))
        schedule.decompose_reduction(block, summed[0])
        return
    # Sums that stay in registers until they are whole.
    stored = schedule.cache_write(block, 0, "local")
    rest, vector = schedule.split(last, [None, width])
    schedule.reorder(*before, rest, *summed, vector)
    schedule.reverse_compute_at(stored, rest)
    if threads > 1 and count >= _LEAST_PARALLEL and before:
        schedule.parallel(schedule.fuse(*before))
    schedule.vectorize(vector)
    for each in (schedule.decompose_reduction(block, summed[0]), stored):
        schedule.vectorize(schedule.get_loops(each)[-1])


def _reads_along(schedule: Any, block: Any) -> bool:
    """Is the last axis of what a block reads first an axis that it sums over, alone?"""
    body = schedule.get(block)
    summed = [each.var for each in body.iter_vars if int(each.iter_type) != _SPATIAL]
    first = next((read for read in body.reads if len(read.region)), None)
    if first is None:
        return False
    last = first.region[len(first.region) - 1].min
    return any(last.same_as(axis) for axis in summed)


def _blocks(schedule: Any) -> list[Any]:
    return list(schedule.get_child_blocks(schedule.get_sblock("root")))


def _kinds(schedule: Any, block: Any) -> list[int]:
    return [int(axis.iter_type) for axis in schedule.get(block).iter_vars]


def _lengths(schedule: Any, loops: list[Any]) -> list[int]:
    return [int(schedule.get(loop).extent) for loop in loops]
