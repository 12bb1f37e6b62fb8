"""Hide a frame in the noise that a rectified flow turns into a small photograph."""

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
from latebra.hiding.channel import basis
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.channel.sync import Word
from latebra.hiding.channel.table import Table, unpacked
from latebra.hiding.contract import Carrier
from latebra.hiding.media.passage import CHANNELS
from latebra.hiding.media.pictures import Pictures
from latebra.hiding.medium import Cover, Medium

SIDE: Final = 64
KINDS: Final = ("water", "leaves", "stone", "bark", "flower", "sky")
DEFAULT: Final = "bark"
_GUESSES: Final = (DEFAULT, *(kind for kind in KINDS if kind != DEFAULT))
CENTRE: Final = 127.5
SCALE: Final = 64.0
"""Grey levels for one unit of the network's pixels."""
STEPS: Final = 4
"""Steps of the fourth-order Runge-Kutta method, either way: chosen by ``benchmarks/steps.py``."""


@dataclass(frozen=True)
class Diffusion(Carrier):
    """The initial noise of a rectified flow.

    What it does: the bits of a coded, masked frame choose the signs (and, where the channel is good
    enough, finer cells) of Gaussian noise in a colour-by-frequency basis. A velocity network
    carries the noise along an ordinary differential equation to a picture; run backwards from the
    received picture, the same equation gives the noise back, a little blurred, and the frame is
    decoded softly.

    Why it hides: coin flips make the noise exactly standard Gaussian, so the picture has exactly
    the distribution of the generator's other pictures, as far as ChaCha20's keystream is random.

    Known problems: the promise is relative to this generator. A small generator's pictures are
    recognisable as such, whether or not they carry anything. Flat kinds (sky) hold least.

    Equation: dx/dt = v(x, t, kind), x(0) noise, x(1) picture; Liu et al. 2023, eq. (1).

    Args:
        networks: By role; "denoiser" is the velocity network: ``x`` float32 (1, 3, 64, 64), ``t``
            (1,), ``kind`` one-hot (1, 6); ``velocity`` (1, 3, 64, 64).
        kind: What to paint, one of ``KINDS``. A reader who is not told tries each in turn.
    """

    title: ClassVar[str] = "Initial noise of a diffusion model"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = (
        "Yang et al. 2024, Gaussian Shading, arXiv:2404.04956; Liu et al. 2023, Flow Straight and "
        "Fast, arXiv:2209.03003"
    )
    roles: ClassVar[Mapping[str, str]] = {"denoiser": "small_photographs"}
    channels: ClassVar[Mapping[str, str]] = CHANNELS
    options: ClassVar[Mapping[str, str]] = {
        "kind": "what is painted, such as stone; a reader who is not told tries each"
    }

    networks: Mapping[str, Network] = field(repr=False)
    kind: str | None = None

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        kind = options.get("kind")
        if kind is not None and kind not in KINDS:
            raise InputError(
                f"diffusion paints no kind {kind!r}", fix=f"choose from {', '.join(KINDS)}"
            )
        return cls(networks, kind)

    @property
    @override
    def medium(self) -> Medium:
        return Pictures((SIDE, SIDE, 3))

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        return tuple(room.size for room in self.table(channel, self.kind or DEFAULT).rooms)

    @override
    def salt_bytes(self, channel: str) -> int:
        return self.table(channel, self.kind or DEFAULT).word.salt_bytes

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
        kind = self.kind or DEFAULT
        modem = Modem(self.table(channel, kind), stream.child(channel))
        noise = basis.inverse(modem.modulate(frame, salt)[None], SIDE)
        return self.paint(noise, kind)[0]

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        for kind in (self.kind,) if self.kind else _GUESSES:
            received = basis.forward(self.invert(np.asarray(cover)[None], kind))[0]
            for channel in channels:
                modem = Modem(self.table(channel, kind), stream.child(channel))
                yield from modem.demodulate(received)

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        pictures = np.stack([np.asarray(cover) for cover in covers])
        if self.kind is not None:
            return basis.forward(self.invert(pictures, self.kind))
        # The right kind gives noise of the right length; another kind's noise is longer.
        guesses = np.stack([basis.forward(self.invert(pictures, kind)) for kind in _GUESSES])
        excess = np.abs((guesses**2).mean(axis=2) - 1.0)
        return guesses[np.argmin(excess, axis=0), np.arange(len(pictures))]

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        noise = rng.standard_normal((1, 3, SIDE, SIDE), np.float32)
        return self.paint(noise, self.kind or DEFAULT)[0]

    @staticmethod
    def table(channel: str, kind: str) -> Table:
        """Returns the calibrated table of ``channel`` for pictures of ``kind``.

        Raises:
            InputError: There is no such channel.
        """
        Diffusion.refuse_unknown(channels=[channel])
        return _tables()[channel, kind]

    def paint(
        self, noise: Float32[np.ndarray, "batch 3 64 64"], kind: str
    ) -> UInt8[np.ndarray, "batch 64 64 3"]:
        """Returns the pictures that ``noise`` becomes, rounded and clipped to grey levels."""
        levels = CENTRE + SCALE * self._integrate(noise, kind, 0.0, 1.0)
        pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))

    def invert(
        self, pictures: UInt8[np.ndarray, "batch 64 64 3"], kind: str
    ) -> Float32[np.ndarray, "batch 3 64 64"]:
        """Returns the noise that ``pictures`` came from, as well as their rounding lets it."""
        levels = pictures.transpose(0, 3, 1, 2).astype(np.float32)
        return self._integrate((levels - np.float32(CENTRE)) / np.float32(SCALE), kind, 1.0, 0.0)

    def _integrate(
        self, x: Float32[np.ndarray, "batch 3 64 64"], kind: str, start: float, stop: float
    ) -> Float32[np.ndarray, "batch 3 64 64"]:
        """Returns ``x`` at ``stop``: the classical fourth-order Runge-Kutta method."""
        denoiser = self.networks["denoiser"]
        chosen = np.zeros((1, len(KINDS)), np.float32)
        chosen[0, KINDS.index(kind)] = 1.0

        def velocity(at: np.ndarray, t: float) -> np.ndarray:
            inputs = {"x": at, "t": np.full(1, t, np.float32), "kind": chosen}
            return denoiser.run(inputs)["velocity"]

        step = np.float32((stop - start) / STEPS)
        half = np.float32(0.5) * step
        rows: list[np.ndarray] = []
        for one in np.ascontiguousarray(x, np.float32):
            row = one[None]
            for i in range(STEPS):
                t = start + i * float(step)
                k1 = velocity(row, t)
                k2 = velocity(row + half * k1, t + float(half))
                k3 = velocity(row + half * k2, t + float(half))
                k4 = velocity(row + step * k3, t + float(step))
                row = row + step / np.float32(6) * (k1 + 2 * k2 + 2 * k3 + k4)
            rows.append(row[0])
        return np.stack(rows)


@cache
def _tables() -> Mapping[tuple[str, str], Table]:
    """Returns the calibrated tables, by channel and kind: the file that ``training`` wrote."""
    with as_file(files("latebra.hiding.carriers") / "diffusion.npz") as path:
        stored = np.load(path, allow_pickle=False)
        tables: dict[tuple[str, str], Table] = {}
        for channel in CHANNELS:
            for kind in KINDS:
                name = f"{channel}.{kind}"
                if f"{name}.gain" not in stored:
                    continue
                word = Word(*stored[f"{channel}.word"].tolist())
                tables[channel, kind] = unpacked(stored, name, word)
    return tables


PLUGIN = Diffusion
