"""Photographs that are signed to be measured, and a reader of their marks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intervals import wilson
from benchmarks.photographs import tiles
from latebra.api.arranging import unseal
from latebra.api.opened import Secrets, open_reader
from latebra.core.errors import DoesNotFit
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.frame import Profile
from latebra.hiding.provenance import short_hash
from latebra.hiding.provenance.picture_hash import PictureHash

KEY = Key(bytes(range(32)))
SEED = 77
SIDES = (128, 256)


@dataclass(frozen=True)
class Marked:
    """A picture with a mark of its own.

    Args:
        photograph: Which photograph it is of.
        cover: Before.
        pixels: After.
        message: What the mark says: a name, and the short hash.
        hash: What the record would say it looks like.
    """

    photograph: int
    cover: np.ndarray
    pixels: np.ndarray
    message: bytes
    hash: PictureHash


class Signer:
    """Marks pictures, and reads them."""

    def __init__(self, compiler: str) -> None:
        reader = open_reader("autoencoder", compiler, {}, threads=1)
        self.carrier: Any = reader.carrier
        self.secrets = Secrets("autoencoder", reader.digest, b"provenance 1")
        self.stream = self.secrets.stream(KEY)
        self.count = 0

    def mark(self, photograph: int, cover: np.ndarray) -> Marked | None:
        """Returns the picture with a mark; None where ``sign`` would refuse what it shows."""
        try:
            hashed = PictureHash.of(cover)
        except DoesNotFit:
            return None
        message = os.urandom(8) + short_hash.short_hash(cover)
        self.count += 1
        salt = (self.count % 65536).to_bytes(2, "little")
        return Marked(photograph, cover, self.put(message, salt, cover), message, hashed)

    def put(self, message: bytes, salt: bytes, cover: np.ndarray) -> np.ndarray:
        sealed = frame.seal(
            message, self.secrets.binding(salt), key=KEY, profile=Profile.MICRO, room=24
        )
        return self.carrier.embed(sealed, salt, self.stream, "jpeg75", cover=cover)

    def read(self, picture: np.ndarray) -> bytes | None:
        for each in self.carrier.extract(picture, self.stream, ["jpeg75"]):
            opened = unseal(each.frame, self.secrets.binding(each.salt), KEY, None)
            if opened is not None:
                return opened[1:]
        return None


class Work:
    """Photographs, a signer, and a limit of time."""

    def __init__(
        self, paths: list[Path], signer: Signer, minutes: float, folders: tuple[Path, ...]
    ) -> None:
        self.paths, self.signer, self.folders = paths, signer, folders
        self._end = time.process_time() + 60 * minutes
        self.rng = np.random.default_rng(SEED)

    def over(self) -> bool:
        return time.process_time() > self._end

    def pictures(self, count: int, side: int, seed: int = SEED) -> Iterator[tuple[int, np.ndarray]]:
        """Yields pictures with the number of their photograph."""
        for number, picture in enumerate(tiles(self.paths, count, side, seed)):
            yield number % len(self.paths), picture

    def marked(self, count: int, side: int, seed: int = SEED) -> list[Marked]:
        made = (self.signer.mark(*each) for each in self.pictures(count, side, seed))
        return [each for each in made if each is not None]

    def strangers(self, marked: list[Marked], count: int) -> Iterator[tuple[Marked, np.ndarray]]:
        """Yields marked pictures, each with a picture of another photograph."""
        side = marked[0].cover.shape[0]
        for photograph, picture in self.pictures(2 * count, side, SEED + 1):
            mine = marked[int(self.rng.integers(len(marked)))]
            if mine.photograph == photograph:
                continue
            if count == 0 or self.over():
                return
            count -= 1
            yield mine, picture


def rate(count: int, of: int, interval: Callable[[int, int], list[float]] = wilson) -> Any:
    return {"count": count, "of": of, "share_95": [round(x, 6) for x in interval(count, of)]}
