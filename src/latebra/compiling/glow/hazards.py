"""Which instructions have to wait for those before them."""

from __future__ import annotations

from latebra.compiling.glow.low import Buffer, Instruction, Space, reads


class Hazards:
    """What has been touched since all threads last waited for each other."""

    def __init__(self) -> None:
        self._read: set[Buffer] = set()
        self._written: set[Buffer] = set()

    def met(self, instruction: Instruction) -> bool:
        """Returns whether threads must wait before an instruction, and remembers what it touches.

        They must where it reads what was written, or writes over bytes that another buffer has
        had. Two instructions that write one buffer write different parts of it.
        """
        sources = {view.buffer for view in reads(instruction)}
        out = instruction.out.buffer
        others = (self._read | self._written) - {out}
        wait = bool(sources & self._written) or any(_overlap(out, other) for other in others)
        wait = wait or (out in self._read)
        if any(_overlap(source, other) for source in sources for other in self._written):
            wait = True
        if wait:
            self._read.clear()
            self._written.clear()
        self._read |= sources
        self._written.add(out)
        return wait


def _overlap(one: Buffer, other: Buffer) -> bool:
    if one.space is not other.space or one.space is Space.CONSTANTS:
        return False
    return (
        one.start < other.start + other.size_bytes and other.start < one.start + one.size_bytes
    )
