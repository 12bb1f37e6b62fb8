"""Choose a compiler from what a comparison found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.compiling.report import Report, Row, ratios
from latebra.compiling.verdict import REFERENCE
from latebra.core.errors import InputError, Unavailable

NOISE: Final = 0.03
"""Share by which times must differ to count: medians of one network moved by that much between two
measurements on a shared machine."""
CLOSE: Final = 1.3
"""Times within this ratio of the best may change places when they are measured again: medians of
nine rounds of small networks moved by up to a fifth."""
_TIMED: Final = ("latency", "throughput")


@dataclass(frozen=True)
class Choice:
    """The compiler that was chosen.

    Args:
        compiler: Its id.
        goal: What it was chosen for.
        reason: Why, in one sentence.
        row: Its row of the report.
    """

    compiler: str
    goal: str
    reason: str
    row: Row


def choose(report: Report, goal: str = "latency", bound: float | None = None) -> Choice:
    """Returns the best of those that are right; of like times, the first in the report's order.

    Args:
        report: What a comparison found.
        goal: "latency": the time of one run with several threads. "throughput": items a second at
            the report's batch, or one at a time where it has none. "memory": the most that the
            process held. "size": bytes of the artifact. "exact": whose bits never changed, and of
            these who is nearest to the judge.
        bound: Largest relative error that is accepted; None for the report's own.

    Raises:
        InputError: There is no such goal.
        Unavailable: No compiler is right within the bound.
    """
    if goal not in _MEASURES:
        raise InputError(f"there is no goal {goal!r}", fix=f"choose from {', '.join(GOALS)}")
    limit = report.bound if bound is None else bound
    measure, unit = _MEASURES[goal]
    ranked = _ranked(report, goal, limit)
    if not ranked:
        raise Unavailable(
            f"no compiler is within {limit:.0e} on {report.model}",
            fix="accept a larger --bound, or see latebra compare for what each lacks",
        )
    best = ranked[0]
    if goal in _TIMED:
        within = [row for row in ranked if measure(row) <= measure(best) * (1 + NOISE)]
        # Of those within the noise, the first in the order of preference.
        best = min(within, key=lambda row: (_judges(row), report.rows.index(row)))
    said = f"{best.compiler}: {unit(measure(best))}"
    if len(ranked) > 1:
        second = next(row for row in ranked if row is not best)
        tied = goal in _TIMED and _alike(second, best, measure)
        place = "as fast as the clock can tell" if tied else "next"
        said += f"; {second.compiler} is {place}, {unit(measure(second))}"
    error = "error not judged" if best.error is None else f"error {best.error.relative:.1e}"
    return Choice(best.compiler, goal, f"{said}; {error}", best)


def rivals(report: Report, goal: str, bound: float | None = None) -> tuple[str, ...]:
    """Returns who may be the best for a goal of time, once measured again; none for other goals.

    Args:
        report: What a comparison found.
        goal: One of ``GOALS``.
        bound: Largest relative error that is accepted; None for the report's own.
    """
    if goal not in _TIMED:
        return ()
    measure, _ = _MEASURES[goal]
    ranked = _ranked(report, goal, report.bound if bound is None else bound)
    return tuple(
        row.compiler
        for row in ranked
        if not _judges(row) and measure(row) <= CLOSE * measure(ranked[0])
    )


def _ranked(report: Report, goal: str, limit: float) -> list[Row]:
    """Returns those that are right, the best for the goal first, and the judge of all last."""
    measure, _ = _MEASURES[goal]
    able = (row for row in report.right if _fits(row, limit) and np.isfinite(measure(row)))
    return sorted(able, key=lambda row: (_judges(row), measure(row)))


def _alike(row: Row, best: Row, measure: Callable[[Row], float]) -> bool:
    """Returns whether a row's times cannot be told from the best one's, which took turns with it.

    They cannot where their medians are within the noise, or where the row was as fast in a quarter
    of the rounds.
    """
    if measure(row) <= measure(best) * (1 + NOISE):
        return True
    if row.items_s or not (row.wall_s and best.wall_s):
        return False
    return float(np.quantile(ratios(row.wall_s, best.wall_s), 0.25)) <= 1


def _judges(row: Row) -> bool:
    return row.compiler == REFERENCE


def _fits(row: Row, limit: float) -> bool:
    """Is it near enough? A variant must be so whatever it is given, not on these inputs alone."""
    near = row.error is None or row.error.relative <= limit
    return near and row.precision <= limit


def _latency(row: Row) -> float:
    return row.wall if row.wall is not None else np.inf


def _throughput(row: Row) -> float:
    """Returns seconds an item, so that less is better as with all goals."""
    return 1 / row.items_s if row.items_s else _latency(row)


def _memory(row: Row) -> float:
    return float(row.peak_bytes or np.inf)


def _size(row: Row) -> float:
    return float(row.artifact_bytes or np.inf)


def _exact(row: Row) -> float:
    if not row.same.everywhere:
        return np.inf
    return row.error.largest if row.error else np.inf


_MEASURES: Final[Mapping[str, tuple[Callable[[Row], float], Callable[[float], str]]]] = {
    "latency": (_latency, lambda value: f"{1e3 * value:.3g} ms a run"),
    "throughput": (_throughput, lambda value: f"{1 / value:.3g} items a second"),
    "memory": (_memory, lambda value: f"{value / 1e6:.0f} MB held"),
    "size": (_size, lambda value: f"{value / 1e6:.3g} MB of artifact"),
    "exact": (_exact, lambda value: f"off by {value:.1e}, the same bits every time"),
}

GOALS: Final = tuple(_MEASURES)
"""What may be asked of a choice."""
