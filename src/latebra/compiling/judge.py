"""Compare compilers on one model: who is right, how fast each is, what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from latebra.compiling.contract import Model, Outcome, usual_threads
from latebra.compiling.likeness import same_bits
from latebra.compiling.measuring import time_batch, time_one, time_several
from latebra.compiling.question import USUAL_QUESTION, Question, posed
from latebra.compiling.report import Report
from latebra.compiling.trial import FIX, Trial, enter
from latebra.compiling.verdict import Verdict, judged
from latebra.compiling.worker import compilers, make
from latebra.core.network import Arrays, Golden
from latebra.core.progress import Progress, silent


def contenders() -> list[str]:
    """Returns the ids of the compilers that are compared unless told, the one to prefer first.

    One that needs nothing and still cannot run, such as ``null``, could never be anything else.
    Variants of one that is here come right after it.
    """
    names = [name for name, plugin in compilers.items() if plugin.needs or plugin().probe()]
    found: list[str] = []
    for name in sorted(names, key=lambda name: (compilers[name].rank, name)):
        found.append(name)
        if compilers[name]().probe():
            found += [f"{name}:{variant}" for variant in compilers[name].variants]
    return found


def compare(
    model: Model,
    names: Sequence[str] | None = None,
    question: Question = USUAL_QUESTION,
    progress: Progress = silent,
) -> Report:
    """Returns what each compiler makes of ``model``, one row each.

    Args:
        model: The network.
        names: Compilers' ids; None for all.
        question: What to compare on.
        progress: Told how far the work is.

    Raises:
        InputError: Shapes or inputs do not fit the model.
        UnknownPlugin: No compiler has such an id.
        Unsupported: It is not an ONNX file.
    """
    names = contenders() if names is None else list(dict.fromkeys(names))
    for name in names:
        make(name, 1)  # An unknown id is said before the work.
    asked, inputs = posed(model, question)
    threads = question.threads or usual_threads()
    trials: list[Trial] = []
    try:
        for number, name in enumerate(names):
            progress("build, load, check", number, len(names))
            trials.append(enter(name, asked.at_one, inputs, question.patience, question.kept()))
        progress("build, load, check", len(names), len(names))
        time_one(trials, inputs, threads, question, progress)
        verdict = _judge(trials, asked.at_one, inputs, question.bound)
        if threads > 1:
            time_several(trials, asked.at_one, inputs, threads, question, progress)
        batch, notes = time_batch(trials, asked, inputs, threads, question, progress)
    finally:
        for trial in trials:
            trial.close()
    return Report(
        model=asked.at_one.card.name,
        digest=asked.given.file_digest,
        inputs=tuple(f"{name}: {each.dtype} {each.shape}" for name, each in inputs.items()),
        threads=threads,
        batch=batch,
        bound=question.bound,
        judge=verdict.judge,
        verdict=verdict.why,
        rows=tuple(trial.row for trial in trials),
        apart=verdict.apart,
        notes=(*_warnings(trials), *_unfitted(trials, asked.given), *notes),
        golden=_golden(trials, asked.at_one, inputs, verdict.judge),
    )


def _judge(trials: Sequence[Trial], model: Model, inputs: Arrays, bound: float) -> Verdict:
    ran = {t.row.compiler: t for t in trials if t.outputs and t.row.outcome is Outcome.OK}
    golden = model.card.golden
    vouched = golden.outputs if golden and same_bits(inputs, golden.inputs) else None
    outputs = {name: trial.outputs for name, trial in ran.items() if trial.outputs}
    verdict = judged(outputs, vouched, bound)
    for name, error in verdict.errors.items():
        row = replace(ran[name].row, error=error)
        why = ""
        if vouched and not ran[name].bound and not error.largest <= model.card.bound:
            why = (
                f"off its golden vector by {error.largest:.1e}; the bound is {model.card.bound:.0e}"
            )
        elif not error.relative <= (limit := max(bound, ran[name].bound)):
            share = f"{error.relative:.1e} of the largest value"
            why = f"off by {error.largest:.1e}, {share}; the bound is {limit:.0e}"
        if why:
            row = replace(row, outcome=Outcome.WRONG, reason=why, fix=FIX[Outcome.WRONG])
        ran[name].row = row
    return verdict


def _golden(trials: Sequence[Trial], model: Model, inputs: Arrays, judge: str) -> Golden | None:
    if judge == "golden":
        return model.card.golden
    outputs = next((t.outputs for t in trials if t.row.compiler == judge), None)
    return Golden(dict(inputs), outputs) if outputs else None


def _unfitted(trials: Sequence[Trial], model: Model) -> list[str]:
    """Says what the variants that are fitted to samples saw instead of some."""
    fitted = [t.row.compiler for t in trials if t.outputs and make(t.row.compiler, 1).is_fitted]
    if model.samples or not fitted:
        return []
    return [f"{', '.join(fitted)} saw drawn inputs alone: give typical ones, as samples"]


def _warnings(trials: Sequence[Trial]) -> list[str]:
    odd = sorted(
        {
            name
            for trial in trials
            for name, array in (trial.outputs or {}).items()
            if array.dtype.kind == "f" and not np.isfinite(array).all()
        }
    )
    if not odd:
        return []
    return [f"output {', '.join(odd)} holds values that are not finite: give it better inputs"]
