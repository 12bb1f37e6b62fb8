"""What this machine keeps of vaults: a share of each key, and how often somebody failed.

A vault whose share is forgotten opens nowhere any more, not even for the right sample and the right
passphrase, whoever has copies of it. Counting tries slows down who tries at this machine; who
copied the register as well tries as often as they like.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from latebra.core.errors import TriedTooOften, UnreadableFile, UnwritableFile
from latebra.core.files import lasting_folder
from latebra.hiding.identity.locked import SHARE

FREE: Final = 5
"""Failures in a row that cost no waiting."""
FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 86_400.0
_TABLES: Final = """
create table if not exists shares (name blob primary key, share blob not null) without rowid;
create table if not exists tries
    (name blob primary key, failures integer not null, until real not null) without rowid;
"""


class Register:
    """A file of shares and tries, for its owner alone.

    Args:
        path: Where; None for this user's own.
        clock: Seconds since any fixed time.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path or lasting_folder() / "register.sqlite"
        self._clock = clock

    def add(self, name: bytes) -> bytes:
        """Returns a new share for a vault, which is kept from now on."""
        share = os.urandom(SHARE)
        with self._open() as file:
            file.execute("insert into shares values (?, ?)", (name, share))
        return share

    def share(self, name: bytes) -> bytes:
        """Returns the share of a vault; nothing where none is kept."""
        if not self.path.exists():
            return b""
        with self._open() as file:
            row = file.execute("select share from shares where name = ?", (name,)).fetchone()
        return row[0] if row else b""

    def forget(self, name: bytes) -> bool:
        """Forgets a vault's share for good; returns whether there was one."""
        if not self.path.exists():
            return False
        with self._open() as file:
            file.execute("delete from tries where name = ?", (name,))
            return file.execute("delete from shares where name = ?", (name,)).rowcount > 0

    def check(self, name: bytes) -> None:
        """Raises TriedTooOften while a vault may not be tried."""
        if not self.path.exists():
            return
        with self._open() as file:
            row = file.execute(
                "select failures, until from tries where name = ?", (name,)
            ).fetchone()
        if row and row[1] > self._clock():
            raise TriedTooOften(
                f"this vault was tried {row[0]} times in vain",
                fix=f"try again in {row[1] - self._clock():.0f} s",
            )

    def note(self, name: bytes, *, opened: bool) -> None:
        """Takes note of a try."""
        with self._open() as file:
            if opened:
                file.execute("delete from tries where name = ?", (name,))
                return
            row = file.execute("select failures from tries where name = ?", (name,)).fetchone()
            failures = (row[0] if row else 0) + 1
            wait = 0.0
            if failures >= FREE:
                wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - FREE, 40))
            file.execute(
                "insert or replace into tries values (?, ?, ?)",
                (name, failures, self._clock() + wait),
            )

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """Opens the file; what is done is kept, or nothing of it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            file = sqlite3.connect(self.path, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise UnwritableFile(
                f"{self.path} cannot be written: {error}", fix="choose another --register"
            ) from None
        try:
            file.execute("pragma secure_delete = on")
            file.executescript(_TABLES)
            with file:
                yield file
        except sqlite3.DatabaseError as error:
            raise UnreadableFile(
                f"{self.path} is no register: {error}", fix="choose another --register"
            ) from None
        finally:
            file.close()
