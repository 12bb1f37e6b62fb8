"""Hide much in a photograph that a person has, where nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import DoesNotFit, InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.dense import trellis
from latebra.hiding.dense.layout import DEEPEST, WIDEST, Bits, Layout, Samples
from latebra.hiding.dense.order import shuffled
from latebra.hiding.media.photographs import Photographs, natural
from latebra.hiding.medium import Cover, Medium

SALT: Final = 16
TAG: Final = 8
"""Bytes that say that there is a frame, and of which room."""
HEAD: Final = Layout(WIDEST * 8 * (SALT + TAG), 8 * (SALT + TAG))
"""How salt and tag lie in the first samples of the order."""
SMALLEST: Final = 48
"""Bytes of the smallest frame."""
ROOMS: Final = 45
"""Most sizes of frame of a photograph: the smallest is a 2,048th of the largest."""
_STEPS: Final = (65536, 55109, 46341, 38968)
"""Powers of the fourth root of a half, in parts of 65,536: whole, so that both ends have them."""
_USUAL: Final = (1000, 1000, 3)
_SHOWN: Final = 4096
"""Outputs that ``latents`` gives."""


@dataclass(frozen=True)
class Dense(Carrier):
    """The outputs of a fixed convolution over a photograph's samples.

    What it does: an extractor network takes the samples (one colour of one pixel each) in a keyed
    order and gives sums of them, modulo 8; the lowest bits of these outputs are the frame's, under
    a fresh keystream. A second network says how much a change of each sample would be seen, and
    among all pictures whose outputs are right the trellis finds the one that costs least. Few
    bits change few samples by one; the largest room changes each by 4 at most, and by 7 next to
    black and white.

    Why it hides: it does not hide that there is a message, at any but the smallest rooms. Which
    bits are the message's, and that it is genuine, is the key's alone.

    Known problems: one sample that changes loses all; the picture must stay a PNG. A cover that
    was a JPEG file shows any change to who knows the format. Detectors are in ``attacks``.

    Equation: H x = m (mod 2), at the least sum of costs; Filler, Judas, Fridrich 2011, eq. (5).

    Args:
        networks: By role: "extractor": ``samples`` float32 (1, 10, 1, columns), one column for
            each block of samples; ``symbols`` (1, 1, 1, columns - height + 1), in whole numbers.
            "costs": ``plane`` (1, 1, side + 18, side + 18), one colour; ``costs`` (1, 1, side,
            side).
    """

    title: ClassVar[str] = "Outputs of a fixed convolution over a photograph"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = (
        "Filler, Judas, Fridrich 2011, Minimizing additive distortion in steganography using "
        "syndrome-trellis codes, IEEE TIFS 6(3); Kishore et al. 2022, Fixed neural network "
        "steganography, ICLR"
    )
    roles: ClassVar[Mapping[str, str]] = {"extractor": "dense_extractor", "costs": "dense_costs"}
    channels: ClassVar[Mapping[str, str]] = {"png": "saved without loss"}
    takes_cover: ClassVar[bool] = True
    scrubs: ClassVar[bool] = True

    networks: Mapping[str, Network] = field(repr=False)

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        return cls(networks)

    @property
    @override
    def medium(self) -> Medium:
        return Photographs()

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        self.refuse_unknown(channels=[channel])
        shape = _USUAL if cover is None else _colours(np.asarray(cover)).shape
        sizes = _sizes(int(np.prod(shape)))
        if not sizes:
            raise DoesNotFit(
                f"the photograph is {shape[1]} by {shape[0]} pixels, too few for any frame",
                fix="choose a larger photograph",
            )
        return sizes

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
        if cover is None:
            raise InputError("there is no photograph to hide in", fix="give a cover")
        out: NDArray[Any] = np.array(cover)
        colours = _colours(out)
        order = shuffled(stream.child("order"), colours.size)
        samples, costs = colours.ravel()[order], self._costs(colours).ravel()[order]
        picture = stream.child("salt", salt)
        room = _sizes(colours.size).index(len(frame))
        tag = _tags(stream, salt, ROOMS)[TAG * room : TAG * (room + 1)]
        for part, layout, content, coins in (
            (slice(0, HEAD.samples), HEAD, salt + tag, picture.child("coins of the head")),
            (slice(HEAD.samples, None), *_body(colours.size, frame, picture)),
        ):
            bits = np.unpackbits(np.frombuffer(content, np.uint8))
            samples[part] = self._written(samples[part], costs[part], layout, bits, coins, progress)
        written = np.empty(colours.size, colours.dtype)
        written[order] = samples
        colours[...] = written.reshape(colours.shape)
        return out

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        colours = _colours(np.asarray(cover))
        sizes = _sizes(colours.size)
        if not sizes:
            return
        samples = colours.ravel()[shuffled(stream.child("order"), colours.size)]
        head = np.packbits(self._read(samples[: HEAD.samples], HEAD)).tobytes()
        salt, tag = head[:SALT], head[SALT:]
        tags = _tags(stream, salt, len(sizes))
        for room, size in enumerate(sizes):
            if tags[TAG * room : TAG * (room + 1)] == tag:
                layout = Layout(colours.size - HEAD.samples, 8 * size)
                read = self._read(samples[HEAD.samples :], layout)
                mask = _mask(stream.child("salt", salt), read.size)
                yield Found(salt, np.packbits(read ^ mask).tobytes())

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        rows: list[np.ndarray] = []
        for cover in covers:
            samples = np.resize(_colours(np.asarray(cover)).ravel(), _SHOWN)
            rows.append(self._symbols(samples, Layout(_SHOWN, _SHOWN), 0))
        return np.stack(rows)[:, :_SHOWN].astype(np.float32)

    @override
    def scrubbed(self, cover: Cover, rng: np.random.Generator) -> Cover:
        # Each lowest bit is a coin flip then, so that nothing is left of the salt.
        out: NDArray[Any] = np.array(cover)
        colours = _colours(out)
        top = np.iinfo(out.dtype).max
        flips, up = rng.integers(0, 2, (2, *colours.shape), dtype=np.uint8)
        stepped = np.where((up == 1) & (colours < top) | (colours == 0), colours + 1, colours - 1)
        colours[...] = np.where(flips == 1, stepped, colours)
        return out

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        return natural(rng, 96, 128)

    def _written(
        self,
        samples: Samples,
        costs: Float32[np.ndarray, " samples"],
        layout: Layout,
        bits: Bits,
        coins: Stream,
        progress: Progress,
    ) -> NDArray[Any]:
        """Returns samples that tell ``bits``."""
        top = int(np.iinfo(samples.dtype).max)
        drawn = coins.bits(layout.samples)
        columns = self._about["columns"]
        if layout.one_each:
            # A little at a time: 64 bits for each sample of a large picture fill gigabytes.
            spans = list(self._spans(layout))
            symbols = np.concatenate([layout.symbols(bits, *span) for span in spans])
            depths = np.concatenate([layout.depths(*span) for span in spans])
            found = trellis.settled(
                samples, symbols, depths, drawn, columns[0], self._about["height"], top
            )
            return found.astype(samples.dtype)
        wanted = bits ^ self._read(samples, layout)
        height = self._about["height"]
        flips = trellis.flips(layout, costs, wanted, columns, height, progress)
        up = (drawn == 1) & (samples < top) | (samples == 0)
        return np.where(flips == 1, samples + np.where(up, 1, -1), samples).astype(samples.dtype)

    def _read(self, samples: Samples, layout: Layout) -> Bits:
        """Returns the bits that samples tell."""
        return np.concatenate(
            [
                layout.spelt(self._symbols(samples, layout, first), first)
                for first, _ in self._spans(layout)
            ]
        )

    def _spans(self, layout: Layout) -> Iterator[tuple[int, int]]:
        """Yields the first and the last block, exclusive, of each run of the extractor."""
        step = self._about["at_once"]
        for first in range(0, layout.blocks, step):
            yield first, min(first + step, layout.blocks)

    def _symbols(self, samples: Samples, layout: Layout, first: int) -> UInt8[np.ndarray, " _"]:
        """Returns what the network says of as many blocks as it takes at a time, or are left."""
        length = self._about["at_once"]
        given = layout.slots(samples, first, length, self._about["height"] - 1)
        said = self.networks["extractor"].run({"samples": given})["symbols"]
        return said.ravel()[: layout.blocks - first].astype(np.uint8)

    def _costs(self, colours: NDArray[Any]) -> Float32[np.ndarray, "height width colours"]:
        """Returns what a change of each sample costs."""
        side = self.networks["costs"].card.about["side"]
        height, width, count = colours.shape
        scale = np.float32(255 / np.iinfo(colours.dtype).max)
        found = np.empty(colours.shape, np.float32)
        above = self.networks["costs"].card.about["margin"]
        missing = [(above, above + -length % side) for length in (height, width)]
        for colour in range(count):
            plane = np.pad(colours[:, :, colour] * scale, missing, mode="symmetric")
            for top in range(0, height, side):
                for left in range(0, width, side):
                    part = plane[top : top + side + 2 * above, left : left + side + 2 * above]
                    given = np.ascontiguousarray(part, np.float32)[None, None]
                    said = self.networks["costs"].run({"plane": given})["costs"][0, 0]
                    here = found[top : top + side, left : left + side, colour]
                    here[:] = said[: here.shape[0], : here.shape[1]]
        return found

    @cached_property
    def _about(self) -> Mapping[str, Any]:
        return self.networks["extractor"].card.about


def _colours(pixels: NDArray[Any]) -> NDArray[Any]:
    """Returns a view of what can be changed of a photograph: all but its transparency."""
    return pixels[:, :, None] if pixels.ndim == 2 else pixels[:, :, :3]


def _sizes(samples: int) -> tuple[int, ...]:
    """Returns the sizes of frame that a photograph of so many samples takes, ascending."""
    largest = (samples - HEAD.samples) * DEEPEST // 8
    sizes = {largest * _STEPS[i % 4] // 65536 >> i // 4 for i in range(ROOMS)}
    return tuple(sorted(size for size in sizes if size >= SMALLEST))


def _tags(stream: Stream, salt: bytes, rooms: int) -> bytes:
    """Returns the tag of each room."""
    return stream.child("word").tags([salt + bytes([room]) for room in range(rooms)], TAG)


def _mask(picture: Stream, count: int) -> Bits:
    return picture.child("mask").bits(count)


def _body(samples: int, frame: bytes, picture: Stream) -> tuple[Layout, bytes, Stream]:
    """Returns how a frame lies in all samples but the first, masked, and coins for it."""
    mask = np.packbits(_mask(picture, 8 * len(frame)))
    masked = np.frombuffer(frame, np.uint8) ^ mask
    layout = Layout(samples - HEAD.samples, 8 * len(frame))
    return layout, masked.tobytes(), picture.child("coins")


PLUGIN = Dense
