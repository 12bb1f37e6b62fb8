"""What a carrier promises: a noisy channel of frames through something that looks ordinary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from jaxtyping import Float32

from latebra.core.errors import InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.audit import Row
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
    takes_cover: ClassVar[bool] = False
    """Whether a person gives what it hides in, such as a photograph; else it makes its own."""
    writes: ClassVar[bool] = False
    """Whether it writes ordinary covers although a person gives what it hides in."""
    checks: ClassVar[bool] = True
    """Whether a code of its own checks what ``extract`` yields, so that it finds nothing in a cover
    without a frame; else whoever opens frames is the only judge."""
    shows: ClassVar[bool] = False
    """Whether its covers show to anyone, without a key, that they carry something: ``trace``."""
    scrubs: ClassVar[bool] = False
    """Whether it can take its frames away from a cover, without a key: ``scrubbed``."""
    known_failures: ClassVar[Mapping[str, str]] = {}
    """Promises that it does not keep, and why."""

    @classmethod
    def refuse_unknown(cls, options: Collection[str] = (), channels: Collection[str] = ()) -> None:
        """Raises InputError when there is an option or a channel that the carrier does not have."""
        name = cls.__name__.lower()
        for each in sorted(set(options) - set(cls.options)):
            raise InputError(
                f"{name} has no option {each!r}", fix=f"choose from {', '.join(cls.options)}"
            )
        for each in sorted(set(channels) - set(cls.channels)):
            raise InputError(
                f"{name} is not calibrated for a channel {each!r}",
                fix=f"choose from {', '.join(cls.channels)}",
            )

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
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        """Returns the sizes of frame in bytes that ``channel`` takes, ascending.

        Args:
            channel: One of ``channels``.
            cover: What is hidden in, where a person gives it; None asks for the rooms of a usual
                one.

        Raises:
            DoesNotFit: The cover is too small for any frame.
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
        *,
        cover: Cover | None = None,
        progress: Progress = silent,
    ) -> Cover:
        """Returns a cover that carries ``frame``, whose size is one of ``rooms(channel, cover)``.

        Args:
            frame: What to carry.
            salt: Fresh random bytes, as many as ``salt_bytes(channel)``.
            stream: What says where things go.
            channel: One of ``channels``.
            cover: What to hide in, which is left as it is; only where ``takes_cover``.
            progress: Told how far the work is.

        Raises:
            DoesNotFit: The cover that this salt leads to would not be read; another salt may do.
        """

    @abstractmethod
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        """Yields what may be frames sent through any of ``channels``; nothing if there are none."""

    @abstractmethod
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        """Returns what anyone who has the networks, but no key, reads back from covers."""

    def trace(self, cover: Cover) -> Row:
        """Returns what a cover shows to anyone, and how often chance shows as much.

        It needs neither networks nor a key, and only a carrier that ``shows`` has it.
        """
        raise NotImplementedError(type(self).__name__)

    def scrubbed(self, cover: Cover, rng: np.random.Generator) -> Cover:
        """Returns a cover that looks like this one, and carries no frame of this kind.

        It needs neither networks nor a key, and only a carrier that ``scrubs`` has it.
        """
        raise NotImplementedError(type(self).__name__)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Cover:
        """Returns an ordinary cover without a frame: of the kind that it makes, or is given."""
