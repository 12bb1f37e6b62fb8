"""Hide a frame in the jitter of a zero-shot classifier's class table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import DoesNotFit, InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.audit.distributions import normal_cdf
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.channel.sync import MOST_BYTES, Word
from latebra.hiding.channel.table import Room, Table
from latebra.hiding.contract import Carrier
from latebra.hiding.media import class_tables
from latebra.hiding.media.class_tables import CHANNELS, ClassTables
from latebra.hiding.medium import Cover, Medium

JITTER: Final = 0.01
"""Standard deviation of the jitter of each value, as a share of its prototype's length."""
DIMS: Final = 384
CLASSES: Final = 50
"""Of a usual table."""
APART: Final = 0.4
"""How far a cover's prototypes may be from those before the jitter, as a share of their length: a
jitter takes them away by 0.2, and other prototypes are other classes."""
SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""The rooms, as shares of the largest: as many of the last as the word has marks for."""
LOWEST_RATE: Final = 0.2
"""A small room takes so few dimensions that its code has this rate."""
SMALLEST: Final = 24
"""Bytes of the smallest frame."""
MOST_CODED: Final = 200_000
"""Bits of the longest code."""
_UNSURE: Final = 1e-3
"""No sign of a coarsely rounded value is surer than this: the length of its row is an estimate."""


LONG_WORD: Final = Word(8, 12)
SHORT_WORD: Final = Word(3, 16)


@dataclass(frozen=True)
class Quality:
    """What a channel does to the jitter.

    Args:
        noise: Standard deviation of what comes to a value, as a share of the jitter.
        depth: Bits that a value carries.
        rate: Message bits for each of these bits in the largest room.
        steps: Steps from 0 to the largest value of a class, where values are rounded to such.
        word: The synchronisation word: a short salt where signs are often wrong.
    """

    noise: float
    depth: int
    rate: float
    steps: int | None = None
    word: Word = LONG_WORD


QUALITIES: Final[Mapping[str, Quality]] = {
    "float": Quality(noise=0.1, depth=4, rate=0.6),
    "int8": Quality(noise=0.12, depth=3, rate=0.7, steps=127),
    "int4": Quality(noise=1.0, depth=1, rate=0.25, steps=7, word=SHORT_WORD),
}
"""By channel; ``benchmarks/zeroshot.py`` measured the noise and how often each room fails."""


@dataclass(frozen=True)
class Zeroshot(Carrier):
    """The jitter of a class table.

    What it does: a zero-shot classifier knows a class by a prototype, the vector that a text tower
    makes of the class's name. Its table is published with a little Gaussian jitter; here the bits
    of a coded, masked frame choose the signs and the finer cells of that jitter. A cover that is
    jittered already gets another jitter in place of its own. Whoever has the
    prototypes before the jitter, by running the tower on the names in the table or from a file,
    reads the jitter off and decodes it softly.

    Why it hides: coin flips make the jitter exactly standard Gaussian, so the table has exactly the
    distribution of tables with honest jitter, as far as ChaCha20's keystream is random. ``sample``
    makes such tables.

    Known problems: the promise is relative to people who publish jittered tables. A second jitter,
    or a table made anew from the names, removes the frame; so does leaving out a class.

    Equation: p' = |p| (p/|p| + τz) / |p/|p| + τz|, z the carrier of bits, τ = ``JITTER``; the
    cells of z are those of Gaussian Shading, section 3.2.

    Args:
        networks: By role; "text_tower" makes unit vectors of names: ``names`` to ``prototypes``.
        original: The table before the jitter, in place of the text tower.
    """

    title: ClassVar[str] = "Jitter of a zero-shot classifier's class table"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = (
        "Yang et al. 2024, Gaussian Shading, arXiv:2404.04956; Radford et al. 2021, Learning "
        "Transferable Visual Models, arXiv:2103.00020"
    )
    roles: ClassVar[Mapping[str, str]] = {"text_tower": "minilm"}
    channels: ClassVar[Mapping[str, str]] = CHANNELS
    takes_cover: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        "original": "the class table before its jitter, where no text tower made it of its names"
    }

    networks: Mapping[str, Network] = field(repr=False)
    original: NDArray[Any] | None = field(repr=False, default=None)

    @override
    @classmethod
    def models(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        return {} if "original" in options else cls.roles

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        path = options.get("original")
        return cls(networks, None if path is None else class_tables.read(Path(path))[0])

    @property
    @override
    def medium(self) -> Medium:
        return ClassTables()

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        self.refuse_unknown(channels=[channel])
        usual = self.original if cover is None else np.asarray(cover)
        size = CLASSES * DIMS if usual is None else int(usual["prototype"].size)
        if rooms := table(channel, size).rooms:
            return tuple(room.size for room in rooms)
        raise DoesNotFit(
            f"the class table has {size} values, too few for any frame through {channel!r}",
            fix="take a table with more classes, or a channel that harms less",
        )

    @override
    def salt_bytes(self, channel: str) -> int:
        self.refuse_unknown(channels=[channel])
        return QUALITIES[channel].word.salt_bytes

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
        del progress  # A second's work.
        given = np.asarray(cover)
        modem = Modem(table(channel, given["prototype"].size), stream.child(channel))
        return jittered(self._before(given), modem.modulate(frame, salt))

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        received = np.asarray(cover)
        prototypes = self.prototypes(received)
        for channel in channels:
            form = table(channel, prototypes.size)
            if form.rooms:
                jitter = jitter_of(received, prototypes, QUALITIES[channel])
                yield from Modem(form, stream.child(channel)).demodulate(jitter)

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        tables = [np.asarray(cover) for cover in covers]
        return np.stack([jitter_of(each, self.prototypes(each)) for each in tables])

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        usual = self.usual()
        return jittered(usual, rng.standard_normal(usual["prototype"].size, np.float32))

    def usual(self) -> NDArray[Any]:
        """Returns the table that ``sample`` jitters: the original, or one of common classes."""
        if self.original is not None:
            return self.original
        names = list(self.networks["text_tower"].card.about["classes"])[:CLASSES]
        return class_tables.table(names, self._told(names))

    def prototypes(self, received: NDArray[Any]) -> Float32[np.ndarray, "classes dims"]:
        """Returns the prototypes of a table's classes before the jitter.

        Raises:
            InputError: The original lacks one of the classes, or has other prototypes.
        """
        names = received["name"].tolist()
        if self.original is None:
            found = self._told(names)
        else:
            places = {name: at for at, name in enumerate(self.original["name"].tolist())}
            absent = next((name for name in names if name not in places), None)
            if absent is not None:
                raise InputError(
                    f"the original table has no class {absent!r}", fix="give the right table"
                )
            found = self.original["prototype"][[places[name] for name in names]]
        if found.shape != received["prototype"].shape:
            raise InputError(
                f"prototypes have {received['prototype'].shape[1]} values, and {found.shape[1]} "
                "before the jitter",
                fix="name the original table with --original",
            )
        return found

    def _told(self, names: Sequence[str]) -> Float32[np.ndarray, "classes dims"]:
        return self.networks["text_tower"].run({"names": np.asarray(names)})["prototypes"]

    def _before(self, given: NDArray[Any]) -> NDArray[Any]:
        """Returns a cover as it was before the jitter that it may have; its lengths stay.

        Raises:
            InputError: It is too far from what a reader will take it for.
        """
        before = _directions(self.prototypes(given))
        apart = np.linalg.norm(_directions(given["prototype"]) - before, axis=1)
        worst = int(np.argmax(apart))
        if apart[worst] > APART:
            raise InputError(
                f"the prototype of {str(given['name'][worst])!r} is {apart[worst]:.2g} of its "
                "length away from what a reader would take for it",
                fix="name this table with --original, here and for the reader",
            )
        plain = given.copy()
        plain["prototype"] = before * np.linalg.norm(given["prototype"], axis=1, keepdims=True)
        return plain


@cache
def table(channel: str, size: int) -> Table:
    """Returns the calibrated channel of a class table with so many values.

    Args:
        channel: One of ``CHANNELS``.
        size: Classes times values of a prototype.
    """
    quality = QUALITIES[channel]
    values = min(size - quality.word.bits, MOST_CODED // quality.depth)
    most = int(values * quality.depth * quality.rate) // 8
    shares = SHARES[-(MOST_BYTES // quality.word.check_bytes) :]
    sizes = sorted({int(share * most) for share in shares if share * most >= SMALLEST})
    return Table(
        gain=np.ones(size, np.float32),
        noise=np.full(size, quality.noise, np.float32),
        depths=np.full(size, quality.depth, np.uint8),
        word=quality.word,
        rooms=tuple(
            Room(each, min(values, math.ceil(8 * each / (LOWEST_RATE * quality.depth))))
            for each in sizes
        ),
    )


def jittered(given: NDArray[Any], jitter: Float32[np.ndarray, " values"]) -> NDArray[Any]:
    """Returns a table whose prototypes are turned by ``jitter``; their lengths stay.

    Args:
        given: A class table.
        jitter: A value for each of the table's, class after class in the order of their names.
    """
    moved = given.copy()
    lengths = np.linalg.norm(given["prototype"], axis=1, keepdims=True)
    order = np.argsort(given["name"], kind="stable")
    rows = np.empty_like(given["prototype"])
    rows[order] = jitter.reshape(rows.shape)
    moved["prototype"] = _directions(given["prototype"] / lengths + JITTER * rows) * lengths
    return moved


def jitter_of(
    received: NDArray[Any],
    prototypes: Float32[np.ndarray, "classes dims"],
    quality: Quality = QUALITIES["float"],
) -> Float32[np.ndarray, " values"]:
    """Returns the jitter of a table, as ``jittered`` takes it.

    Scaling took the length s of p + τz away. Given the direction u that is left, its density is
    s^(d-1) exp(-|su - p|² / 2τ²), whose peak solves s² - s (u·p) = (d-1) τ²; it is off by τ, and
    so every value of the jitter by some 1/√d. Rounding adds its own variance to τ².

    Args:
        received: A class table.
        prototypes: What its prototypes were before the jitter.
        quality: How the table came.
    """
    came, before = _directions(received["prototype"]), _directions(prototypes)
    step = np.zeros((len(came), 1))
    if quality.steps is not None:
        step = np.abs(came).max(axis=1, keepdims=True) / quality.steps
    along = np.einsum("ij,ij->i", came, before)[:, None]
    variance = (came.shape[1] - 1) * (JITTER**2 + step**2 / 12)
    lengths = (along + np.sqrt(along**2 + 4 * variance)) / 2
    rows = ((lengths * came - before) / JITTER).astype(np.float32)
    if quality.depth == 1:
        half = (lengths * step / (2 * JITTER)).astype(np.float32)
        rows = _by_signs(rows, half, quality.noise)
    return rows[np.argsort(received["name"], kind="stable")].ravel()


def _by_signs(
    middle: Float32[np.ndarray, "classes dims"],
    half: Float32[np.ndarray, "classes 1"],
    noise: float,
) -> Float32[np.ndarray, "classes dims"]:
    """Returns what a channel with Gaussian noise would give for the same odds of either sign.

    A value that was rounded coarsely says that its jitter lies within half a step of the middle;
    the share of a standard Gaussian there that is above zero is what is known of the sign.
    """
    low, high = normal_cdf((middle - half).ravel()), normal_cdf((middle + half).ravel())
    share = (high - np.clip(0.5, low, high)) / np.maximum(high - low, 1e-12)
    sure = np.clip(share, _UNSURE, 1 - _UNSURE).tolist()
    quantiles = np.fromiter(map(NormalDist().inv_cdf, sure), np.float64, len(sure))
    scaled = (quantiles * noise * math.sqrt(1 + noise**2)).astype(np.float32)
    return scaled.reshape(middle.shape)


def _directions(
    prototypes: Float32[np.ndarray, "classes dims"],
) -> Float32[np.ndarray, "classes dims"]:
    lengths = np.linalg.norm(prototypes.astype(np.float64), axis=1, keepdims=True)
    return (prototypes / lengths).astype(np.float32)


PLUGIN = Zeroshot
