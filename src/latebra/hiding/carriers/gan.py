"""Hide a frame in the latent vector that a generative adversarial network paints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from typing import ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from typing_extensions import override

from latebra.core.errors import InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.channel.sync import Word
from latebra.hiding.channel.table import Table, unpacked
from latebra.hiding.contract import Carrier
from latebra.hiding.media.passage import CHANNELS
from latebra.hiding.media.pictures import Pictures
from latebra.hiding.medium import Cover, Medium

SIDE: Final = 64
KINDS: Final = ("leaves", "stone", "bark")
DEFAULT: Final = "bark"
SIZES: Final = (256, 1024, 1024)
"""Dimensions of the latent's blocks: 16 channels of 4 by 4 cells, 16 of 8 by 8, 4 of 16 by 16."""
DIMS: Final = sum(SIZES)
MOST_VARIANCE: Final = 0.98
"""A posterior as wide as the prior would be noise without end; wider than this carries nothing."""


@dataclass(frozen=True)
class Gan(Carrier):
    """The latent vector of a generative adversarial network.

    What it does: the bits of a coded, masked frame choose the signs (and, where the channel is good
    enough, finer cells) of a Gaussian vector of 2,304 dimensions, laid out as three blocks of
    cells. A generator paints a texture of it in one run. An extractor, trained with the generator
    through JPEG, noise and resizing, says of the picture that arrives what each dimension was and
    how sure that is, and the frame is decoded softly.

    Why it hides: coin flips make the vector exactly standard Gaussian, its length free, so the
    picture has exactly the distribution of the generator's other pictures, as far as ChaCha20's
    keystream is random.

    Known problems: the promise is relative to this generator. A small generator's pictures are
    recognisable as such, whether or not they carry anything.

    Equation: log P(1)/P(0) of a bit, with the latent Gaussian given the picture: mean and variance
    are the extractor's.

    Args:
        networks: By role. "generator": ``latent`` float32 (1, 2304), ``kind`` one-hot (1, 3);
            ``picture`` (1, 3, 64, 64), grey levels. "extractor": ``picture``; ``mean`` and
            ``log_variance``, both (1, 2304).
        kind: What to paint, one of ``KINDS``. A reader need not be told.
    """

    title: ClassVar[str] = "Latent vector of a generative adversarial network"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = (
        "Wei et al. 2022, Generative steganography network, arXiv:2207.13867; Yang et al. 2024, "
        "Gaussian Shading, arXiv:2404.04956"
    )
    roles: ClassVar[Mapping[str, str]] = {
        "generator": "small_textures",
        "extractor": "small_textures_extractor",
    }
    channels: ClassVar[Mapping[str, str]] = CHANNELS
    options: ClassVar[Mapping[str, str]] = {
        "kind": "what is painted, such as stone; a reader need not be told"
    }

    networks: Mapping[str, Network] = field(repr=False)
    kind: str = DEFAULT

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        kind = options.get("kind", DEFAULT)
        if kind not in KINDS:
            raise InputError(f"gan paints no kind {kind!r}", fix=f"choose from {', '.join(KINDS)}")
        return cls(networks, kind)

    @property
    @override
    def medium(self) -> Medium:
        return Pictures((SIDE, SIDE, 3))

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        return tuple(room.size for room in self.table(channel).rooms)

    @override
    def salt_bytes(self, channel: str) -> int:
        return self.table(channel).word.salt_bytes

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
        del progress  # One run of a small network.
        modem = Modem(self.table(channel), stream.child(channel))
        return self.paint(modem.modulate(frame, salt)[None])[0]

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        mean, variance = (rows[0] for rows in self.look(np.asarray(cover)[None]))
        for channel in channels:
            modem = Modem(self.table(channel), stream.child(channel))
            yield from modem.demodulate(*observed(mean, trusted(variance, channel)))

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        mean, _ = self.look(np.stack([np.asarray(cover) for cover in covers]))
        # A posterior's mean varies less than the latent, by what stays unknown.
        noise = self.table("png").noise
        return mean * np.sqrt(1.0 + noise**2)

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        return self.paint(rng.standard_normal((1, DIMS), np.float32))[0]

    @staticmethod
    def table(channel: str) -> Table:
        """Returns the calibrated table of ``channel``: the same for each kind.

        Raises:
            InputError: There is no such channel.
        """
        Gan.refuse_unknown(channels=[channel])
        return _calibrated()[channel][0]

    def paint(
        self, latents: Float32[np.ndarray, "batch dims"]
    ) -> UInt8[np.ndarray, "batch 64 64 3"]:
        """Returns the pictures that ``latents`` become, rounded to grey levels."""
        chosen = np.zeros((1, len(KINDS)), np.float32)
        chosen[0, KINDS.index(self.kind)] = 1.0
        generator = self.networks["generator"]
        levels = np.concatenate(
            [generator.run({"latent": row[None], "kind": chosen})["picture"] for row in latents]
        )
        pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))

    def look(
        self, pictures: UInt8[np.ndarray, "batch 64 64 3"]
    ) -> tuple[Float32[np.ndarray, "batch dims"], Float32[np.ndarray, "batch dims"]]:
        """Returns mean and variance of the latents given ``pictures``, as the extractor says."""
        levels = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
        found = [self.networks["extractor"].run({"picture": row[None]}) for row in levels]
        mean = np.concatenate([each["mean"] for each in found])
        return mean, np.exp(np.concatenate([each["log_variance"] for each in found]))


def trusted(
    variance: Float32[np.ndarray, "... dims"], channel: str
) -> Float32[np.ndarray, "... dims"]:
    """Returns the variance that the extractor should have named: calibration knows by block."""
    return variance * np.repeat(_calibrated()[channel][1], SIZES)


def observed(
    mean: Float32[np.ndarray, "... dims"], variance: Float32[np.ndarray, "... dims"]
) -> tuple[Float32[np.ndarray, "... dims"], Float32[np.ndarray, "... dims"]]:
    """Returns what was received over which noise, that a standard Gaussian has this posterior.

    Of received = sent + s N(0, 1), the posterior of what was sent has the variance
    v = s² / (1 + s²) and the mean received (1 - v).
    """
    variance = np.minimum(variance, np.float32(MOST_VARIANCE))
    return mean / (1 - variance), np.sqrt(variance / (1 - variance))


@cache
def _calibrated() -> Mapping[str, tuple[Table, Float32[np.ndarray, " blocks"]]]:
    """Returns table and trust of each channel: the file that ``training`` wrote."""
    with as_file(files("latebra.hiding.carriers") / "gan.npz") as path:
        stored = np.load(path, allow_pickle=False)
        return {
            channel: (
                unpacked(stored, channel, Word(*stored[f"{channel}.word"].tolist())),
                stored[f"{channel}.trust"].astype(np.float32),
            )
            for channel in CHANNELS
        }


PLUGIN = Gan
