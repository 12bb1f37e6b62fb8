"""One compiler's way through one model: built, loaded in a fresh process, run, timed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.cache import Cache
from latebra.compiling.contract import Compiler, Executable, Model, Outcome
from latebra.compiling.isolated import Isolated
from latebra.compiling.likeness import same_bits
from latebra.compiling.opening import outcome_of
from latebra.compiling.report import Identity, Row
from latebra.compiling.stopwatch import Reading, read, timed
from latebra.compiling.worker import make
from latebra.core.errors import LatebraError
from latebra.core.network import Arrays

_REPORT: Final = "use another compiler for this model, and report it to the authors of this one"
FIX: Final = {
    Outcome.ABSENT: "install it: latebra doctor shows how",
    Outcome.UNSUPPORTED: "use another compiler for this model",
    Outcome.BUILD_FAILED: _REPORT,
    Outcome.LOAD_FAILED: _REPORT,
    Outcome.RUN_FAILED: _REPORT,
    Outcome.WRONG: "use another compiler, or accept more with --bound if that does no harm",
    Outcome.TIMED_OUT: "give it more with --timeout, or use another compiler",
}
"""What to do about each word where the error itself does not say."""

_SHORTEST_S: Final = 2e-3
"""A measurement runs a model as often as fills this time, so that the clock's grain is small."""
_MOST_RUNS: Final = 50


@dataclass(frozen=True)
class Patience:
    """How long a compiler may take.

    Args:
        build_s: For one build, in seconds.
        run_s: For one load or one run, in seconds.
        turns_s: For all its measured runs with one number of threads, in seconds; it then stops
            taking turns, after one at least.
    """

    build_s: float = 900.0
    run_s: float = 120.0
    turns_s: float = 20.0


@dataclass
class Trial:
    """One compiler on one model, so far.

    Args:
        row: What is known.
        outputs: Its result with one thread, where it got so far.
        bound: Relative difference that its precision explains, where that is a variant's.
        again: What its second run took, as it is loaded now.
    """

    row: Row
    outputs: dict[str, NDArray[Any]] | None = None
    bound: float = 0.0
    again: Reading | None = field(default=None, repr=False)
    _worker: Isolated | None = field(default=None, repr=False)
    _executable: Executable | None = field(default=None, repr=False)

    @property
    def runs(self) -> bool:
        """Whether it is loaded and can be timed."""
        return self._executable is not None

    def read(self, inputs: Arrays, runs: int = 1) -> Reading | None:
        """Returns a measurement, or None once it failed: then the row says how."""
        if self._executable is None:
            return None
        try:
            return read(self._executable, inputs, runs)
        except LatebraError as error:
            self.fail(error)
            return None

    def fail(self, error: LatebraError) -> None:
        """Takes note of how it ended, and lets go of its process."""
        word = outcome_of(error)
        what = error.what.replace(timed(""), "")  # The stopwatch around it is nobody's business.
        reason, _, said = what.partition("; it last said:\n")
        self.row = replace(
            self.row,
            outcome=word,
            reason=" ".join(reason.split()),
            fix=error.fix or FIX[word],
            said=said,
        )
        self.close()

    def close(self) -> None:
        """Ends its process; what was measured stays."""
        self._executable = self.again = None
        if self._worker:
            self._worker.close()
            self._worker = None

    def open(self, worker: Isolated, artifact: bytes, model: Model) -> None:
        """Loads an artifact in a worker, in place of what was loaded before."""
        self.close()
        self._worker = worker
        self._executable = worker.load(artifact, model.card)


def enter(name: str, model: Model, inputs: Arrays, patience: Patience, kept: Cache | None) -> Trial:
    """Returns the trial of one compiler with one thread, loaded in a process of its own.

    It is built in one process and loaded in another, so that memory and first run are those of
    somebody who has the artifact; both processes run it, so that their bits can be compared.

    Args:
        name: The compiler's id.
        model: The network, its axes fixed.
        inputs: What to run it on.
        patience: How long it may take.
        kept: Where artifacts are kept, if anywhere.
    """
    plain = make(name, 1)
    variant = plain.variants.get(plain.variant)
    title = f"{plain.title}: {variant.about}" if variant else plain.title
    precision = variant.bound if variant else 0.0
    row = Row(name, title, Outcome.OK, versions=plain.versions(), precision=precision)
    if not (here := plain.probe()):
        fix = here.fix or FIX[Outcome.ABSENT]
        return Trial(replace(row, outcome=Outcome.ABSENT, reason=str(here), fix=fix))
    if not (takes := plain.supports(model)):
        fix = takes.fix or FIX[Outcome.UNSUPPORTED]
        return Trial(replace(row, outcome=Outcome.UNSUPPORTED, reason=str(takes), fix=fix))
    trial = Trial(row, bound=precision)
    try:
        with _worker(name, 1, patience) as builder:
            artifact, build_s = _artifact(name, plain, builder, model, kept)
            trial.row = replace(trial.row, build_s=build_s, artifact_bytes=len(artifact))
            there = read(builder.load(artifact, model.card), inputs)
        trial.open(_worker(name, 1, patience), artifact, model)
        _first_runs(trial, there, inputs)
    except LatebraError as error:
        trial.fail(error)
    return trial


