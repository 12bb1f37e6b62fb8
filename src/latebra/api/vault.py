"""The verbs of the vault: keep content in a model's weights, open it, say how much fits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from latebra.core.errors import InputError, UnwritableFile
from latebra.core.files import replacing
from latebra.core.keys import Key
from latebra.core.network import Arrays
from latebra.hiding import vault
from latebra.hiding.vault import VaultReport, VaultRoom

FilePath = str | os.PathLike[str]
Run = Callable[[Path], Arrays]
"""Runs the model in a file on inputs of the caller's choice, and returns its outputs by name."""

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
    force: bool = False,
) -> VaultReport:
    """Writes a model with ``content`` in its weights, and returns what that did to it.

    What was written has been read back before the file takes its name.

    Args:
        model: A safetensors file; it stays as it is.
        content: Any bytes, at least one: a text, a soft prompt, a LoRA delta.
        key: What opens it; a passphrase goes through Argon2id.
        out: The file to write.
        drift: The largest relative change of a weight; None for 2^-15 of float32, 2^-9 of float16,
            2^-6 of bfloat16. No more low bits than the content needs are used.
        run: Runs the model, before and after, for ``output_drift``.
        force: Whether ``out`` may be there already.

    Raises:
        DoesNotFit: The content is longer than the model holds.
        InputError: There is no content, or no such drift.
        UnreadableFile: The model is of no format that is known, or damaged.
        UnwritableFile: The file is there already, or cannot be written.
    """
    source, target = Path(model), Path(out)
    if target.exists() and not force:
        raise UnwritableFile(f"{target} exists", fix="choose another name, or force it")
    if target.exists() and source.exists() and target.samefile(source):
        raise UnwritableFile(f"{target} is also read", fix="write to another file")
    file, report = vault.put(source, content, key=key, drift=drift)
    try:
        with replacing(target) as writer:
            writer.write(file)
    except OSError as error:
        raise UnwritableFile(
            f"{target} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None
    return report if run is None else replace(report, output_drift=_moved(run(source), run(target)))


def vault_open(model: FilePath, *, key: Key) -> bytes:
    """Returns the content that ``key`` opens in a model's weights; the file stays as it is.

    Args:
        model: A model that content was put into, or the same weights saved again.
        key: What it was put in with.

    Raises:
        NothingRevealed: Another key, a model without content, changed weights: all the same.
        UnreadableFile: The model is of no format that is known, or damaged.
    """
    return vault.opened(model, key=key)


def vault_room(model: FilePath, *, drift: float | None = None) -> VaultRoom:
    """Returns how much content a model's weights hold.

    Args:
        model: A safetensors file.
        drift: The largest relative change of a weight, as for ``vault_put``.

    Raises:
        InputError: There is no such drift.
        UnreadableFile: The model is of no format that is known, or damaged.
    """
    return vault.room(model, drift=drift)


def _moved(before: Arrays, after: Arrays) -> float:
    """Returns the largest difference of outputs, as a share of the largest output."""
    if before.keys() != after.keys():
        raise InputError("run gave other outputs the second time", fix="return all, by name")
    moved = largest = 0.0
    for name, first in before.items():
        second = after[name]
        if first.size:
            moved = max(moved, float(np.max(np.abs(first.astype(float) - second.astype(float)))))
            largest = max(largest, float(np.max(np.abs(first.astype(float)))))
    return moved / max(largest, _SMALLEST)
