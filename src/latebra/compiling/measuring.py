"""Measure trials: alone on one thread, on several, at a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from latebra.compiling.contract import Model, Outcome
from latebra.compiling.likeness import same_bits
from latebra.compiling.question import Posed, Question
from latebra.compiling.shapes import fixed, has_open_batch
from latebra.compiling.trial import Trial, middle, reopen, take_turns
from latebra.core.errors import LatebraError
from latebra.core.network import Arrays
from latebra.core.progress import Progress


def time_one(
    trials: Sequence[Trial],
    inputs: Arrays,
    threads: int,
    question: Question,
    progress: Progress,
) -> None:
    """Measures CPU time with one thread, all compilers taking turns; then closes the trials."""
    found = take_turns(
        trials,
        inputs,
        question.rounds,
        question.patience,
        lambda done: progress("one thread", done, question.rounds),
    )
    for trial in trials:
        readings = found.get(trial.row.compiler, [])
        if readings and trial.runs:
            trial.row = replace(trial.row, cpu_s=middle(readings, cpu=True))
            if threads == 1:
                trial.row = replace(trial.row, wall_s=middle(readings, cpu=False))
        trial.close()


def time_several(
    trials: Sequence[Trial],
    model: Model,
    inputs: Arrays,
    threads: int,
    question: Question,
    progress: Progress,
) -> None:
    """Measures wall time with several threads, each built for them; then closes the trials."""
    stage = f"{threads} threads"
    running = [trial for trial in trials if trial.row.outcome in (Outcome.OK, Outcome.WRONG)]
    for trial in running:
        try:
            reopen(trial, model, threads, question.patience, question.kept())
        except LatebraError as error:
            trial.fail(error)
        else:
            _same_threads(trial, inputs)
    found = take_turns(
        running,
        inputs,
        question.rounds,
        question.patience,
        lambda done: progress(stage, done, question.rounds),
    )
    for trial in running:
        readings = found.get(trial.row.compiler, [])
        if readings and trial.runs:
            trial.row = replace(trial.row, wall_s=middle(readings, cpu=False))
        trial.close()


def _same_threads(trial: Trial, inputs: Arrays) -> None:
    reading = trial.read(inputs)
    if reading and trial.outputs:
        alike = same_bits(reading.outputs, trial.outputs)
        same = replace(trial.row.same, threads=alike)
        trial.row = replace(trial.row, same=same)


def time_batch(
    trials: Sequence[Trial],
    model: Posed,
    inputs: Arrays,
    threads: int,
    question: Question,
    progress: Progress,
) -> tuple[int | None, list[str]]:
    """Measures items a second; a compiler that fails here keeps its word, and is noted."""
    if question.batch < 2 or not has_open_batch(model.given):
        return None, []
    several = {name: np.repeat(each, question.batch, axis=0) for name, each in inputs.items()}
    size = next(iter(several.values())).shape[0]
    notes: list[str] = []
    try:
        batched = fixed(model.given, {name: each.shape for name, each in several.items()})
    except LatebraError as error:
        return None, [f"not measured at batch {size}: {error.what}"]
    guests: list[tuple[Trial, Trial]] = []
    for trial in trials:
        if trial.row.outcome is not Outcome.OK:
            continue
        guest = Trial(trial.row)
        guests.append((trial, guest))
        try:
            reopen(guest, batched, threads, question.patience, question.kept())
        except LatebraError as error:
            guest.fail(error)
    found = take_turns(
        [guest for _, guest in guests],
        several,
        max(1, question.rounds // 2),
        question.patience,
        lambda done: progress(f"batch {size}", done, max(1, question.rounds // 2)),
    )
    for trial, guest in guests:
        readings = found.get(trial.row.compiler, [])
        if readings and guest.runs:
            seconds = float(np.median(middle(readings, cpu=False)))
            trial.row = replace(trial.row, items_s=size / seconds)
        else:
            notes.append(f"{trial.row.compiler} at batch {size}: {guest.row.reason}")
        guest.close()
    return size, notes
