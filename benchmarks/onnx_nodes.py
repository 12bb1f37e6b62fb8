"""The cases of single operators that ONNX ships, with the core graph and with every compiler.

    python -m benchmarks.onnx_nodes [--compilers glow ngraph] [--every 1] [--core]

Each case ends in one word: pass, constant (nothing is left to run), unsupported (with the reason),
failed or wrong. A case whose
operator wants settings as inputs, such as the shape of a Reshape, is tried as written and then with
those fixed. ``--core`` hands compilers the case as the core graph says it. Left out are cases of
training, of trees, on text, sequences and optional values, of random numbers and of pictures in
files. Writes ``benchmarks/results/onnx_nodes.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import about
from latebra.compiling.contract import Model
from latebra.compiling.ir.interpret import interpret
from latebra.compiling.ir.to_onnx import to_onnx
from latebra.compiling.isolated import Isolated
from latebra.compiling.opening import installed
from latebra.core.errors import BuildFailed, LatebraError, RunFailed, Unsupported
from latebra.core.network import ModelCard
from latebra.testing.onnx_nodes import Case, core_graph, node_cases

RESULT = Path(__file__).parent / "results" / "onnx_nodes.json"
FOREIGN = (
    "test_adagrad",
    "test_adam",
    "test_ai_onnx_",
    "test_bernoulli",
    "test_image_decoder",
    "test_momentum",
    "test_nesterov",
    "test_optional",
    "test_tfidf",
    "test_training_dropout",
)
Answer = tuple[str, str]


def main() -> None:
    """Runs every case with everything that is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compilers", nargs="*", default=None)
    parser.add_argument("--every", type=int, default=1, help="take each n-th case only")
    parser.add_argument("--core", action="store_true")
    arguments = parser.parse_args()
    cases = [each for each in node_cases() if not each.name.startswith(FOREIGN)]
    cases = cases[:: arguments.every]
    runs: dict[str, Callable[[Case], Answer]] = {"core graph": _core}
    names = [name for name in installed() if name not in ("null",)]
    for name in names if arguments.compilers is None else arguments.compilers:
        label = f"{name} through the core graph" if arguments.core else name
        runs[label] = _Door(name, arguments.core)
    before = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else {}
    rows: dict[str, Any] = dict(before)
    for label, run in runs.items():
        rows[label] = _row(cases, run)
        print(label, rows[label]["counts"], flush=True)
        RESULT.write_text(
            json.dumps({**about(), "cases": len(cases), "rows": rows}, indent=1) + "\n"
        )


def _row(cases: list[Case], run: Callable[[Case], Answer]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    told: dict[str, dict[str, str]] = {}
    for case in cases:
        word, reason = run(case)
        counts[word] += 1
        if word != "pass":
            told.setdefault(word, {})[case.name] = reason[:160]
    # Where everything is known beforehand, a compiler has nothing to show.
    share = round(counts["pass"] / (counts.total() - counts["constant"]), 4)
    return {"counts": dict(counts), "share": share, **dict(sorted(told.items()))}


def _core(case: Case) -> Answer:
    try:
        graph = core_graph(case)
    except Unsupported as error:
        return "unsupported", error.what
    return _judged(case, interpret(graph, {name: case.inputs[name] for name in graph.inputs}))


def _judged(case: Case, found: Mapping[str, Any]) -> Answer:
    error = case.error({name: np.asarray(array) for name, array in found.items()})
    return ("wrong", error) if error else ("pass", "")


class _Door:
    """One compiler, in its own process."""

    def __init__(self, name: str, core: bool) -> None:
        self.compiler = Isolated(
            name=name, threads=1, build_timeout_s=60, load_timeout_s=60, run_timeout_s=30
        )
        self.core = core

    def __call__(self, case: Case) -> Answer:
        first: Answer | None = None
        for written in self._ways(case):
            answer = self._tried(case, written)
            if answer[0] in ("pass", "wrong"):
                return answer
            first = first or answer
        return first or ("constant", "all of it is known beforehand")

    def _ways(self, case: Case) -> list[bytes | Unsupported]:
        if self.core:
            try:
                graph = core_graph(case)
                return [to_onnx(graph)] if graph.nodes else []
            except Unsupported as error:
                return [error]
        return [case.onnx, *_fixed(case)]

    def _tried(self, case: Case, written: bytes | Unsupported) -> Answer:
        if isinstance(written, Unsupported):
            return "unsupported", written.what
        model = Model(written, _card(written))
        try:
            if not (support := self.compiler.supports(model)):
                return "unsupported", str(support)
            executable = self.compiler.load(self.compiler.build(model), model.card)
            wanted = {each.name for each in model.facts.inputs}
            inputs = {name: array for name, array in case.inputs.items() if name in wanted}
            found = executable.run(inputs)
        except (Unsupported, BuildFailed) as error:
            return "unsupported", error.what
        except RunFailed as error:
            return "failed", error.what
        except LatebraError as error:
            return "failed", error.what
        return _judged(case, found)


def _card(written: bytes) -> ModelCard:
    return ModelCard("node", hashlib.sha256(written).hexdigest(), "T3", 1e-3)


def _fixed(case: Case) -> list[bytes]:
    """Returns the case with its settings as constants, where it has any."""
    import onnx
    from onnx import numpy_helper

    model: Any = onnx.load_model_from_string(case.onnx)
    held = [
        name
        for name, array in case.inputs.items()
        if array.dtype.kind in "iub" or (array.ndim <= 1 and array.size <= 8)
    ]
    if not held or len(held) == len(case.inputs):
        return []
    kept = [each for each in model.graph.input if each.name not in held]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for name in held:
        model.graph.initializer.append(numpy_helper.from_array(case.inputs[name], name))
    return [model.SerializeToString()]


if __name__ == "__main__":
    main()
