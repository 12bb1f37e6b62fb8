"""What the verbs take and give: covers, files, and how a message was hidden."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latebra.hiding.medium import Cover, Medium, Source


@dataclass(frozen=True)
class HideReport:
    """How a message was hidden.

    Args:
        carrier: The carrier's id.
        channel: The channel that was promised.
        compiler: The compiler that wrote.
        verified_with: The compilers that read every cover back through the channel.
        message_bytes: Length of the message.
        room_bytes: Length of each cover's frame.
        covers: How many covers.
        attempts: How many were made; more than ``covers`` when some could not be read back.
        seconds: Wall-clock time, networks already open.
        seconds_in_network: Of these, inside ``Network.run``.
    """

    carrier: str
    channel: str
    compiler: str
    verified_with: tuple[str, ...]
    message_bytes: int
    room_bytes: int
    covers: int
    attempts: int
    seconds: float
    seconds_in_network: float


@dataclass(frozen=True)
class Stego:
    """Covers that carry a message.

    Args:
        covers: Pictures, grey levels (64, 64, 3) each; or texts. A set may be read in any order.
        report: How they were made.
        medium: How they get into files.
    """

    covers: tuple[Cover, ...] = field(repr=False)
    report: HideReport
    medium: Medium = field(repr=False)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
        """Writes files, whole or not at all: ``path``, or ``name-1.png``, ``name-2.png``, ….

        Raises:
            UnwritableFile: A file is there already (and ``force`` is not given), or cannot be
                written.
        """
        return save_all(self.covers, self.medium, Path(path), force=force)


@dataclass(frozen=True)
class Ordinary:
    """A cover without a message.

    Args:
        cover: A picture or a text.
        medium: How it gets into a file.
    """

    cover: Cover = field(repr=False)
    medium: Medium = field(repr=False)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Writes a file, whole or not at all.

        Raises:
            UnwritableFile: The file is there already (and ``force`` is not given), or cannot be
                written.
        """
        return save_all([self.cover], self.medium, Path(path), force=force)[0]


def save_all(covers: Sequence[Cover], medium: Medium, target: Path, *, force: bool) -> list[Path]:
    """Writes ``target``, or ``name-1.png``, ``name-2.png``, … where there are several covers.

    Raises:
        UnwritableFile: A file is there already (and ``force`` is not given), or cannot be written.
    """
    paths = [target]
    if len(covers) > 1:
        numbers = range(1, len(covers) + 1)
        paths = [target.with_name(f"{target.stem}-{i}{target.suffix}") for i in numbers]
    for place in paths:
        medium.refuse(place, force=force)
    for cover, place in zip(covers, paths, strict=True):
        medium.save(cover, place, force=force)
    return paths


def sources_of(source: Source | Stego | Sequence[Source]) -> list[Source]:
    """Returns what was given as a list."""
    if isinstance(source, Stego):
        return list(source.covers)
    if isinstance(source, str | os.PathLike | np.ndarray):
        return [source]
    return list(source)
