"""What the verbs take and give: pictures, files, and how a message was hidden."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from latebra.hiding import pictures

Picture = UInt8[np.ndarray, "height width 3"]
Source = str | os.PathLike[str] | NDArray[np.uint8]


@dataclass(frozen=True)
class HideReport:
    """How a message was hidden.

    Args:
        carrier: The carrier's id.
        channel: The channel that was promised.
        compiler: The compiler that wrote.
        verified_with: The compilers that read every picture back through the channel.
        message_bytes: Length of the message.
        room_bytes: Length of each picture's frame.
        pictures: How many pictures.
        attempts: How many were painted; more than ``pictures`` when some could not be read back.
        seconds: Wall-clock time, networks already open.
        seconds_in_network: Of these, inside ``Network.run``.
    """

    carrier: str
    channel: str
    compiler: str
    verified_with: tuple[str, ...]
    message_bytes: int
    room_bytes: int
    pictures: int
    attempts: int
    seconds: float
    seconds_in_network: float


@dataclass(frozen=True)
class Stego:
    """Pictures that carry a message.

    Args:
        pictures: Grey levels, (64, 64, 3) each; a set may be read in any order.
        report: How they were made.
    """

    pictures: tuple[Picture, ...] = field(repr=False)
    report: HideReport

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Writes PNG files, whole or not at all: ``path``, or ``name-1.png``, ``name-2.png``, ….

        Raises:
            UnwritableFile: A file is there already (and ``force`` is not given), or cannot be
                written.
        """
        target = Path(path)
        paths = [target]
        if len(self.pictures) > 1:
            numbers = range(1, len(self.pictures) + 1)
            paths = [target.with_name(f"{target.stem}-{i}{target.suffix}") for i in numbers]
        for place in paths:
            pictures.refuse(place, force=force)
        for picture, place in zip(self.pictures, paths, strict=True):
            pictures.save(picture, place, force=force)
        return paths


def sources_of(source: Source | Stego | Sequence[Source]) -> list[Source]:
    """Returns what was given as a list."""
    if isinstance(source, Stego):
        return list(source.pictures)
    if isinstance(source, str | os.PathLike | np.ndarray):
        return [source]
    return list(source)


def to_picture(source: Source, shape: tuple[int, ...], *, fit: bool) -> Picture:
    """Returns the grey levels of a file or an array, once they have the carrier's shape."""
    if isinstance(source, np.ndarray):
        pixels: NDArray[Any] = source
        pictures.check(pixels, shape, "the picture")
        return pixels
    return pictures.load(Path(source), shape, fit=fit)
