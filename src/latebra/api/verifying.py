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
        # Networks stay open from one call to the next, and count from when they were opened.
        self._before = [writer.seconds_inside]
        self._join()

    @property
    def seconds_inside(self) -> float:
        """Time spent inside the readers' networks since they came to this work."""
        spent = [each.seconds_inside for each in self.readers]
        return sum(after - before for after, before in zip(spent, self._before, strict=True))

    def reads(self, cover: Cover, stream: Stream, channel: str, sent: Found) -> bool:
        """Returns whether all find what was sent in a cover that came through ``channel``."""
        if not _finds(self.readers[0], cover, stream, channel, sent):
            return False
        while len(self.readers) > 1:
            try:
                return _finds(self.readers[1], cover, stream, channel, sent)
            except CompileError:  # Not all take every network, or every type of floats.
                del self.readers[1:], self._before[1:]
                self._join()
        return True

    def _join(self) -> None:
        """Takes in the next compiler that opens the carrier, if there is one."""
        while self._others and len(self.readers) == 1:
            try:
                other = self._opened(self._others.pop(0))
            except CompileError:
                continue
            self.readers.append(other)
            self._before.append(other.seconds_inside)


def _finds(reader: Reader, cover: Cover, stream: Stream, channel: str, sent: Found) -> bool:
    return any(found == sent for found in reader.carrier.extract(cover, stream, [channel]))
