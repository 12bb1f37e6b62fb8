"""What goes to the screen: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.core.progress import Progress

_interrupted = Event()


class Usage(InputError):
    """The words of a command contradict one another, or one is missing."""


def say(text: str) -> None:
    """Writes a line of result to stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Writes a line that is no result to stderr."""
    sys.stderr.write(text + "\n")


def say_json(value: object) -> None:
    """Writes ``value`` to stdout as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Writes rows to stdout: columns by name, or a JSON list of objects.

    Args:
        rows: All with the same names, in the order of the columns.
        as_json: Whether a program reads it.
    """
    if as_json:
        say_json([dict(row) for row in rows])
        return
    if not rows:
        return
    lines = [[name.replace("_", " ") for name in rows[0]]]
    lines += [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        say("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def interrupt(number: int, frame: object) -> NoReturn:
    """Handles Ctrl-C: raises, and remembers that it did."""
    del number, frame
    _interrupted.set()
    raise KeyboardInterrupt


def quiet(event: sys.UnraisableHookArgs) -> None:
    """Says nothing of a Ctrl-C that a finaliser or a callback swallowed: see ``_heed``."""
    if event.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(event)


def _heed(stage: str, done: int, total: int) -> None:
    del stage, done, total
    if _interrupted.is_set():
        raise KeyboardInterrupt


@contextmanager
def bars() -> Generator[Progress, None, None]:
    """Yields what shows progress: a bar on a terminal, silence elsewhere.

    It also ends the work when somebody pressed Ctrl-C and a finaliser swallowed the exception.
    """
    if not sys.stderr.isatty():
        yield _heed
        return
    from rich.console import Console  # Imported here: a quarter of the time of a short command.
    from rich.progress import Progress as Rich

    with Rich(console=Console(stderr=True), transient=True) as rich:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            _heed(stage, done, total)
            if stage not in tasks:
                tasks[stage] = rich.add_task(stage, total=total)
            rich.update(tasks[stage], completed=done, total=total)

        yield show


def read_message(words: str | None, file: Path | None) -> bytes:
    """Returns the message: the argument, or a file's bytes, or what comes on stdin.

    Raises:
        Usage: There are two messages, or none and a person at the keyboard.
        UnreadableFile: The file cannot be read.
    """
    if words is not None and file is not None:
        raise Usage("there are two messages, an argument and a file", fix="give one of them")
    if words is not None:
        return os.fsencode(words)
    if file is not None:
        return read_file(file)
    if sys.stdin.isatty():
        raise Usage("there is no message", fix="give it as an argument, --file, or on stdin")
    return sys.stdin.buffer.read()


def read_file(path: Path) -> bytes:
    """Returns the bytes of a file.

    Raises:
        UnreadableFile: It cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None


def write_message(message: bytes, out: Path | None, *, force: bool) -> None:
    """Writes a revealed message to a file, or to stdout, byte for byte.

    Raises:
        InputError: It is not text, and stdout is a terminal.
        UnwritableFile: The file is there already, or cannot be written.
    """
    if out is not None:
        write_file(message, out, force=force, private=True)
    elif not sys.stdout.isatty():
        sys.stdout.buffer.write(message)
    elif not _is_text(message):
        raise InputError(
            f"the message is {len(message)} bytes that are not text, and this is a terminal",
            fix="write it to a file with --out FILE",
        )
    else:
        say(message.decode())


def refuse_to_write(path: Path, inputs: Sequence[Path], *, force: bool) -> None:
    """Raises UnwritableFile when ``path`` is an input, is there already, or has no folder."""
    if any(_same(path, each) for each in inputs):
        raise UnwritableFile(f"{path} is also read", fix="write to another file")
    if path.exists() and not force:
        raise UnwritableFile(f"{path} exists", fix="choose another name, or add --force")
    if path.is_dir():
        raise UnwritableFile(f"{path} is a folder", fix="give the name of a file")
    if not path.parent.is_dir():
        raise UnwritableFile(f"there is no folder {path.parent}", fix="make it first")


def write_file(content: bytes, path: Path, *, force: bool, private: bool = False) -> None:
    """Writes a file, whole or not at all; a private one is for its owner alone to read.

    Raises:
        UnwritableFile: It is there already (and ``force`` is not given), or cannot be written.
    """
    refuse_to_write(path, [], force=force)
    try:
        with replacing(path, private=private) as file:
            file.write(content)
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


def look(path: Path) -> None:
    """Opens a picture with the desktop's viewer, or says where it is when there is no desktop."""
    opener = _opener()
    if opener is None:
        note(f"no viewer here; the picture is at {path.resolve()}")
        return
    subprocess.Popen(  # noqa: S603  # The viewer was found on PATH; the path is one word.
        [opener, str(path.resolve())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    note(f"opening {path}")


def _opener() -> str | None:
    if sys.platform == "darwin":
        return shutil.which("open")
    if sys.platform == "win32":
        return shutil.which("explorer")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return shutil.which("xdg-open")


def _is_text(message: bytes) -> bool:
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\n\t" for letter in text)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (
        one.exists() and other.exists() and one.samefile(other)
    )
