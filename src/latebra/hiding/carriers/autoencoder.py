"""Hide a frame in a photograph that a person has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import DoesNotFit, InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.audit import Row
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.marks import finding, refining, scale, tiles, traces, word
from latebra.hiding.marks.finding import Laid, turned
from latebra.hiding.marks.refining import HARD, UNCHANGED, USUAL, added
from latebra.hiding.marks.scale import BLOCK, SHORTEST, Grid, Levels, Plane
from latebra.hiding.marks.tiles import BITS, CELLS, PLANES, Soft, TileBits, folded
from latebra.hiding.media.photographs import CHANNELS, Photographs, eight_bit, natural
from latebra.hiding.medium import Cover, Medium

ROOM: Final = 24
"""Bytes of a frame: 16 of message and 8 of tag."""
LOSSLESS_SHARE: Final = 0.5
"""What is painted of the residual where nothing will be lost. Less would do elsewhere too, but a
light mark shows so little of itself on the lattice that a cut picture is not found."""
_EDITS: Final = {"png": UNCHANGED, "jpeg50": HARD}


@dataclass(frozen=True)
class Autoencoder(Carrier):
    """The latent of a hiding autoencoder.

    What it does: the photograph is made small, and in each block of 4 by 4 of its pixels three
    low-frequency coefficients are moved to the nearest point of the lattice that a bit names. A
    painter network says how far, given how much the eye will see there; an extractor network says
    how much each coefficient is worth, and gives soft bits. A third network, the gradient of the
    second, refines the picture until it is read after JPEG, resizing and changes of tone. Bits are
    those of a coded frame under a fresh keystream, and of a word that tells its salt. They fill a
    tile of 16 by 16 blocks, repeated over larger pictures.

    Why it hides: it does not hide that there is a mark. The lattice is public, and one look at the
    coefficients shows it; what a mark says, and that it is genuine, is the key's alone.

    Known problems: detectable by anyone. Who has the networks can remove the mark, at some cost in
    quality. White or black areas carry nothing. Turned by an angle that is no multiple of 90
    degrees, or cut and then resized, a picture is not found; nor is a cut one whose shorter side
    was no multiple of 64 pixels, from 256 on of 128.

    Args:
        networks: By role: "painter": ``picture`` float32 (1, 3, 64, 64), ``texture`` (1, 1, 64,
            64), ``bits`` (1, 3, 16, 16); ``residual`` (1, 1, 64, 64). "extractor": ``picture``;
            ``soft`` (1, 3, 16, 16). "refiner": ``picture``, ``bits``, ``margin`` (1,);
            ``gradient`` (1, 1, 64, 64), ``soft``.
    """

    title: ClassVar[str] = "Latent of a hiding autoencoder"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = (
        "Chen, Wornell 2001, Quantization index modulation, IEEE Trans. Inf. Theory 47(4); Kishore "
        "et al. 2022, Fixed neural network steganography, ICLR"
    )
    roles: ClassVar[Mapping[str, str]] = {
        "painter": "mark_painter",
        "extractor": "mark_extractor",
        "refiner": "mark_refiner",
    }
    channels: ClassVar[Mapping[str, str]] = CHANNELS
    takes_cover: ClassVar[bool] = True
    shows: ClassVar[bool] = True
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
        if cover is not None:
            height, width = np.asarray(cover).shape[:2]
            if min(height, width) < SHORTEST:
                raise DoesNotFit(
                    f"the photograph is {width} by {height} pixels, its shorter side must have "
                    f"{SHORTEST}",
                    fix="choose a larger photograph",
                )
        return (ROOM,)

    @override
    def salt_bytes(self, channel: str) -> int:
        return word.SALT

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
        if cover is None:
            raise InputError("there is no photograph to hide in", fix="give a cover")
        return self.paint(np.asarray(cover), self._bits(frame, salt, stream), channel)

    def paint(self, pixels: NDArray[Any], tile: TileBits, channel: str) -> NDArray[Any]:
        """Returns a photograph that carries a tile's bits, 1 and -1, over and over."""
        seen = eight_bit(pixels)
        grid = scale.usual(seen.shape)
        bits = tiles.spread(tile, grid)
        residual = self._paint(scale.small(seen, grid), scale.texture(seen, grid), bits)
        refined = refining.refine(
            _at_two_pixels(seen, grid),
            residual * np.float32(LOSSLESS_SHARE if channel == "png" else 1.0),
            lambda levels: self._gradient(levels, bits),
            lambda soft: tiles.information(soft, bits),
            _EDITS.get(channel, USUAL),
        )
        return added(pixels, scale.large(refined.residual, grid, seen.shape))

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        picture = eight_bit(np.asarray(cover))
        for laid in finding.whole(picture):
            found = self._read(laid, stream)
            if found is not None:
                yield found
                return
        for laid in finding.cuts(picture):
            found = self._read(laid, stream)
            if found is not None:
                yield found
                return

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        rows: list[np.ndarray] = []
        for cover in covers:
            picture = eight_bit(np.asarray(cover))
            levels = scale.small(picture, scale.usual(picture.shape))
            rows.append(folded(self._soften(levels)).ravel())
        return np.stack(rows)

    @override
    def trace(self, cover: Cover) -> Row:
        score, chance = traces.seen(eight_bit(np.asarray(cover)))
        return Row("lattice", score, chance, "blocks lie on the lattice of a mark")

    @override
    def scrubbed(self, cover: Cover, rng: np.random.Generator) -> Cover:
        pixels: NDArray[Any] = np.asarray(cover)
        return added(pixels, traces.erased(eight_bit(pixels), rng))

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        return natural(rng, 192, 256)

    def _bits(self, frame: bytes, salt: bytes, stream: Stream) -> TileBits:
        """Returns a tile's bits, 1 and -1."""
        coded = code(8 * len(frame), BITS - word.BITS).encode(
            np.unpackbits(np.frombuffer(frame, np.uint8))
        )
        masked = coded ^ _mask(stream, salt)
        bits = np.empty(BITS, np.uint8)
        bits[_order(stream)] = np.concatenate([word.write(salt, stream), masked])
        return (2.0 * bits - 1.0).astype(np.float32).reshape(PLANES, CELLS, CELLS)

    def _read(self, laid: Laid, stream: Stream) -> Found | None:
        """Returns the frame of a picture that lies on the lattice."""
        if laid.cut:
            turns = [turned(laid.levels, i) for i in range(finding.ORIENTATIONS)]
            read = [folded(self._soften(levels)) for levels in turns]
            ways = np.stack(
                [
                    np.roll(tile, (down, across), (1, 2)).ravel()
                    for tile in read
                    for down in range(CELLS)
                    for across in range(CELLS)
                ]
            )
        else:
            ways = folded(self._soften(laid.levels)).reshape(1, BITS)
        ordered = ways[:, _order(stream)]
        for heard in word.search(ordered[:, : word.BITS], stream):
            soft = ordered[heard.way, word.BITS :]
            signs = 1.0 - 2.0 * _mask(stream, heard.salt).astype(np.float32)
            bits = code(8 * ROOM, BITS - word.BITS).decode((soft * signs).astype(np.float32))
            if bits is not None:
                return Found(heard.salt, np.packbits(bits).tobytes())
        return None

    def _paint(self, levels: Levels, texture: Plane, bits: Soft) -> Plane:
        out = np.zeros(texture.shape, np.float32)
        for top, left in tiles.corners(levels.shape):
            residual = self.networks["painter"].run(
                {
                    "picture": tiles.levels_of(levels, top, left),
                    "texture": tiles.plane_of(texture, top, left),
                    "bits": tiles.bits_of(bits, top, left),
                }
            )["residual"][0, 0]
            tiles.put_plane(out, residual, top, left)
        return out

    def _gradient(self, levels: Levels, bits: Soft) -> tuple[Plane, Soft]:
        slope, soft = np.zeros(levels.shape[:2], np.float32), np.zeros_like(bits)
        for top, left in tiles.corners(levels.shape):
            found = self.networks["refiner"].run(
                {
                    "picture": tiles.levels_of(levels, top, left),
                    "bits": tiles.bits_of(bits, top, left),
                    "margin": np.full(1, refining.MARGIN, np.float32),
                }
            )
            tiles.put_plane(slope, found["gradient"][0, 0], top, left)
            tiles.put(soft, found["soft"][0], top, left)
        return slope, soft

    def _soften(self, levels: Levels) -> Soft:
        down, across = (length // BLOCK for length in levels.shape[:2])
        soft = np.zeros((PLANES, down, across), np.float32)
        for top, left in tiles.corners(levels.shape):
            picture = tiles.levels_of(levels, top, left)
            tiles.put(
                soft, self.networks["extractor"].run({"picture": picture})["soft"][0], top, left
            )
        return soft


def _order(stream: Stream) -> NDArray[np.int64]:
    return stream.child("order").permutation(BITS)


def _mask(stream: Stream, salt: bytes) -> UInt8[np.ndarray, " bits"]:
    return stream.child("salt", salt).child("mask").bits(BITS - word.BITS)


def _at_two_pixels(picture: UInt8[np.ndarray, "height width 3"], grid: Grid) -> np.ndarray:
    """Returns the picture with two pixels for each small one."""
    if grid.pitch == (2.0, 2.0) and picture.shape[:2] == (2 * grid.height, 2 * grid.width):
        return picture
    fine = Grid(2 * grid.height, 2 * grid.width, (grid.pitch[0] / 2, grid.pitch[1] / 2))
    return np.clip(np.rint(scale.small(picture, fine)), 0, 255).astype(np.uint8)


PLUGIN = Autoencoder