def reopen(
    trial: Trial, model: Model, threads: int, patience: Patience, kept: Cache | None
) -> None:
    """Builds and loads the trial's compiler anew, with another number of threads or another model.

    Raises:
        LatebraError: It failed.
    """
    name = trial.row.compiler
    plain = make(name, threads)
    worker = _worker(name, threads, patience)
    try:
        artifact, _ = _artifact(name, plain, worker, model, kept)
        trial.open(worker, artifact, model)
    except BaseException:
        worker.close()
        raise


def take_turns(
    trials: Sequence[Trial],
    inputs: Arrays,
    rounds: int,
    patience: Patience,
    step: Callable[[int], None],
) -> dict[str, list[Reading]]:
    """Returns measurements by compiler, one a round; within a round all take turns.

    One that has used up its patience stops taking turns, after one at least.

    Args:
        trials: Those that are loaded take part.
        inputs: What to run them on.
        rounds: How many.
        patience: How long each may take.
        step: Told how many rounds are done.
    """
    found: dict[str, list[Reading]] = {trial.row.compiler: [] for trial in trials if trial.runs}
    spent = dict.fromkeys(found, 0.0)
    often: dict[str, int] = {}
    for number in range(rounds):
        # Whoever runs after a hungry neighbour finds the caches cold: let that change.
        order = list(trials) if number % 2 else list(reversed(trials))
        for trial in order:
            name = trial.row.compiler
            if not trial.runs or spent[name] > patience.turns_s:
                continue
            if name not in often:
                warm = trial.again or trial.read(inputs)
                often[name] = _runs(warm.wall_s[0]) if warm else 1
                if warm and warm.wall_s[0] > patience.turns_s:
                    found[name].append(warm)
                    spent[name] = np.inf
                    continue
            reading = trial.read(inputs, often[name])
            if reading:
                found[name].append(reading)
                spent[name] += sum(reading.wall_s)
        step(number + 1)
    return found


def _first_runs(trial: Trial, there: Reading, inputs: Arrays) -> None:
    """Measures the first run, and compares a second and the builder's own with it."""
    first = trial.read(inputs)
    again = trial.read(inputs)
    if first is None or again is None:
        return
    trial.outputs, trial.again = first.outputs, again
    trial.row = replace(
        trial.row,
        load_s=first.load_s,
        first_s=first.wall_s[0],
        peak_bytes=again.peak_bytes or None,
        same=Identity(
            runs=same_bits(first.outputs, again.outputs),
            processes=same_bits(first.outputs, there.outputs),
        ),
    )


def _artifact(
    name: str, plain: Compiler, worker: Compiler, model: Model, kept: Cache | None
) -> tuple[bytes, float]:
    """Returns an artifact and the seconds that building it took, now or when it was kept."""
    facts = plain.kept_by(name, model)
    aside = {**facts, "kept": "seconds"}
    if kept and (artifact := kept.get(facts)) and (seconds := kept.get(aside)):
        return artifact, float(json.loads(seconds))
    start = time.perf_counter()
    artifact = worker.build(model)
    took = time.perf_counter() - start
    if kept:
        kept.put(facts, artifact)
        kept.put(aside, json.dumps(took).encode())
    return artifact, took


def _worker(name: str, threads: int, patience: Patience) -> Isolated:
    return Isolated(
        threads=threads,
        name=timed(name),
        build_timeout_s=patience.build_s,
        load_timeout_s=patience.run_s,
        run_timeout_s=patience.run_s,
    )


def _runs(seconds: float) -> int:
    return int(np.clip(np.ceil(_SHORTEST_S / max(seconds, 1e-9)), 1, _MOST_RUNS))


def middle(readings: Sequence[Reading], *, cpu: bool) -> tuple[float, ...]:
    """Returns the median time of one run for each round: of the CPU, or on the wall."""
    return tuple(median(each.cpu_s if cpu else each.wall_s) for each in readings)
