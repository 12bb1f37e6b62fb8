"""How a case of one operator ends with a compiler, in one word."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
    "test_training_dropout": "random numbers",
}
"""Cases of what networks do without when they only run, by how their names begin."""


def foreign(case: Case) -> str:
    """Returns what a case is for, other than inference; nothing where inference models use it.

    So what counts is every operator of ONNX's own domain, on floats of 16 to 64 bits, whole
    numbers of 8 to 64 and booleans, except those of ``FOREIGN``.
    """
    return next((use for name, use in FOREIGN.items() if case.name.startswith(name)), "")


_SHORT: Final = 8
"""Elements of an input that may be a setting."""


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
    for written, live in _ways(case):
        word, reason = _tried(compiler, case, written)
        if word == "pass" and case.inputs and not live:
            break
        if word in ("pass", "wrong", "failed"):
            return word, reason
        refused = refused or (word, reason)
    # Without its inputs a case says nothing of a compiler that refused it with them.
    if refused and _may_run(case):
        return refused
    return "constant", "all of it is known beforehand"


def _may_run(case: Case) -> bool:
    """Is anything left to run where the case's settings alone are fixed?"""
    try:
        return bool(core_graph(case).inputs)
    except Unsupported:
        return True


def core_outcome(case: Case) -> Answer:
    """Returns how a case ends in the core graph, computed with numpy."""
    try:
        graph = core_graph(case)
    except Unsupported as error:
        return "unsupported", error.what
    return judged(case, interpret(graph, {name: case.inputs[name] for name in graph.inputs}))


def judged(case: Case, found: Mapping[str, Any]) -> Answer:
    """Returns whether outputs are right.

    They are within the case's own tolerances of what ONNX expects, or no further from the 64-bit
    result than that is itself: some of it was computed in 16 bits.
    """
    arrays = {name: np.asarray(array) for name, array in found.items()}
    error = case.error(arrays)
    if not error or _as_near(case, arrays):
        return "pass", ""
    return "wrong", error


def _as_near(case: Case, found: Mapping[str, NDArray[Any]]) -> bool:
    """Are outputs as near to the 64-bit result as those that ONNX expects?"""
    try:
        graph = core_graph(case)
    except Unsupported:
        return False
    given = {name: case.inputs[name] for name in graph.inputs}
    exact = interpret(graph, given, "double")
    for name, wanted in case.outputs.items():
        got, right = found.get(name), exact[name].astype(np.float64)
        if got is None or got.shape != wanted.shape or got.dtype != wanted.dtype:
            return False
        if wanted.dtype.kind != "f" or not np.isfinite(right).all():
            if not np.array_equal(got, wanted, equal_nan=wanted.dtype.kind == "f"):
                return False
        elif not np.abs(got - right).max(initial=0) <= np.abs(wanted - right).max(initial=0):
            return False
    return True


def _ways(case: Case) -> Iterator[tuple[bytes, int]]:
    """Yields the case with more and more of it fixed, and how many of its inputs are left."""
    short = [n for n, array in case.inputs.items() if array.ndim <= 1 and array.size <= _SHORT]
    whole = [n for n, array in case.inputs.items() if n in short or array.dtype.kind in "iub"]
    done: list[list[str]] = []
    for held in ([], short, whole):
        if held not in done:
            done.append(held)
            yield _fixed(case, held), len(case.inputs) - len(held)


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


def _fixed(case: Case, held: list[str]) -> bytes:
    """Returns the case with some of its inputs as constants."""
    import onnx
    from onnx import numpy_helper

    if not held:
        return case.onnx
    model: Any = onnx.load_model_from_string(case.onnx)
    kept = [each for each in model.graph.input if each.name not in held]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for name in held:
        model.graph.initializer.append(numpy_helper.from_array(case.inputs[name], name))
    return model.SerializeToString()
