"""Read covers back before anybody is handed them: as the receiver will, with two compilers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from latebra.api.opened import Reader
from latebra.core.errors import CompileError
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.medium import Cover


@final
class Verifier:
    """The compiler that wrote, and the first other one that can run the carrier's networks.

    Args:
        writer: The carrier as it wrote.
        others: Compilers that are installed, the one to prefer first.
        opened: Opens the carrier with another compiler.
    """

    def __init__(
        self, writer: Reader, others: Sequence[str], opened: Callable[[str], Reader]
    ) -> None:
        self._others, self._opened = list(others), opened
        self.readers = [writer]

    def reads(self, cover: Cover, stream: Stream, channel: str, sent: Found) -> bool:
        """Returns whether all find what was sent in a cover that came through ``channel``."""
        if not _finds(self.readers[0], cover, stream, channel, sent):
            return False
        while len(self.readers) > 1 or self._others:
            try:
                if len(self.readers) == 1:
                    self.readers.append(self._opened(self._others.pop(0)))
                return _finds(self.readers[1], cover, stream, channel, sent)
            except CompileError:  # Not all take every network, or every type of floats.
                del self.readers[1:]
        return True


def _finds(reader: Reader, cover: Cover, stream: Stream, channel: str, sent: Found) -> bool:
    return any(found == sent for found in reader.carrier.extract(cover, stream, [channel]))
