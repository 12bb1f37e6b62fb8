"""What a carrier promises: a noisy channel of frames through something that looks ordinary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from jaxtyping import Float32

from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.medium import Cover, Medium


class Carrier(ABC):
    """A channel of frames, which look like coin flips, through a cover of some kind.

    A carrier never sees a key or a message. It is handed frames, a fresh salt that it must make
    readable, and a ``Stream`` that says where things go; it gives back what may be frames, and
    whoever opens them decides.
    """

    title: ClassVar[str]
    """What it is, in a few words."""
    version: ClassVar[str]
    """Three numbers; a carrier that can no longer read older covers has another first number."""
    reference: ClassVar[str]
    """The paper that it implements."""
    roles: ClassVar[Mapping[str, str]]
    """The networks that it runs: role to the name of the model that plays it by default."""
    channels: ClassVar[Mapping[str, str]]
    """The channels that it is calibrated for, the usual one first; what each does to a cover."""
    options: ClassVar[Mapping[str, str]] = {}
    """What a person can choose, by name, and what each means."""
    known_failures: ClassVar[Mapping[str, str]] = {}
    """Promises that it does not keep, and why."""

    @classmethod
    def models(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        """Returns the networks that it runs under ``options``: role to a model's name."""
        del options
        return cls.roles

    @classmethod
    @abstractmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        """Returns the carrier with its networks, by role, and its options.

        Without networks it still answers what needs none: ``rooms``, ``salt_bytes``.

        Raises:
            InputError: An option is unknown, or has a value that it cannot have.
        """

    @property
    @abstractmethod
    def medium(self) -> Medium:
        """What its covers are made of."""

    @abstractmethod
    def rooms(self, channel: str) -> tuple[int, ...]:
        """Returns the sizes of frame in bytes that ``channel`` takes, ascending.

        Raises:
            InputError: The carrier is not calibrated for that channel.
        """

    @abstractmethod
    def salt_bytes(self, channel: str) -> int:
        """Returns how many bytes of salt ``embed`` wants."""

    @abstractmethod
    def embed(
        self,
        frame: bytes,
        salt: bytes,
        stream: Stream,
        channel: str,
        progress: Progress = silent,
    ) -> Cover:
        """Returns a cover that carries ``frame``, whose size is one of ``rooms(channel)``."""

    @abstractmethod
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        """Yields what may be frames sent through any of ``channels``; nothing if there are none."""

    @abstractmethod
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        """Returns what anyone who has the networks, but no key, reads back from covers."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Cover:
        """Returns an ordinary cover of the same kind, without a frame."""
