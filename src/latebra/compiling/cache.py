"""Built artifacts on disk, known by everything that made them."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from latebra.core.files import replacing

log = logging.getLogger(__name__)

_DIGEST_BYTES: Final = 32


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

    Each file starts with the SHA-256 of the rest, so that a damaged one is found and rebuilt.

    Args:
        folder: Where; it is made when something is first kept.
    """

    folder: Path

    def path(self, facts: Mapping[str, object]) -> Path:
        """Returns the file of the artifact that ``facts`` describe."""
        told = {**facts, "code": code(), "processor": processor(), "system": platform.system()}
        name = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{name}.artifact"

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
        return artifact

    def put(self, facts: Mapping[str, object], artifact: bytes) -> None:
        """Keeps an artifact; where the folder cannot be written, it does without."""
        path = self.path(facts)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path, private=True) as file:
                file.write(hashlib.sha256(artifact).digest())
                file.write(artifact)
        except OSError as error:
            log.info("%s is not kept: %s", path, error)
