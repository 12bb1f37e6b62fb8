"""Float tensors of a model's file: what they are called, of which type, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Kind:
    """A type of float, and how many of its lowest bits may ever be used.

    Args:
        name: As safetensors calls it.
        word: The unsigned integer of its size, as numpy calls it.
        mantissa: Bits of the mantissa that are stored.
        exponent: Bits of the exponent.
        planes: Lowest bits of the mantissa that may be used.
        window: How many distinct numbers 512 in a row have, if their low bits are left out and
            they are plenty.
        share: Part of these that honest weights have at least.
    """

    name: str
    word: str
    mantissa: int
    exponent: int
    planes: int
    window: int
    share: float

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return 4 if self.word == "<u4" else 2

    def change(self, plane: int) -> float:
        """Returns the largest relative change when bits up to ``plane`` (from 0) are rewritten."""
        return 2.0 ** (plane + 1 - self.mantissa)


F32: Final = Kind("F32", "<u4", mantissa=23, exponent=8, planes=8, window=512, share=0.9)
F16: Final = Kind("F16", "<u2", mantissa=10, exponent=5, planes=2, window=512, share=0.5)
BF16: Final = Kind("BF16", "<u2", mantissa=7, exponent=8, planes=2, window=128, share=0.5)
KINDS: Final = {kind.name: kind for kind in (F32, F16, BF16)}


@dataclass(frozen=True)
class Place:
    """One tensor's numbers in a file.

    Args:
        name: The tensor's name.
        kind: The type of its numbers.
        start: Where in the file they start, in bytes.
        count: How many they are.
    """

    name: str
    kind: Kind
    start: int
    count: int

    @property
    def end(self) -> int:
        """Where in the file they end, in bytes."""
        return self.start + self.count * self.kind.size
