"""Hide a frame in the jitter of a zero-shot classifier's class table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import DoesNotFit, InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.jitter import QUALITIES, directions, jitter_of, jittered, table
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.media import class_tables
from latebra.hiding.media.class_tables import CHANNELS, ClassTables
from latebra.hiding.medium import Cover, Medium

DIMS: Final = 384
CLASSES: Final = 50
"""Of a usual table."""
APART: Final = 0.4
"""How far a cover's prototypes may be from those before the jitter, as a share of their length: a
jitter takes them away by 0.2, and other prototypes are other classes."""


@dataclass(frozen=True)
class Zeroshot(Carrier):
    """The jitter of a class table.

    What it does: a zero-shot classifier knows a class by a prototype, the vector that a text tower
    makes of the class's name. Its table is published with a little Gaussian jitter; here the bits
    of a coded, masked frame choose the signs and the finer cells of that jitter. A cover that is
    jittered already gets another jitter in place of its own. Whoever has the prototypes before the
    jitter, by running the tower on the names in the table or from a file, reads the jitter off and
    decodes it softly.

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
        before = directions(self.prototypes(given))
        apart = np.linalg.norm(directions(given["prototype"]) - before, axis=1)
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


PLUGIN = Zeroshot
