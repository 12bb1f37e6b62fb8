"""How keys are written: one line of text with a marker, a version and a checksum."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from latebra.core.errors import BadKey, UnreadableFile, UnwritableFile

MARKER: Final = "latebra-"
CHECKSUM: Final = 4
LONGEST_FILE: Final = 4096
"""Bytes of a key file that are read at most: a hostile path can lead to any amount."""
NAMES: Final = {"key": "a key", "identity": "an identity", "public": "a public key"}


def write(kind: str, raw: bytes) -> str:
    """Returns ``latebra-<kind>-1-<base32>``: ``raw`` and four bytes of its SHA-256."""
    body = raw + _checksum(kind, raw)
    return f"{MARKER}{kind}-1-" + base64.b32encode(body).decode().rstrip("=").lower()


def is_marked(text: str) -> bool:
    """Returns whether ``text`` is written as a key of some kind is."""
    return text.strip().lower().startswith(tuple(f"{MARKER}{kind}-" for kind in NAMES))


def read(kind: str, text: str, length: int) -> bytes:
    """Returns the bytes that a line of text stands for; the text itself is never in an error.

    Args:
        kind: What is wanted: "key", "identity" or "public".
        text: One line; upper case is as good.
        length: How many bytes there must be.

    Raises:
        BadKey: It is something else, of another version, or mistyped.
    """
    wanted = NAMES[kind]
    marker, _, rest = text.strip().lower().partition("-")
    found, _, rest = rest.partition("-")
    version, _, body = rest.partition("-")
    if marker + "-" != MARKER or found not in NAMES:
        raise BadKey(
            f"this is not {wanted}", fix=f"give the line that starts with {MARKER}{kind}-1-"
        )
    if found != kind:
        raise BadKey(f"this is {NAMES[found]}, where {wanted} is needed", fix=f"give {wanted}")
    if version != "1":
        raise BadKey(f"this is {wanted} of version {version[:8]!r}, not 1", fix="update latebra")
    try:
        raw = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != length + CHECKSUM or write(kind, raw[:length]) != text.strip().lower():
        raise BadKey(
            f"{wanted} was mistyped or cut: it does not check", fix="copy the whole line again"
        )
    return raw[:length]


def load(path: str | os.PathLike[str]) -> str:
    """Returns the one line of a key file that is neither empty nor starts with ``#``.

    Raises:
        UnreadableFile: The file cannot be read, or holds no such line, or several.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(LONGEST_FILE + 1).decode()
    except UnicodeDecodeError:
        raise UnreadableFile(
            f"{path} is not a key file: it is not text", fix="check the path"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read: {reason}", fix="check the path") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(text) > LONGEST_FILE or len(lines) != 1 or not is_marked(lines[0]):
        raise UnreadableFile(f"{path} is not a key file", fix="make one with latebra key new")
    return lines[0]


def save(path: str | os.PathLike[str], text: str, *, force: bool) -> None:
    """Writes a secret that its owner alone can read, whole or not at all.

    Raises:
        UnwritableFile: The file is there already, or cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=".latebra-", dir=target.parent)  # mode 0600
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            temporary.replace(target)
        else:
            _claim(temporary, target)
    except FileExistsError:
        raise UnwritableFile(f"{path} exists", fix="choose another name, or force it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnwritableFile(
            f"{path} cannot be written: {reason}", fix="choose a folder that you can write to"
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _claim(temporary: Path, target: Path) -> None:
    """Gives ``temporary`` the name ``target`` unless something has it: a link cannot overwrite."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # A file system without links: two steps, and a moment between them.
        if target.exists():
            raise FileExistsError from None
        temporary.replace(target)


def _checksum(kind: str, raw: bytes) -> bytes:
    return hashlib.sha256(f"latebra/1 {kind}".encode() + raw).digest()[:CHECKSUM]
