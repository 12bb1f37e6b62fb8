"""Large files that are made once, and made again where they are damaged."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final, final

from latebra.core.errors import UnwritableFile
from latebra.core.files import replacing

log = logging.getLogger(__name__)

_MOST_SIDE_BYTES: Final = 1_000


@final
class Store:
    """A folder of files, each beside the SHA-256 of its content and of the code that made it.

    Args:
        folder: Where; it is made when something is first kept.
        code: The folder of the code that makes the files.
    """

    def __init__(self, folder: Path, code: Path) -> None:
        self.folder = folder
        self._code = code
        self._whole: set[str] = set()

    def file(self, name: str, make: Callable[[BinaryIO], None]) -> Path:
        """Returns the path of a file that is whole.

        Args:
            name: The file's name.
            make: Writes it; called where it is missing, damaged, or was made by other code.

        Raises:
            UnwritableFile: The folder cannot be written.
        """
        path = self.folder / name
        if name in self._whole and path.exists():
            return path
        side = path.with_name(f"{name}.sha256")
        if not self._is_whole(path, side):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    make(file)
                with replacing(side) as file:
                    file.write(self._told(path).encode())
            except OSError as error:
                raise UnwritableFile(
                    f"{path} cannot be written: {error.strerror}",
                    fix="make room, or set LATEBRA_CACHE to a folder that has some",
                ) from None
        self._whole.add(name)
        return path

    def _is_whole(self, path: Path, side: Path) -> bool:
        try:
            told = side.read_bytes()[:_MOST_SIDE_BYTES]
            is_whole = told == self._told(path).encode()
        except OSError:
            return False
        if not is_whole:
            log.info("%s is damaged, or was made by other code, and is made again", path)
        return is_whole

    def _told(self, path: Path) -> str:
        with path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {_digest_of(self._code)}\n"


@cache
def _digest_of(folder: Path) -> str:
    """Returns a digest of the code in a folder, and of this file's."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
