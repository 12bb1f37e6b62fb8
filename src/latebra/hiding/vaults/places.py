"""Float tensors of a model's file: what they are called, of which type, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Kind:
    """A type of float, as it lies in words, and how many of its lowest bits may ever be used.

    Args:
        name: What it is called, the same where it was widened.
        word: The unsigned integer of its size, as numpy calls it.
        stored: Bits of the mantissa that the word has.
        mantissa: The highest of these that the type has; the rest are zeros.
        least: Lowest exponent field of an ordinary number of the type.
        most: Highest exponent field of one.
        planes: Lowest bits of the mantissa that may be used.
        window: How many distinct numbers 512 in a row have, if their low bits are left out and
            they are plenty.
        share: Part of these that honest weights have at least.
    """

    name: str
    word: str
    stored: int
    mantissa: int
    least: int
    most: int
    planes: int
    window: int
    share: float

    @property
    def size(self) -> int:
        """Bytes of one word."""
        return 4 if self.word == "<u4" else 2

    @property
    def lowest(self) -> int:
        """Which bit of the word is the lowest of the mantissa."""
        return self.stored - self.mantissa

    def change(self, plane: int) -> float:
        """Returns the largest relative change when bits up to ``plane`` (from 0) are rewritten."""
        return 2.0 ** (plane + 1 - self.mantissa)


F32: Final = Kind("F32", "<u4", 23, 23, 1, 254, planes=8, window=512, share=0.9)
F16: Final = Kind("F16", "<u2", 10, 10, 1, 30, planes=2, window=512, share=0.5)
BF16: Final = Kind("BF16", "<u2", 7, 7, 1, 254, planes=2, window=128, share=0.5)
F16_WIDENED: Final = Kind("F16", "<u4", 23, 10, 113, 142, planes=2, window=512, share=0.5)
BF16_WIDENED: Final = Kind("BF16", "<u4", 23, 7, 1, 254, planes=2, window=128, share=0.5)
KINDS: Final = {kind.name: kind for kind in (F32, F16, BF16)}
"""Those that files know, by the names that safetensors has for them."""


@dataclass(frozen=True)
class Place:
    """One tensor's numbers in a file.

    Args:
        name: The tensor's name.
        kind: The type that the file says its numbers have.
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
