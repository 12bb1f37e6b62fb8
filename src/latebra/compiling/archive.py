"""Named members in a folder or in one file, written plainly and read with suspicion.

One file is a ZIP archive whose members are stored, one after the other, with nothing between them:
so it cannot explode, hide a second file, or mean different things to different readers.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from latebra.core.errors import UnreadableFile, UnwritableFile
from latebra.core.files import replacing

MOST_MEMBERS: Final = 1025
"""The manifest, and what it may list."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a ZIP archive can hold: equal bundles are equal files."""
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
"""Names of members: no way up, no absolute path, nothing hidden, nothing but ASCII."""
MOST_NAME_CHARACTERS: Final = 200

_MOST_EXTRA_BYTES: Final = 20
"""What is written for a member of 4 GiB or more."""
_END_BYTES: Final = 22
"""The end of an archive that has no comment."""
_LOCAL: Final = struct.Struct("<4s5H3I2H")
"""A local header: signature, …, length of the name, length of the extra field."""
_FILE_MODE: Final = (stat.S_IFREG | 0o644) << 16
Reader = Callable[[int], bytes]
"""Returns a member's bytes, unless there are more than so many."""


def write_file(path: Path, members: Mapping[str, bytes], *, force: bool = False) -> None:
    """Writes one file, whole or not at all.

    Raises:
        UnwritableFile: It is there already and may not be replaced, or cannot be written.
    """
    _refuse_existing(path, force=force)
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
            for member, content in members.items():
                info = zipfile.ZipInfo(member, _EPOCH)
                info.create_system, info.external_attr = 3, _FILE_MODE
                archive.writestr(info, content, zipfile.ZIP_STORED)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_folder(path: Path, members: Mapping[str, bytes], *, force: bool = False) -> None:
    """Writes a folder; its manifest, the first member, comes last, and makes it one.

    Raises:
        UnwritableFile: It is there already and may not be replaced, or cannot be written.
    """
    _refuse_existing(path, force=force)
    try:
        for member, content in reversed(list(members.items())):
            target = path / member
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def read_members(path: Path) -> dict[str, Reader]:
    """Returns how to read each member of a folder or of one file.

    Raises:
        UnreadableFile: There is nothing of the kind, or it is not what we would have written.
    """
    try:
        if path.is_dir():
            return _folder(path)
        return _file(path)
    except (OSError, zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        # The last two are what the library says of damaged dates and of versions to come.
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableFile(
            f"{path} cannot be read as a bundle: {said or type(error).__name__}",
            fix="check the path, or get the bundle again",
        ) from error


def _folder(path: Path) -> dict[str, Reader]:
    found: dict[str, Reader] = {}
    for folder, names, files in os.walk(path):
        here = Path(folder)
        for name in [*names, *files]:
            member = (here / name).relative_to(path).as_posix()
            mode = (here / name).lstat().st_mode
            if name.startswith("."):
                continue  # What file managers leave behind; no member is called so.
            if stat.S_ISREG(mode):
                found[member] = _from_folder(here / name)
            elif not stat.S_ISDIR(mode):
                raise ValueError(f"{member!r} is neither file nor folder")
        if len(found) > MOST_MEMBERS:
            raise ValueError(f"it has more than {MOST_MEMBERS} members")
    return found


def _from_folder(path: Path) -> Reader:
    def read(most: int) -> bytes:
        # The file may have been exchanged since it was listed; a link is not followed.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            return file.read(most + 1)

    return read


def _file(path: Path) -> dict[str, Reader]:
    found: dict[str, Reader] = {}
    at = 0
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        if len(infos) > MOST_MEMBERS:
            raise ValueError(f"it has more than {MOST_MEMBERS} members")
        for info in infos:
            name = info.filename
            _require_plain(info)
            if name.casefold() in {each.casefold() for each in found}:
                raise ValueError(f"it has two members called {name!r:.100}")
            if info.header_offset != at:
                raise ValueError(f"{name!r} starts at {info.header_offset} and not at {at}")
            file.seek(at)
            *_, name_size, extra_size = _LOCAL.unpack(file.read(_LOCAL.size))
            if file.read(name_size) != name.encode() or extra_size > _MOST_EXTRA_BYTES:
                raise ValueError(f"{name!r} is called otherwise where it lies")
            begin = at + _LOCAL.size + name_size + extra_size
            found[name] = _from_file(path, begin, info.file_size)
            at = begin + info.file_size
        file.seek(-_END_BYTES, os.SEEK_END)
        if at != archive.start_dir or file.read(4) != b"PK\5\6":
            raise ValueError("it holds bytes that belong to no member")
    return found


def _require_plain(info: zipfile.ZipInfo) -> None:
    name, mode = info.filename, info.external_attr >> 16
    if not NAME.fullmatch(name) or len(name) > MOST_NAME_CHARACTERS:
        raise ValueError(f"{name!r:.100} is no name for a member")
    if mode and not stat.S_ISREG(mode):
        raise ValueError(f"{name!r} is no plain file")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(
            f"{name!r} is compressed: {info.file_size} from {info.compress_size} bytes"
        )
    if info.flag_bits:
        raise ValueError(f"{name!r} has the flags {info.flag_bits:#x}")


def _from_file(path: Path, begin: int, size: int) -> Reader:
    def read(most: int) -> bytes:
        with path.open("rb") as file:
            file.seek(begin)
            return file.read(min(size, most + 1))

    return read


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise UnwritableFile(f"{path} is there already", fix="choose another name, or force it")


def _unwritable(path: Path, error: OSError) -> UnwritableFile:
    return UnwritableFile(f"{path} cannot be written: {error.strerror}", fix="choose another place")
