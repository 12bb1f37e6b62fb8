"""Folders for workers' temporary files, gone with whoever made them: at once, or at the next start.

A process that is killed cannot tidy up. So each folder is locked by the process that made it, and
the kernel undoes locks: one that can be locked belongs to nobody any more.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PREFIX: Final = "latebra-"
_YOUNG_S: Final = 60.0
"""Younger folders are left alone: they may not be locked yet."""


@dataclass(frozen=True)
class Scratch:
    """A folder for one worker's temporary files.

    Args:
        path: Where.
        lock: A descriptor that says it is in use; below zero where the system has no such locks.
    """

    path: str
    lock: int

    @classmethod
    def made(cls) -> Scratch:
        """Returns a new folder; the first time, those of processes that were killed are removed.

        Raises:
            OSError: There is no room for one.
        """
        sweep()
        path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        return cls(path, _locked(path))

    def remove(self) -> None:
        """Removes it, and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.leave()

    def leave(self) -> None:
        """Leaves it to whoever made it: a child that was forked off does."""
        if self.lock >= 0:
            os.close(self.lock)


@cache
def sweep() -> None:
    """Removes the folders of this user's processes that were killed; once a process."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime < _YOUNG_S:
                continue
            lock = _locked(str(path))
            if lock >= 0:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _locked(path: str) -> int:
    """Returns a descriptor that locks a folder, or -1 where another has it, or nobody can."""
    if sys.platform == "win32":
        return -1
    import fcntl

    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return -1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return -1
    return lock
