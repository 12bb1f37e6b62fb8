"""Built artifacts on disk, known by everything that made them, as many as there is room for."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from latebra.core.files import UNFINISHED, replacing, usual_folder, usual_room_bytes

log = logging.getLogger(__name__)

USUAL_CACHE: Final = Path()
"""Stands for the user's own cache folder, which is looked up when a network is opened."""
_ENDING: Final = ".artifact"
_DIGEST_BYTES: Final = 32
_ABANDONED_S: Final = 24 * 3600.0
"""A file that was begun so long ago will not be finished: whoever wrote it was killed."""


@cache
def processor() -> str:
    """Returns a name for this processor that changes with the instructions it knows."""
    told = [platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return " ".join(told)
    wanted = ("model name", "flags", "Features", "CPU part")
    told += [line for line in lines if line.startswith(wanted)][:3]
    return " ".join(told)


@cache
def code() -> str:
    """Returns a digest of the code that compiles: what other code built is built again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Cache:
    """Artifacts in a folder, one file each, written whole or not at all.

    Each file starts with the SHA-256 of the rest, so that a damaged one is found and rebuilt. When
    one more is kept, those that nobody used for longest make room for it.

    Args:
        folder: Where; it is made when something is first kept.
        room_bytes: How much all of them may take together; what was kept last stays, however large.
    """

    folder: Path
    room_bytes: float = float("inf")

    @classmethod
    def at(cls, folder: Path) -> Cache:
        """Returns the cache in a folder, or in the user's own, with the room that the user gives.

        Raises:
            InputError: The user gives what is no number of gigabytes.
        """
        return cls(usual_folder() if folder is USUAL_CACHE else folder, usual_room_bytes())

    def path(self, facts: Mapping[str, object]) -> Path:
        """Returns the file of the artifact that ``facts`` describe."""
        told = {**facts, "code": code(), "processor": processor(), "system": platform.system()}
        name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{name}{_ENDING}"

    def get(self, facts: Mapping[str, object]) -> bytes | None:
        """Returns the artifact, or None where there is none that is whole."""
        path = self.path(facts)
        try:
            kept = path.read_bytes()
        except OSError:
            return None
        digest, artifact = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
        if hashlib.sha256(artifact).digest() != digest:
            log.info("%s is damaged and will be rebuilt", path)
            return None
        with suppress(OSError):
            os.utime(path)  # When it was last used: those of longest ago go first.
        return artifact

    def put(self, facts: Mapping[str, object], artifact: bytes) -> None:
        """Keeps an artifact; where the folder cannot be written, it does without."""
        path = self.path(facts)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path, private=True) as file:
                file.write(hashlib.sha256(artifact).digest())
                file.write(artifact)
            self._make_room(path)
        except OSError as error:
            log.info("%s is not kept: %s", path, error)

    def _make_room(self, newest: Path) -> None:
        """Drops what was used longest ago until the rest fits, and what was never finished.

        Whoever is reading a file has it whole: it only loses its name, or, where the system forbids
        that, it stays.
        """
        for path, about in _found(self.folder, f"{UNFINISHED}*"):
            if time.time() - about.st_mtime > _ABANDONED_S:
                _drop(path)
        kept = _found(self.folder, f"*{_ENDING}")
        taken = sum(about.st_size for _, about in kept)
        for path, about in sorted(kept, key=lambda each: each[1].st_mtime_ns):
            if taken <= self.room_bytes:
                break
            if path != newest and _drop(path):
                taken -= about.st_size


def _found(folder: Path, pattern: str) -> list[tuple[Path, os.stat_result]]:
    """Returns files with what the system says of them; those that others just dropped left out."""
    found: list[tuple[Path, os.stat_result]] = []
    for path in folder.glob(pattern):
        with suppress(OSError):
            found.append((path, path.stat()))
    return found


def _drop(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        log.info("%s is not dropped: %s", path, error)
        return False
    log.info("%s is dropped", path)
    return True
