"""The cases of single operators that ONNX ships: right, or refused with a reason, never wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from latebra.compiling.ir.interpret import interpret
from latebra.compiling.ir.operators import check
from latebra.compiling.isolated import Isolated
from latebra.compiling.opening import installed
from latebra.core.errors import Unsupported

pytest.importorskip("onnx", reason="the cases come with it")

from latebra.testing.node_outcomes import comparable, foreign, judged, outcome
from latebra.testing.onnx_nodes import core_graph

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "onnx_nodes.json"
EVERY = {"inductor": 1600, "iree": 160, "xla": 160, "tvm": 80}
"""Each so many-th case where builds take long; 20 otherwise. The benchmark takes them all."""
OURS = ("core graph", "xla", "glow")
"""What is lowered by this project alone."""


@pytest.mark.slow
def test_the_core_graph_is_right_or_refuses() -> None:
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for case in comparable():
        try:
            graph = core_graph(case)
        except Unsupported as refusal:
            outcomes["refused" if refusal.what and refusal.fix else "silent"] += 1
            continue
        check(graph)
        word, error = judged(case, interpret(graph, {n: case.inputs[n] for n in graph.inputs}))
        outcomes[word] += 1
        if word == "wrong":
            wrong.append(f"{case.name}: {error}")
    assert not wrong
    assert not outcomes["silent"]
    assert outcomes["pass"] >= 0.9 * outcomes.total()


@pytest.mark.slow
@pytest.mark.parametrize("name", [each for each in installed() if each != "null"])
def test_no_compiler_is_wrong(name: str) -> None:
    bad: list[str] = []
    silent: list[str] = []
    passed = 0
    with Isolated(threads=1, name=name) as compiler:
        for case in comparable()[3 :: EVERY.get(name, 20)]:
            word, reason = outcome(compiler, case)
            passed += word == "pass"
            if word in ("wrong", "failed"):
                bad.append(f"{case.name} {word}: {reason}")
            elif word == "unsupported" and not reason:
                silent.append(case.name)
    assert not bad
    assert not silent
    assert passed


def test_what_is_published_is_never_wrong() -> None:
    told = json.loads(PUBLISHED.read_text())
    for label, row in told["rows"].items():
        assert "wrong" not in row, label
        assert "failed" not in row, label
        assert all(row.get("unsupported", {}).values()), label
    for label in OURS:
        assert not told["rows"][label]["todo"]
        assert told["rows"][label]["inference"]["share"] >= 0.9


def test_few_cases_are_left_out() -> None:
    told = json.loads(PUBLISHED.read_text())
    left = Counter(use for case in comparable() if (use := foreign(case)))
    assert told["all"] - told["inference"] == left.total()
    assert left.total() < 0.15 * told["all"]
