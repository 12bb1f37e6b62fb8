"""Decide between compilers that are close: these alone take turns again, for more rounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from latebra.compiling.choosing import rivals
from latebra.compiling.contract import Model
from latebra.compiling.judge import compare
from latebra.compiling.question import Question
from latebra.compiling.report import Report, Row
from latebra.core.progress import Progress, silent

ROUNDS: Final = 21
"""Rounds in which a decision falls: of a tie, one way or the other, quartiles are then five rounds
from either end."""


def decided(
    report: Report, model: Model, question: Question, goal: str, progress: Progress = silent
) -> Report:
    """Returns the report, with the times of those that are close for ``goal`` measured again.

    Where one is far ahead, or the goal is no matter of time, it is the report as it was.

    Args:
        report: What a comparison found.
        model: What was compared on.
        question: How it was.
        goal: What a choice will be made for.
        progress: Told how far the work is.
    """
    close = rivals(report, goal)
    if len(close) < 2:
        return report
    rounds = max(ROUNDS, question.rounds)
    again = compare(model, close, replace(question, rounds=rounds), progress)
    return replace(report, rows=tuple(_renewed(row, again, close) for row in report.rows))


def _renewed(row: Row, again: Report, close: tuple[str, ...]) -> Row:
    if row.compiler not in close:
        return row
    new = again[row.compiler]
    if not new.wall_s:  # It failed this time: what was measured before says less than that.
        return replace(row, outcome=new.outcome, reason=new.reason, fix=new.fix)
    return replace(row, cpu_s=new.cpu_s, wall_s=new.wall_s, items_s=new.items_s)
