"""The cases of single operators that ONNX ships: right, or refused with a reason, never wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from latebra.compiling.ir.interpret import interpret
from latebra.compiling.ir.operators import check
from latebra.core.errors import Unsupported
from latebra.testing.onnx_nodes import Case, core_graph, node_cases

FOREIGN = ("test_ai_onnx_", "test_adagrad", "test_adam", "test_momentum", "test_nesterov")
"""Other operator sets than ONNX's own: trees, training."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [each for each in node_cases() if not each.name.startswith(FOREIGN)]


@pytest.mark.slow
def test_every_case_is_right_or_refused(cases: list[Case]) -> None:
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for case in cases:
        try:
            graph = core_graph(case)
        except Unsupported as refusal:
            outcomes["refused" if refusal.what and refusal.fix else "silent"] += 1
            continue
        check(graph)
        inputs = {name: case.inputs[name] for name in graph.inputs}
        error = case.error(interpret(graph, inputs))
        outcomes["wrong" if error else "right"] += 1
        if error:
            wrong.append(f"{case.name}: {error}")
    assert not wrong
    assert not outcomes["silent"]
    assert outcomes["right"] >= 0.9 * outcomes.total()
