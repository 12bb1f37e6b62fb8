"""The verbs of the vault: keep content in a model's weights, open any vault, say how much fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from latebra.api.register import Register
from latebra.core.errors import DoesNotFit, InputError, UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.core.keys import Key
from latebra.core.network import Arrays
from latebra.core.progress import Progress, silent
from latebra.hiding import vault
from latebra.hiding.medium import Sample
from latebra.hiding.vault import VaultReport, VaultRoom

FilePath = str | os.PathLike[str]
Run = Callable[[Path], Arrays]
"""Runs the model in a file on inputs of the caller's choice, and returns its outputs by name."""

_ARCHIVE: Final = b"PK\3\4"
_SMALLEST: Final = 1e-30
"""What outputs that are all zero are compared with."""


def vault_put(
    model: FilePath,
    content: bytes,
    *,
    key: Key,
    out: FilePath,
    drift: float | None = None,
    run: Run | None = None,
    bound: float | None = None,
    force: bool = False,
) -> VaultReport:
    """Writes a model with ``content`` in its weights, and returns what that did to it.

    What was written has been read back, and is within the bound, before the file takes its name.

    Args:
        model: A safetensors, ONNX or GGUF file; it stays as it is.
        content: Any bytes, at least one: a text, a soft prompt, a LoRA delta.
        key: What opens it; a passphrase goes through Argon2id.
        out: The file to write.
        drift: The largest relative change of a weight; None for 2^-15 of float32, 2^-9 of float16,
            2^-6 of bfloat16, 32-bit floats that were widened counting as what they were. No more
            low bits than the content needs are used.
        run: Runs the model in a file, before and after, for ``output_drift``.
        bound: The largest ``output_drift``; None for any.
        force: Whether ``out`` may be there already.

    Raises:
        DoesNotFit: The content is longer than the model holds, or outputs moved too far.
        InputError: There is no content, no such drift, or a bound without ``run``.
        UnreadableFile: The model is of no format that is known, or damaged.
        UnwritableFile: The file is there already, or cannot be written.
    """
    if bound is not None and run is None:
        raise InputError("a bound on outputs needs the model to be run", fix="give run as well")
    source, target = Path(model), Path(out)
    if target.exists() and not force:
        raise UnwritableFile(f"{target} exists", fix="choose another name, or force it")
    if target.exists() and source.exists() and target.samefile(source):
        raise UnwritableFile(f"{target} is also read", fix="write to another file")
    if _is_archive(source):
        raise UnreadableFile(
            f"{source} is a bundle", fix="put the content into the model before it is compiled"
        )
    file, report = vault.put(source, content, key=key, drift=drift)
    with _writing(target):
        folder = TemporaryDirectory(prefix=".latebra-", dir=target.parent)
    with folder as name:
        # Under its own name in a folder of its own: what runs a model may look at the ending.
        written = Path(name) / target.name
        with _writing(target), replacing(written) as writer:
            writer.write(file)
        if run is not None:
            report = replace(report, output_drift=_moved(run(source), run(written)))
        _refuse_beyond(bound, report)
        with _writing(target):
            written.replace(target)
    return report


def vault_open(
    file: FilePath,
    *,
    key: Key,
    samples: Sequence[Sample] = (),
    register: Register | None = None,
    compiler: str = "auto",
    progress: Progress = silent,
) -> bytes:
    """Returns the content that ``key`` opens; the file stays as it is.

    Args:
        file: A model that content was put into, the same weights saved again, or a bundle of it;
            with samples, a vault that ``vault_enrol`` wrote.
        key: What it was put in with, or the second factor.
        samples: Of the voice, the picture or the text that opens it; several count as one.
        register: Where this machine's shares are; it also counts the tries.
        compiler: What runs the network that the samples go through.
        progress: Told how far the work is.

    Raises:
        NothingRevealed: Another key, another sample, a model without content, changed weights, no
            share: all the same.
        TriedTooOften: It was tried in vain too often on this machine.
        InputError: There is too little in a sample, or they are of two kinds.
        UnreadableFile: The file or a sample is of no format that is known, or damaged.
    """
    if samples:
        from latebra.api.identity import opened  # As in ``run_onnx``.

        return opened(
            file, samples, key=key, register=register, compiler=compiler, progress=progress
        ).content
    path = Path(file)
    if not _is_archive(path):
        return vault.opened(path, key=key)
    from latebra.compiling.bundle import Bundle  # As in ``run_onnx``.

    return vault.opened(Bundle.open(path).model.onnx, key=key)


def vault_room(model: FilePath, *, drift: float | None = None) -> VaultRoom:
    """Returns how much content a model's weights hold.

    Args:
        model: A safetensors, ONNX or GGUF file.
        drift: The largest relative change of a weight, as for ``vault_put``.

    Raises:
        InputError: There is no such drift.
        UnreadableFile: The model is of no format that is known, or damaged.
    """
    return vault.room(model, drift=drift)


@contextmanager
def _writing(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise UnwritableFile(
            f"{target} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


def _is_archive(path: Path) -> bool:
    """Returns whether a file starts as bundles do."""
    try:
        with path.open("rb") as file:
            return file.read(len(_ARCHIVE)) == _ARCHIVE
    except OSError:
        return False


def run_onnx(path: Path) -> Arrays:
    """Returns what an ONNX file makes of inputs that are drawn, the same each time.

    Raises:
        LatebraError: It cannot be run here.
    """
    # Compilers are imported here: they are most of the time of a command that needs none.
    from latebra.api.compared import load_model
    from latebra.api.opened import chosen
    from latebra.compiling.opening import open_network
    from latebra.compiling.question import Question, posed

    asked, inputs = posed(load_model(path), Question())
    return open_network(asked.at_one, chosen("auto")[0], cache=None).run(inputs)


def _refuse_beyond(bound: float | None, report: VaultReport) -> None:
    moved = report.output_drift
    if bound is not None and moved is not None and not moved <= bound:
        raise DoesNotFit(
            f"{report.content_bytes} bytes move outputs by {moved:.2g} of the largest, the bound "
            f"is {bound:.2g}",
            fix="shorten the content, allow less drift of weights, or use a larger model",
        )


def _moved(before: Arrays, after: Arrays) -> float:
    """Returns the largest difference of outputs, as a share of the largest output."""
    if before.keys() != after.keys():
        raise InputError("run gave other outputs the second time", fix="return all, by name")
    moved = largest = 0.0
    for name, first in before.items():
        old, new = first.astype(np.float64), after[name].astype(np.float64)
        finite = np.isfinite(old)
        if not np.array_equal(old[~finite], new[~finite], equal_nan=True):
            return np.inf
        with np.errstate(invalid="ignore"):  # What was finite may have become infinite.
            apart = np.abs(old[finite] - new[finite])
        moved = max(
            moved, float(np.max(np.nan_to_num(apart, nan=np.inf, posinf=np.inf), initial=0))
        )
        largest = max(largest, float(np.max(np.abs(old[finite]), initial=0)))
    return moved / max(largest, _SMALLEST)
