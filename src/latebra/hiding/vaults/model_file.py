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
from latebra.hiding.vaults import gguf_file, onnx_file, safetensors_file
from latebra.hiding.vaults.places import Kind, Place

Source = str | os.PathLike[str] | bytes
"""A model's file, or its bytes."""
FORMATS: Final = "safetensors, ONNX or GGUF"


@dataclass(frozen=True)
class Weights:
    """The numbers of one tensor.

    Args:
        name: The tensor's name.
        kind: The type that the file says its numbers have.
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


def named(source: Source) -> str:
    """Returns what a model is called in an error."""
    return "the model" if isinstance(source, bytes) else str(source)


def open_model(source: Source) -> ModelFile:
    """Returns the model in a file, or in the bytes of one.

    Raises:
        UnreadableFile: There is no such file, it is of no format that is known, or damaged.
    """
    content = memoryview(bytearray(source)) if isinstance(source, bytes) else _mapped(Path(source))
    try:
        return ModelFile(content, _weights(content, _reader(content)(content)))
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableFile(
            f"{named(source)} is not a whole model: {error}",
            fix=f"give a model as {FORMATS}, or get it again",
        ) from None


def _mapped(path: Path) -> memoryview:
    """Returns a file as memory that is read when it is used and copied where it is changed."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise UnreadableFile(f"{path} is empty", fix="get the model again")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read: {reason}", fix="check the path") from None


def _reader(content: memoryview) -> Callable[[memoryview], list[Place]]:
    """Returns what reads a file that starts like this one."""
    start = bytes(content[:9])
    if start.startswith(gguf_file.MAGIC):
        return gguf_file.places
    # The JSON of a header; ONNX files have a letter of their maker's name there.
    return safetensors_file.places if start[8:] == b"{" else onnx_file.places


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
