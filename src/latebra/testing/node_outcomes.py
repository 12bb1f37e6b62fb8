"""How a case of one operator ends with a compiler, in one word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from latebra.compiling.contract import Compiler, Model
from latebra.compiling.ir.interpret import interpret
from latebra.core.errors import BuildFailed, LatebraError, Unsupported
from latebra.core.network import ModelCard
from latebra.testing.onnx_nodes import Case, core_graph, node_cases

Answer = tuple[str, str]
"""``pass``, ``constant`` (nothing is left to run), ``unsupported``, ``failed`` or ``wrong``; and
why."""
FOREIGN: Final[Mapping[str, str]] = {
    "test_adagrad": "training",
    "test_adam": "training",
    "test_ai_onnx_": "trees and tables",
    "test_batchnorm_epsilon_training": "training",
    "test_batchnorm_example_training": "training",
    "test_bernoulli": "random numbers",
    "test_flexattention": "a preview of operators",
    "test_image_decoder": "pictures in files",
    "test_momentum": "training",
    "test_nesterov": "training",
    "test_nllloss": "training",
    "test_optional": "optional values",
    "test_sce": "training",
    "test_tfidf": "text",
    "test_training_dropout": "training",
}
"""Cases of what networks do without when they only run, by how their names begin."""


def foreign(case: Case) -> str:
    """Returns what a case is for, other than inference; nothing where inference models use it.

    So what counts is every operator of ONNX's own domain, on floats of 16 to 64 bits, whole
    numbers of 8 to 64 and booleans, except those of ``FOREIGN``.
    """
    return next((use for name, use in FOREIGN.items() if case.name.startswith(name)), "")


@cache
def comparable() -> tuple[Case, ...]:
    """Returns every case but those of random numbers, whose outputs nothing else can give."""
    return tuple(each for each in node_cases() if foreign(each) != "random numbers")


def outcome(compiler: Compiler, case: Case) -> Answer:
    """Returns how a case ends: as written, or with its settings as constants where it has any.

    Args:
        compiler: The compiler, best in a process of its own.
        case: The case.
    """
    refused: Answer | None = None
    for written in _ways(case):
        answer = _tried(compiler, case, written)
        if answer[0] in ("pass", "wrong", "failed"):
            return answer
        refused = refused or answer
    return refused or ("constant", "all of it is known beforehand")


def core_outcome(case: Case) -> Answer:
    """Returns how a case ends in the core graph, computed with numpy."""
    try:
        graph = core_graph(case)
    except Unsupported as error:
        return "unsupported", error.what
    return judged(case, interpret(graph, {name: case.inputs[name] for name in graph.inputs}))


def judged(case: Case, found: Mapping[str, Any]) -> Answer:
    """Returns whether outputs are right, within the case's own tolerances."""
    error = case.error({name: np.asarray(array) for name, array in found.items()})
    return ("wrong", error) if error else ("pass", "")


def _ways(case: Case) -> Iterator[bytes]:
    yield case.onnx
    yield from _fixed(case)


def _tried(compiler: Compiler, case: Case, written: bytes) -> Answer:
    model = Model(written, ModelCard("node", hashlib.sha256(written).hexdigest(), "T3", 1e-3))
    try:
        if not (support := compiler.supports(model)):
            return "unsupported", str(support)
        artifact = compiler.build(model)
    except (Unsupported, BuildFailed) as error:
        return "unsupported", error.what
    except LatebraError as error:
        return "failed", error.what
    try:
        executable = compiler.load(artifact, model.card)
        wanted = {each.name for each in model.facts.inputs}
        return judged(case, executable.run({n: a for n, a in case.inputs.items() if n in wanted}))
    except LatebraError as error:
        return "failed", error.what


def _fixed(case: Case) -> Iterator[bytes]:
    """Yields the case with its settings as constants, where it has any; then with all of it."""
    import onnx
    from onnx import numpy_helper

    held = [
        name
        for name, array in case.inputs.items()
        if array.dtype.kind in "iub" or (array.ndim <= 1 and array.size <= 8)
    ]
    if not held or len(held) == len(case.inputs):
        return
    model: Any = onnx.load_model_from_string(case.onnx)
    kept = [each for each in model.graph.input if each.name not in held]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for name in held:
        model.graph.initializer.append(numpy_helper.from_array(case.inputs[name], name))
    yield model.SerializeToString()
