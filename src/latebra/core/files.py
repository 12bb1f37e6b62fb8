"""Where files are kept, how much of them, and how they are written: whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from latebra.core.errors import InputError

UNFINISHED: Final = ".latebra-"
"""How the name of a file begins that is not whole yet."""
_EVERYONE: Final = 0o644
"""Whoever may look into the folder may read what people make for others."""
_ROOM_GB: Final = 20
"""What ten compilers make of two language models; a choice."""


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Generator[BinaryIO]:
    """Opens a file that takes the name ``path`` once all is written, and else leaves nothing.

    Args:
        path: What is there already is replaced.
        private: Whether its owner alone may read it.

    Raises:
        OSError: It cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if not private:
            temporary.chmod(_EVERYONE)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def usual_room_bytes() -> float:
    """Returns how much the artifacts in one folder may take together.

    ``LATEBRA_CACHE_GB`` gigabytes if it is set, ``inf`` for no end; else 20.

    Raises:
        InputError: It is no such number.
    """
    told = os.environ.get("LATEBRA_CACHE_GB") or str(_ROOM_GB)
    try:
        gigabytes = float(told)
    except ValueError:
        gigabytes = float("nan")
    if not gigabytes >= 0:
        raise InputError(
            f"LATEBRA_CACHE_GB is {told!r}, which is no number of gigabytes",
            fix=f"set it to a number such as {_ROOM_GB}, to inf, or not at all",
        )
    return gigabytes * 1e9


def usual_folder() -> Path:
    """Returns where this user's artifacts and models are kept.

    ``LATEBRA_CACHE`` if it is set; else ``latebra`` in the folder that the system means for caches.
    """
    return _folder(
        "LATEBRA_CACHE",
        windows=("LOCALAPPDATA", "AppData/Local"),
        mac="Library/Caches",
        other=("XDG_CACHE_HOME", ".cache"),
    )


def lasting_folder() -> Path:
    """Returns where this user keeps what no cache may lose.

    ``LATEBRA_HOME`` if it is set; else ``latebra`` in the folder that the system means for data.
    """
    return _folder(
        "LATEBRA_HOME",
        windows=("APPDATA", "AppData/Roaming"),
        mac="Library/Application Support",
        other=("XDG_DATA_HOME", ".local/share"),
    )


def _folder(variable: str, windows: tuple[str, str], mac: str, other: tuple[str, str]) -> Path:
    """Returns the folder that a variable names, or a system's: by its own variable, or usually."""
    if chosen := os.environ.get(variable):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / mac / "latebra"
    system, usual = windows if sys.platform == "win32" else other
    return Path(os.environ.get(system) or Path.home() / usual) / "latebra"
