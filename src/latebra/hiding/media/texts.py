"""Texts in and out of files, and what copying does to them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from typing_extensions import override

from latebra.core.errors import UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.hiding.media.edits import PROMISED, edited
from latebra.hiding.medium import Cover, Medium, Source, Text

LARGEST: Final = 2**20
"""Most bytes of a text that is opened."""

CHANNELS: Final[Mapping[str, str]] = {
    "copied": "copied through files, terminals and clipboards: line ends, spaces at the ends of "
    "lines, and the form of accents may change; words may not",
    "edited": "copied, and edited: one word in ten is another, or one in twenty is left out and "
    "one in twenty put in",
}
"""Channel id to what it does to a text."""


def settled(text: str) -> str:
    r"""Returns the form that all copies of a text have in common.

    Accents are composed (Unicode's NFC), a line ends with one line feed, and there are no spaces at
    the ends of lines, no empty lines and no byte-order mark at the ends of the text.

    Example:
        >>> settled("One. \r\n\r\nTwo.\n")
        'One.\n\nTwo.'
    """
    lines = unicodedata.normalize("NFC", text.removeprefix("\ufeff")).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


def read(path: Path) -> Text:
    """Returns the text in a file.

    Raises:
        UnreadableFile: There is no such file, it is no text, or too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path} could not be read: {error}", fix="check the file") from None
    if len(content) > LARGEST:
        raise UnreadableFile(f"{path} has more than {LARGEST} bytes, the limit of a text")
    try:
        return Text(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path} is not a text in UTF-8", fix="give a text file") from None


def garbled(text: str, rng: np.random.Generator) -> Text:
    """Returns what an unkind copy makes of ``text``: all that ``settled`` undoes."""
    lines = unicodedata.normalize("NFD", text).split("\n")
    ends = [" " * int(count) for count in rng.integers(0, 3, len(lines))]
    return Text("\r\n".join(line + end for line, end in zip(lines, ends, strict=True)) + "\r\n")


@dataclass(frozen=True)
class Texts(Medium):
    """Plain texts, in UTF-8 files."""

    noun: ClassVar[str] = "text"
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".md")
    harm: ClassVar[str] = "it is written as plain text"

    @override
    def take(self, source: Source, channel: str | None = None) -> Cover:
        if isinstance(source, Text):
            return source
        if isinstance(source, np.ndarray):
            raise UnreadableFile("an array is no text", fix="give a file, or latebra.Text(...)")
        return read(Path(source))

    @override
    def save(self, cover: Cover, path: Path, *, force: bool = False) -> None:
        self.refuse(path, force=force)
        try:
            with replacing(path) as file:
                file.write(f"{cover}\n".encode())
        except OSError as error:
            raise UnwritableFile(
                f"{path} cannot be written: {error.strerror}",
                fix="choose a folder that you can write to",
            ) from None

    @override
    def send(self, cover: Cover, channel: str, rng: np.random.Generator) -> Cover:
        if channel not in CHANNELS:
            raise KeyError(channel)
        text = str(cover)
        if channel == "edited":
            text = edited(text, PROMISED[int(rng.integers(len(PROMISED)))], rng)
        return garbled(text, rng)
