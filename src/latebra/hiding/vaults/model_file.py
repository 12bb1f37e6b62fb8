"""A model's file in memory: its float tensors can be rewritten, the file on disk stays."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import UnreadableFile
from latebra.hiding.vaults import safetensors
from latebra.hiding.vaults.places import Kind, Place

FORMATS: Final = "safetensors"


@dataclass(frozen=True)
class Weights:
    """The numbers of one tensor.

    Args:
        name: The tensor's name.
        kind: The type of its numbers.
        words: Their bits as unsigned integers, (count,): a view of the file in memory.
    """

    name: str
    kind: Kind
    words: NDArray[Any] = field(repr=False)


@dataclass(frozen=True)
class ModelFile:
    """A model's file in memory.

    Args:
        content: All of its bytes; writing to them leaves the file on disk as it is.
        weights: Its float tensors by name, in the order of their names.
    """

    content: memoryview = field(repr=False)
    weights: tuple[Weights, ...]


def open_model(path: str | os.PathLike[str]) -> ModelFile:
    """Returns the model in a file.

    Raises:
        UnreadableFile: There is no such file, it is of no format that is known, or damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise UnreadableFile(f"{path} is empty", fix="get the model again")
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read: {reason}", fix="check the path") from None
    try:
        return ModelFile(content, _weights(content, _reader(content)(content)))
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableFile(
            f"{path} is not a whole model: {error}", fix=f"give a model in {FORMATS}"
        ) from None


def _reader(content: memoryview) -> Callable[[memoryview], list[Place]]:
    """Returns what reads a file that starts like this one."""
    return safetensors.places


def _weights(content: memoryview, places: Sequence[Place]) -> tuple[Weights, ...]:
    """Returns views of the tensors, in the order of their names, which survives other writers.

    Raises:
        ValueError: Two have one name, or lie over one another, or past the end.
    """
    at = 0
    for place in sorted(places, key=lambda place: (place.start, place.end)):
        if place.start < at:
            raise ValueError(f"tensor {place.name!r:.100} lies over another")
        at = place.end
        if at > len(content):
            raise ValueError(f"tensor {place.name!r:.100} ends at {at} of {len(content)} bytes")
    named = {place.name: place for place in places}
    if len(named) != len(places):
        raise ValueError("two tensors have one name")
    return tuple(
        Weights(name, place.kind, np.frombuffer(content, place.kind.word, place.count, place.start))
        for name, place in sorted(named.items())
    )
