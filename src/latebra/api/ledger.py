"""Ledgers: files of signed records, one a line, in which a mark's name is looked up.

A ledger needs no protection: whoever changes a record breaks its signature. Whoever deletes one
makes its picture unverifiable, so keep copies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.hiding.provenance.record import LARGEST, Record

USUAL: Final = "ledger.jsonl"
"""The name of a ledger in a folder of signed pictures."""
_NAME: Final = re.compile(rb'"name":"([0-9a-f]{16})"')


class Ledger:
    """Records by the names that marks carry.

    Args:
        paths: The files, each of which may hold any number of records.

    Raises:
        UnreadableFile: A file cannot be read.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._lines: dict[bytes, list[bytes]] = {}
        for path in {path.resolve(): path for path in paths}.values():
            self._read(path)

    def records(self, name: bytes) -> list[Record]:
        """Returns what claims to be the record of that name: the genuine one, if any, is first.

        What is no record is left out; a record that was changed since it was signed is not.
        """
        found: list[Record] = []
        for line in self._lines.get(name, []):
            try:
                told, record = Record.parse(line.decode())
            except (InputError, UnicodeDecodeError):
                continue
            if told == name:
                found.append(record)
        return sorted(found, key=lambda record: not is_genuine(name, record))

    def add(self, line: bytes) -> None:
        """Takes in one line; what has no name is left out."""
        named = _NAME.search(line) if len(line) <= LARGEST else None
        if named:
            self._lines.setdefault(bytes.fromhex(named[1].decode()), []).append(line)

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                # A line that is longer than any record comes in pieces, none of which is one.
                while line := file.readline(LARGEST + 1):
                    self.add(line.rstrip(b"\r\n"))
        except OSError as error:
            raise UnreadableFile(
                f"{path} cannot be read: {error.strerror}", fix="check the path"
            ) from None


def is_genuine(name: bytes, record: Record) -> bool:
    """Returns whether a record is signed, and is that of the name."""
    return record.claim.name == name and record.genuine


def append(path: Path, record: Record) -> None:
    """Writes a record behind those that a ledger has, which is made if it is not there.

    Raises:
        UnwritableFile: The file cannot be written.
    """
    try:
        with path.open("ab+") as file:
            # One that was cut short must not swallow the next.
            if file.tell() and _last(path) != b"\n":
                file.write(b"\n")
            file.write(record.line().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


def _last(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
