"""The verbs of comparing: load a model, compare compilers on it, choose one."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.api.opened import models
from latebra.compiling import choosing, external, jax_door, judge, torch_door
from latebra.compiling.choosing import Choice
from latebra.compiling.contract import Model
from latebra.compiling.question import BATCH, ROUNDS, Question
from latebra.compiling.report import Report
from latebra.compiling.trial import Patience
from latebra.compiling.verdict import BOUND
from latebra.core.errors import InputError, RunFailed, UnreadableFile, Unsupported
from latebra.core.network import ModelCard
from latebra.core.progress import Progress, silent

Source = str | os.PathLike[str] | bytes | Model | Callable[..., Any]
"""An ONNX file, its bytes, a bundled name, a loaded model, a torch module or a function."""

_FIRST_BYTE: Final = b"\x08"
"""Of every file that starts with its format's version, as ONNX files do."""


def load_model(
    source: Source,
    *,
    name: str = "",
    example: Sequence[NDArray[Any]] | None = None,
    samples: Sequence[Mapping[str, NDArray[Any]]] = (),
) -> Model:
    """Returns a network before it is compiled.

    Args:
        source: An ONNX file, with the weights that it keeps in files of its folder; its bytes; the
            name of a bundled network; a torch module; or a function that JAX can trace.
        name: What it is called; the file's name unless told.
        example: For a module or a function, one array for each argument: the model takes arrays
            of these shapes, as ``x0``, ``x1``, ….
        samples: Inputs that are typical of the model, arrays by input name, for variants that are
            fitted to such, as ``glow:int8`` is. Some ten are enough.

    Raises:
        InputError: It is nothing that can be loaded, there is no example of its inputs, or a sample
            does not fit.
        UnreadableFile: There is no such file, it is no whole ONNX file, or its weights are missing.
        Unsupported: Torch or JAX cannot export it.
        Unavailable: What exports it is not installed.
    """
    model = _loaded(source, name, example)
    for sample in samples:
        try:
            model.facts.check(sample)
        except RunFailed as error:
            raise InputError(f"a sample does not fit: {error.what}", fix=error.fix) from None
    return dataclasses.replace(model, samples=(*model.samples, *samples)) if samples else model


def _loaded(source: Source, name: str, example: Sequence[NDArray[Any]] | None) -> Model:
    if isinstance(source, Model):
        return source
    if torch_door.is_module(source):
        kind = type(source).__name__
        return _named(torch_door.exported(source, example or ()), name or kind, kind)
    if jax_door.is_function(source):
        function: Any = source
        kind = getattr(function, "__name__", type(function).__name__)
        return _named(jax_door.exported(function, example or ()), name or kind, kind)
    if isinstance(source, bytes):
        return _whole(_named(source, name or "model", "the model"), None)
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"a {type(source).__name__} is no model",
            fix="give an ONNX file, its bytes, a bundled name, a torch module or a function",
        )
    given: Any = source  # pyright: ignore[reportUnknownVariableType] of whatever is called so
    path = Path(given)
    if not path.exists() and str(given) in list(models):
        return Model(models.onnx(str(given)), models[str(given)])
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(
            f"there is no file {path}",
            fix=f"check the path, or name a bundled model: {', '.join(models)}",
        ) from None
    except IsADirectoryError:
        raise UnreadableFile(f"{path} is a folder", fix="give the ONNX file inside") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None
    return _whole(_named(content, name or path.stem, str(path)), path)


def compare(
    model: Source,
    *,
    compilers: Sequence[str] | None = None,
    inputs: Mapping[str, NDArray[Any]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    threads: int | None = None,
    batch: int = BATCH,
    rounds: int = ROUNDS,
    bound: float = BOUND,
    timeout_s: float | None = None,
    progress: Progress = silent,
) -> Report:
    """Returns what every compiler makes of one model: one word, times, error, sizes, a reason.

    Args:
        model: What ``load_model`` takes, or what it returned.
        compilers: Ids from ``latebra.compilers``; None for all.
        inputs: Arrays by input name; without them they are drawn.
        shapes: Lengths for open axes, by input name.
        threads: Of the measurement with several; None for one each processor, at most four.
        batch: Items in a batch, where the model has an open batch axis; 1 leaves that out.
        rounds: How often all compilers take turns.
        bound: Largest relative error that is accepted.
        timeout_s: How long one build, load or run may take; None for 900 s a build, 120 s a run.
        progress: Told how far the work is.

    Raises:
        InputError: Shapes or inputs do not fit the model, or a number is too small.
        UnknownPlugin: No compiler has such an id.
        UnreadableFile: The model cannot be read.
    """
    patience = Patience()
    if timeout_s is not None:
        patience = Patience(build_s=timeout_s, run_s=timeout_s, turns_s=timeout_s)
    question = Question(
        inputs=inputs,
        shapes=shapes or {},
        threads=threads,
        batch=batch,
        rounds=rounds,
        bound=bound,
        patience=patience,
    )
    return judge.compare(load_model(model), compilers, question, progress)


def choose(report: Report, goal: str = "latency", bound: float | None = None) -> Choice:
    """Returns the best compiler of a comparison, of those that are right.

    Args:
        report: What ``compare`` returned.
        goal: "latency", "throughput", "memory", "size" or "exact".
        bound: Largest relative error that is accepted; None for the report's own.

    Raises:
        InputError: There is no such goal.
        Unavailable: No compiler is right within the bound.
    """
    return choosing.choose(report, goal, bound)


def _whole(model: Model, path: Path | None) -> Model:
    """Returns the model with what it keeps in files beside it."""
    names = external.outside(model.onnx)
    if not names:
        return model
    if path is None:
        raise InputError(
            f"the model keeps weights in {', '.join(names)}, and bytes lie in no folder",
            fix="give the path of the ONNX file",
        )
    onnx = external.taken_in(model.onnx, path)
    digest = hashlib.sha256(onnx).hexdigest()
    return Model(onnx, dataclasses.replace(model.card, digest=digest))


def _named(onnx: bytes, name: str, place: str) -> Model:
    """Returns a model that nobody vouches for: no golden vector, no bound."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    plain = plain.strip("_").lower() or "model"
    if not plain[0].isalpha():
        plain = f"model_{plain}"
    model = Model(onnx, ModelCard(plain, hashlib.sha256(onnx).hexdigest(), "T3", np.inf))
    try:
        _ = model.facts
    except Unsupported as error:
        if onnx.startswith(_FIRST_BYTE) and "past the end" in str(error.__cause__):
            raise UnreadableFile(
                f"{place} ends before its graph does, after {len(onnx)} bytes",
                fix="fetch it again: it is cut short, or is not an ONNX file",
            ) from None
        raise UnreadableFile(f"{place} is not an ONNX file", fix=error.fix) from None
    return model
