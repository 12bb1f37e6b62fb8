"""What covers of one kind promise: they come out of files, go into files, and travel."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import UnwritableFile


class Text(str):
    """A text that is a cover; where a plain ``str`` would be the name of a file."""

    __slots__ = ()


Cover = NDArray[Any] | Text
Source = str | os.PathLike[str] | NDArray[Any]
"""A file's path, or a cover: an array, or a ``Text``."""
Sample = Source | tuple[NDArray[Any], int]
"""What opens a vault: a file's path, a ``Text``, a picture's pixels, or sound of one channel with
its samples a second."""


class Medium(ABC):
    """Covers of one kind, such as pictures of one size."""

    noun: ClassVar[str]
    """One of them, in a word."""
    suffixes: ClassVar[tuple[str, ...]]
    """How the files may end that nothing is lost in, the usual one first."""
    harm: ClassVar[str]
    """What another ending would do."""

    @abstractmethod
    def take(self, source: Source, channel: str | None = None) -> Cover:
        """Returns the cover that was handed over, or that is in a file.

        Args:
            source: A cover, or a file's path.
            channel: The channel it came through, where that is known.

        Raises:
            UnreadableFile: There is no such file, or it is no cover of this kind.
        """

    def like(self, source: Source) -> Medium:
        """Returns the medium that writes what is hidden in ``source``.

        A file may hold more than its cover, such as a colour profile or the names of classes; this
        is who keeps it.

        Args:
            source: What ``take`` took.
        """
        del source
        return self

    @abstractmethod
    def save(self, cover: Cover, path: Path, *, force: bool = False) -> None:
        """Writes a file, whole or not at all, with nothing in it but the cover.

        Raises:
            UnwritableFile: The file is there already, the folder is not, or it cannot be written.
        """

    @abstractmethod
    def send(self, cover: Cover, channel: str, rng: np.random.Generator) -> Cover:
        """Returns the cover as it arrives through ``channel``.

        Raises:
            KeyError: There is no such channel.
        """

    def refuse(self, path: Path, *, force: bool) -> None:
        """Raises UnwritableFile when ``path`` has a wrong ending, or is there already."""
        if path.suffix.lower() not in self.suffixes:
            raise UnwritableFile(
                f"{path} does not end in {self.suffixes[0]}",
                fix=f"name it {self.suffixes[0]}: {self.harm}",
            )
        if path.exists() and not force:
            raise UnwritableFile(f"{path} exists", fix="choose another name, or force it")
