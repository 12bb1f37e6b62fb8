"""The cases of single operators that ONNX ships, with the core graph and with every compiler.

    python -m benchmarks.onnx_nodes [--only xla tvm] [--every 1] [--seconds 480] [--again NAME ...]

A case is a model of one operator with inputs and outputs. It ends in one word: pass, constant
(nothing is left to run), unsupported (with the reason), failed or wrong; outputs are compared
within the tolerances that ONNX states for it. A case whose operator wants settings as inputs, such
as the shape of a Reshape, is tried as written and then with those fixed.

Two totals are given. ``all`` is every case on ordinary numbers, but for random ones. ``inference``
leaves out training, losses, trees, text, optional values, pictures in files and previews of
operators (``latebra.testing.node_outcomes.FOREIGN``). Cases on text, sequences and numbers of 4 or
8 bits that numpy lacks are in neither.

What is done is kept, so a run that ends goes on where it was; ``--again`` forgets a row's cases, or
those that ended in a word. Writes ``benchmarks/results/onnx_nodes.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import about
from latebra.compiling.isolated import Isolated
from latebra.compiling.opening import installed
from latebra.testing.node_outcomes import Answer, comparable, core_outcome, foreign, outcome
from latebra.testing.onnx_nodes import Case, shipped

RESULT = Path(__file__).parent / "results" / "onnx_nodes.json"
CORE = "core graph"


def main() -> None:
    """Runs the cases that are not yet done with everything that is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[CORE, *installed()])
    parser.add_argument("--every", type=int, default=1, help="take each n-th case only")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--again", nargs="*", default=[], help="words, or ALL, to do once more")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    cases = comparable()
    kept = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else {}
    for label in arguments.only:
        if label == "null":
            continue
        done = _done(kept.get(label, {}), cases, arguments.again)
        _run(label, cases[:: arguments.every], done, end)
        kept[label] = _row(cases, done)
        print(label, kept[label]["all"], kept[label]["inference"], flush=True)
        RESULT.write_text(json.dumps({**about(), **_totals(cases), "rows": kept}, indent=1) + "\n")


def _run(label: str, cases: tuple[Case, ...], done: dict[str, Answer], end: float) -> None:
    """Does the cases that are not done, until the time is over."""
    judge: Callable[[Case], Answer] = core_outcome
    if label != CORE:
        compiler = Isolated(
            name=label, threads=1, build_timeout_s=120, load_timeout_s=60, run_timeout_s=30
        )
        judge = partial(outcome, compiler)
    for case in cases:
        if time.monotonic() > end:
            return
        if case.name not in done:
            done[case.name] = judge(case)


def _done(row: Mapping[str, Any], cases: tuple[Case, ...], again: list[str]) -> dict[str, Answer]:
    """Returns the answers that a row holds, but for those that are wanted again."""
    if "ALL" in again or "todo" not in row:
        return {}
    told = {
        name: (word, reason)
        for word in ("constant", "unsupported", "failed", "wrong")
        for name, reason in row.get(word, {}).items()
    }
    left = set(row["todo"])
    found = {each.name: told.get(each.name, ("pass", "")) for each in cases}
    return {n: a for n, a in found.items() if n not in left and a[0] not in again}


def _row(cases: tuple[Case, ...], done: Mapping[str, Answer]) -> dict[str, Any]:
    told: dict[str, dict[str, str]] = {}
    for name, (word, reason) in done.items():
        if word != "pass":
            told.setdefault(word, {})[name] = reason[:160]
    ours = {each.name for each in cases if not foreign(each)}
    return {
        "all": _counts(done),
        "inference": _counts({n: a for n, a in done.items() if n in ours}),
        "todo": [each.name for each in cases if each.name not in done],
        **dict(sorted(told.items())),
    }


def _counts(done: Mapping[str, Answer]) -> dict[str, float]:
    counts = Counter(word for word, _ in done.values())
    # Where everything is known beforehand, a compiler has nothing to show.
    asked = counts.total() - counts["constant"]
    return {**counts, "share": round(counts["pass"] / asked, 4) if asked else 0.0}


def _totals(cases: tuple[Case, ...]) -> dict[str, int]:
    ours = sum(not foreign(each) for each in cases)
    return {"shipped": shipped(), "all": len(cases), "inference": ours}


if __name__ == "__main__":
    main()
