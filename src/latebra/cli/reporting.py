"""A comparison of compilers, for people to read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from latebra.compiling.contract import Outcome
from latebra.compiling.report import Report, Row

_WIDTH: Final = 150
"""Columns where no terminal says how many it has."""
_NOTHING: Final = "·"


def show(report: Report, choices: Mapping[str, str], *, aside: bool = False) -> None:
    """Writes the tables, what to do about each row that is not ``ok``, and the choices.

    Args:
        report: What was found.
        choices: The reason for each goal's choice.
        aside: Whether it goes to stderr, as it is no result; else to stdout.
    """
    file = sys.stderr if aside else sys.stdout
    out = Console(file=file, width=None if file.isatty() else _WIDTH, highlight=False)
    out.print(f"{report.model}  {', '.join(report.inputs)}", soft_wrap=True, markup=False)
    threads = "1 thread" if report.threads == 1 else f"{report.threads} threads"
    out.print(f"CPU time with 1 thread, wall time with {threads}; medians", markup=False)
    _print(out, _rows(report))
    for row in report.rows:
        if row.outcome is not Outcome.OK:
            out.print(f"{row.compiler}: {row.outcome}: {row.reason}", soft_wrap=True, markup=False)
            out.print(f"  fix: {row.fix}", soft_wrap=True, markup=False)
    if len(report.apart) > 1:
        _print(out, _apart(report))
    out.print(report.verdict, soft_wrap=True, markup=False)
    for note in report.notes:
        out.print(note, soft_wrap=True, markup=False)
    for goal, reason in choices.items():
        out.print(f"for {goal}: {reason}", soft_wrap=True, markup=False)


def _print(out: Console, table: Table) -> None:
    """Prints a table without the blanks that fill its last column."""
    with out.capture() as held:
        out.print(table)
    for line in held.get().splitlines():
        out.file.write(line.rstrip() + "\n")


def _rows(report: Report) -> Table:
    columns: dict[str, Callable[[Row], str]] = {
        "compiler": lambda row: row.compiler,
        "ended": lambda row: str(row.outcome),
        "CPU ms": lambda row: _number(row.cpu, 1e3),
        "wall ms": lambda row: _number(row.wall, 1e3),
        f"items/s at {report.batch}": lambda row: _number(row.items_s),
        "first ms": lambda row: _number(row.first_s, 1e3),
        "load ms": lambda row: _number(row.load_s, 1e3),
        "build s": lambda row: _number(row.build_s),
        "art. MB": lambda row: _number(row.artifact_bytes, 1e-6),
        "mem. MB": lambda row: _number(row.peak_bytes, 1e-6),
        "error": lambda row: f"{row.error.largest:.1e}" if row.error else _NOTHING,
        "relative": lambda row: f"{row.error.relative:.1e}" if row.error else _NOTHING,
        "ulp": lambda row: f"{row.error.ulp:.2g}" if row.error else _NOTHING,
        "same bits": _same,
    }
    if report.batch is None:
        del columns[f"items/s at {report.batch}"]
    table = _table()
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=number < 2)
    for row in report.rows:
        style = "" if row.outcome is Outcome.OK else "dim"
        table.add_row(*(Text(each(row)) for each in columns.values()), style=style)
    return table


def _apart(report: Report) -> Table:
    table = _table()
    table.add_column("apart by")
    for name in report.apart:
        table.add_column(name, justify="right")
    for name, others in report.apart.items():
        cells = [
            _NOTHING if name == other else f"{others[other]:.1e}" if others[other] else "0"
            for other in report.apart
        ]
        table.add_row(name, *cells)
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _number(value: int | float | None, scale: float = 1.0) -> str:
    return _NOTHING if value is None else f"{value * scale:.3g}"


def _same(row: Row) -> str:
    tried = {
        "runs": row.same.runs,
        "threads": row.same.threads,
        "processes": row.same.processes,
    }
    if all(each is None for each in tried.values()):
        return _NOTHING
    other = [name for name, same in tried.items() if same is False]
    return f"not over {', '.join(other)}" if other else "yes"
