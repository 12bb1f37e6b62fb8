"""Hide a frame in the greys that an exact network chooses, pixel after pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.audit import Row
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.media.pictures import Pictures
from latebra.hiding.medium import Cover, Medium
from latebra.hiding.pixels import dense
from latebra.hiding.pixels.model import Greys, PixelModel

SIDE: Final = 32
LEVELS: Final = 64
"""Greys of a picture; each stands for four of a file's 256, and is written as the third of them."""
SALT: Final = 8
SIZES: Final = (48, 64, 96, 128, 160, 192, 224, 264, 312)
"""Sizes of frame in bytes. With its salt the largest takes 2.5 bits a pixel; every picture of
``benchmarks/pixels.py`` had room for it."""
_EDGE: Final = 2.0**-30


@dataclass(frozen=True)
class Pixels(Carrier):
    """The choice of each grey of a small picture.

    What it does: the model says how likely each grey is to follow those above and those to the
    left, as a table of whole numbers, and the bits of salt and frame choose from the table by
    arithmetic decoding. The reader makes the same tables, of all pixels at once, and encodes the
    greys back to bits. The network computes in whole numbers, so that the tables are the same
    with every compiler, and there is nothing to correct.

    Why it hides: coin flips choose from a table as a sampler does, so that the picture has exactly
    the distribution of ``sample``'s, as far as the frame looks like coin flips.

    Known problems: one pixel that changes loses all; the picture must stay a PNG. The promise is
    relative to this sampler: a small model's pictures are recognisable as such, whether or not
    they carry anything.

    Equation: a grey is the symbol whose cell holds the frame's binary fraction; Zhang et al. 2021,
    section 3.2.

    Args:
        networks: By role; "step" and "whole" are one model, as ``PixelModel`` drives it.
    """

    title: ClassVar[str] = "Greys of an exact picture model"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = "Zhang et al. 2021, Pixel-Stega, arXiv:2112.10945"
    roles: ClassVar[Mapping[str, str]] = {"step": "small_greys_step", "whole": "small_greys"}
    channels: ClassVar[Mapping[str, str]] = {"png": "saved without loss"}
    checks: ClassVar[bool] = False
    shows: ClassVar[bool] = True

    networks: Mapping[str, Network] = field(repr=False)

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        return cls(networks)

    @property
    @override
    def medium(self) -> Medium:
        return Pictures((SIDE, SIDE, 3))

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        self.refuse_unknown(channels=[channel])
        return SIZES

    @override
    def salt_bytes(self, channel: str) -> int:
        return SALT

    @override
    def embed(
        self,
        frame: bytes,
        salt: bytes,
        stream: Stream,
        channel: str,
        *,
        cover: Cover | None = None,
        progress: Progress = silent,
    ) -> Cover:
        del progress  # A fraction of a second's work.
        stream = stream.child(channel)
        picture = stream.child("salt", salt)
        hidden = _mask(salt, stream) + _mask(frame, picture)
        bits = np.unpackbits(np.frombuffer(hidden, np.uint8))
        return _picture(dense.write(self.model, bits, picture.child("coins")))

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        greys = _greys(np.asarray(cover))
        if greys is None:
            return
        content = np.packbits(dense.read(self.model, greys)).tobytes()
        for channel in channels:
            here = stream.child(channel)
            salt = _mask(content[:SALT], here)
            picture = here.child("salt", salt)
            for size in self.rooms(channel):
                if SALT + size <= len(content):
                    yield Found(salt, _mask(content[SALT : SALT + size], picture))

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        rows: list[np.ndarray] = []
        for cover in covers:
            pixels = np.asarray(cover)
            greys = _greys(pixels)
            seed = hashlib.sha256(pixels.tobytes()).digest()
            within = np.random.default_rng(list(seed)).uniform(size=SIDE**2)
            # A picture of other greys is none of the model's: as unlikely as can be.
            at = dense.points(self.model, greys, within) if greys is not None else np.zeros(SIDE**2)
            rows.append(np.clip(at, _EDGE, 1 - _EDGE))
        normal = np.vectorize(NormalDist().inv_cdf, otypes=[np.float32])
        return normal(np.stack(rows))

    @override
    def trace(self, cover: Cover) -> Row:
        # Chance gives one value of 256 a pixel: of another picture the share that has the form.
        levels: NDArray[Any] = np.asarray(cover)
        like = _picture(levels[:, :, 0].astype(np.int64) * LEVELS // 256)
        fits = np.count_nonzero(np.equal(levels, like)) / levels.size
        return Row("form", fits, 0.0 if fits == 1 else 1.0, "all greys are of those it paints with")

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        none = np.zeros(0, np.uint8)
        return _picture(dense.write(self.model, none, Stream(rng.bytes(32))))

    @cached_property
    def model(self) -> PixelModel:
        """The picture model, a few pixels at a time or all at once."""
        return PixelModel(self.networks["step"], self.networks["whole"])


def _mask(content: bytes, stream: Stream) -> bytes:
    """Returns bytes under a keystream; twice gives them back."""
    key = stream.child("mask").bytes(len(content))
    return bytes(a ^ b for a, b in zip(content, key, strict=True))


def _picture(greys: Greys) -> UInt8[np.ndarray, "32 32 3"]:
    """Returns the picture in grey levels of a file."""
    step = 256 // LEVELS
    levels = (step * greys + step // 2).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(levels[:, :, None], 3, axis=2))


def _greys(picture: UInt8[np.ndarray, "32 32 3"]) -> Greys | None:
    """Returns what ``_picture`` made a picture of, or None if it made no such picture."""
    greys = picture[:, :, 0].astype(np.int64) * LEVELS // 256
    return greys if np.array_equal(_picture(greys), picture) else None


PLUGIN = Pixels
