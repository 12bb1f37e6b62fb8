"""The verb that compiles: the best compiler, or a named one, in a bundle to take elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from latebra.api.compared import Source, choose, load_model
from latebra.compiling import judge
from latebra.compiling.bundle import Bundle
from latebra.compiling.choosing import GOALS, Choice
from latebra.compiling.contract import Model
from latebra.compiling.deciding import decided
from latebra.compiling.golden import golden_vector, vouched
from latebra.compiling.question import Posed, Question, posed
from latebra.compiling.report import Report
from latebra.compiling.sharing import PLUS, described
from latebra.compiling.verdict import BOUND
from latebra.compiling.worker import make
from latebra.core.errors import BuildFailed, InputError, Unsupported
from latebra.core.progress import Progress, silent

ROUNDS: Final = 7
"""Turns that compilers take before one is chosen: the median is then the fourth of seven."""
USUAL_FALLBACK: Final = "onnxruntime"
"""It comes with the core install, and takes nearly everything."""


@dataclass(frozen=True)
class Compiled:
    """A model, compiled.

    Args:
        bundle: What to save and to run.
        reason: Who runs it, and why, in one sentence.
        choice: Which compiler, and why; None where you named it.
        report: What it was chosen from; None where you named it.
    """

    bundle: Bundle
    reason: str
    choice: Choice | None = None
    report: Report | None = None


def compile(
    model: Source,
    *,
    compiler: str = "auto",
    fallback: str | None = None,
    goal: str = "latency",
    bound: float | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    threads: int | None = None,
    licence: str = "",
    progress: Progress = silent,
) -> Bundle:
    """Returns a bundle: the model, a golden vector, and what was built.

    A model that came without a golden vector gets one from the reference, in 64-bit floats; it is
    checked wherever the bundle is opened. The bundle's card holds how far each pair of compilers
    was apart, where they were compared.

    Args:
        model: What ``load_model`` takes, or what it returned.
        compiler: An id from ``latebra.compilers``, ``id:variant``, or "auto": all are compared, and
            the best of those that are right is taken.
        fallback: Another compiler, for what the one you named cannot take: the model is cut around
            that, and both share it, as ``compiler+fallback``. None has it refused instead.
        goal: What "auto" looks for: "latency", "throughput", "memory", "size" or "exact".
        bound: Largest relative error that is accepted; None for 1e-3, or what a variant you named
            needs.
        shapes: Lengths for open axes, by input name: those that are built for and checked. The
            bundle takes other lengths too, and compiles for them when they come.
        threads: How many it may use; None for one each processor, at most four.
        licence: The text that says what may be done with the model.
        progress: Told how far the work is.

    Raises:
        InputError: Shapes do not fit the model, there is no such goal, or no thread.
        Unavailable: The compiler is not installed, or none is right.
        CompileError: The compiler failed, or is wrong.
    """
    return compiled(
        model,
        compiler=compiler,
        fallback=fallback,
        goal=goal,
        bound=bound,
        shapes=shapes,
        threads=threads,
        licence=licence,
        progress=progress,
    ).bundle


def compiled(
    model: Source,
    *,
    compiler: str,
    fallback: str | None,
    goal: str,
    bound: float | None,
    shapes: Mapping[str, Sequence[int]] | None,
    threads: int | None,
    licence: str,
    progress: Progress,
) -> Compiled:
    """Returns the same as ``compile``, with the choice and what it was made from."""
    if goal not in GOALS:
        raise InputError(f"there is no goal {goal!r}", fix=f"choose from {', '.join(GOALS)}")
    if compiler == "auto" and fallback:
        raise InputError(
            "a fallback was given, and no compiler to fall back from",
            fix="name the compiler that you want, or leave the fallback out",
        )
    plain = load_model(model)
    question = Question(shapes=shapes or {}, threads=threads, batch=1, rounds=ROUNDS)
    if compiler == "auto":
        question = dataclasses.replace(question, bound=BOUND if bound is None else bound)
        report = judge.compare(plain, None, question, progress)
        report = decided(report, plain, question, goal, progress)
        choice = choose(report, goal)
        asked, _ = posed(plain, question)
        ready = _from_report(asked, report)
        bundle = Bundle.built(ready, [choice.compiler], threads=threads, licence=licence)
        return Compiled(bundle, choice.reason, choice, report)
    named = make(compiler, 1)
    if fallback:
        make(fallback, 1)  # An unknown id is said before the work.
    asked, inputs = posed(plain, question)
    limit = named.variants[named.variant].bound if named.variant else BOUND
    progress("reference", 0, 2)
    golden = asked.at_one.card.golden or golden_vector(asked.at_one, inputs)
    progress("reference", 1, 2)
    ready = asked.at_one
    if golden:
        ready = vouched(plain, golden, limit if bound is None else bound)
    found = _built(ready, compiler, fallback, threads=threads, licence=licence)
    progress("reference", 2, 2)
    return found


def _built(
    model: Model, compiler: str, fallback: str | None, *, threads: int | None, licence: str
) -> Compiled:
    """Returns what the compiler that was named makes of the model, with help where it needs some.

    Raises:
        Unsupported: The compiler cannot take the model, and there is no fallback, or not even both
            together can.
    """
    try:
        bundle = Bundle.built(model, [compiler], threads=threads, licence=licence)
    except (Unsupported, BuildFailed) as error:
        if not fallback and compiler == USUAL_FALLBACK:
            raise
        if not fallback:
            fix = error.fix or "choose another compiler"
            fix += f"; or add a fallback for the rest, as in --fallback {USUAL_FALLBACK}"
            raise type(error)(error.what, fix=fix) from error
        pair = f"{compiler}{PLUS}{fallback}"
        try:
            bundle = Bundle.built(model, [pair], threads=threads, licence=licence)
        except (Unsupported, BuildFailed) as second:
            what = f"{error.what}; with {fallback} beside it: {second.what}"
            raise type(second)(what, fix=second.fix) from second
        who = described(bundle.artifacts[0].content, compiler, fallback)
        return Compiled(bundle, f"{error.what}; {who}")
    return Compiled(bundle, f"{compiler}: as you asked" + _seen(model, compiler))


def _seen(model: Model, compiler: str) -> str:
    """Says what a variant was fitted to, where that is nothing of yours."""
    if model.samples or not make(compiler, 1).is_fitted:
        return ""
    return ", fitted to drawn inputs alone: give typical ones, as samples"


def _from_report(asked: Posed, report: Report) -> Model:
    if report.golden is None:
        return asked.at_one
    about: dict[str, Any] = {
        "judge": report.judge,
        "apart": {name: dict(others) for name, others in report.apart.items()},
    }
    return vouched(asked.given, report.golden, report.bound, about)
