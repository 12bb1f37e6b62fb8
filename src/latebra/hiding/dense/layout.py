"""Which samples tell which bits: blocks of samples, one after another, each of which ends a symbol.

A sample is one colour of one pixel. With fewer bits than samples a block has several samples and
tells one bit; with more, each sample is a block and tells up to three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt8

WIDEST: Final = 10
"""Samples of the widest block."""
DEEPEST: Final = 3
"""Most bits that one sample tells, changed by 4 levels at most, by 7 near black and white."""

Samples = Shaped[np.ndarray, " samples"]
Bits = UInt8[np.ndarray, " bits"]


@dataclass(frozen=True)
class Layout:
    """How so many bits lie in so many samples.

    Args:
        samples: How many there are.
        bits: How many they tell, at most ``DEEPEST`` each.
    """

    samples: int
    bits: int

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return min(self.samples, self.bits)

    @property
    def used(self) -> int:
        """Samples that lie in a block."""
        return min(self.samples, WIDEST * self.bits)

    @property
    def one_each(self) -> bool:
        """Whether each block is one sample, so that nothing can be chosen but what a change is."""
        return self.bits >= self.samples

    def edges(self, first: int, last: int) -> Int64[np.ndarray, " edges"]:
        """Returns where the blocks from ``first`` to ``last`` begin, and the end of the last."""
        return np.arange(first, last + 1, dtype=np.int64) * self.used // self.blocks

    def depths(self, first: int, last: int) -> UInt8[np.ndarray, " blocks"]:
        """Returns how many bits each of some blocks tells."""
        return np.diff(self._told(first, last)).astype(np.uint8)

    def symbols(self, bits: Bits, first: int, last: int) -> UInt8[np.ndarray, " blocks"]:
        """Returns the bits of some blocks, each as a number, the first bit the largest.

        Args:
            bits: All bits.
            first: The first block.
            last: The block after the last.
        """
        told = self._told(first, last)
        depths = np.diff(told)
        found = np.zeros(last - first, np.uint8)
        for place in range(DEEPEST):
            at = np.minimum(told[:-1] + place, self.bits - 1)
            found = np.where(depths > place, 2 * found + bits[at], found)
        return found.astype(np.uint8)

    def spelt(self, symbols: UInt8[np.ndarray, " blocks"], first: int) -> Bits:
        """Returns the bits that some blocks tell.

        Args:
            symbols: Their numbers, whose lowest bits count.
            first: The first of these blocks.
        """
        told = self._told(first, first + len(symbols))
        depths = np.diff(told)
        bits = np.zeros(int(told[-1] - told[0]), np.uint8)
        for place in range(DEEPEST):
            more = depths > place
            at = told[:-1][more] - told[0] + place
            bits[at] = symbols[more] >> (depths[more] - 1 - place) & 1
        return bits

    def slots(
        self, samples: Samples, first: int, length: int, before: int
    ) -> Float32[np.ndarray, "1 slots 1 columns"]:
        """Returns what a network is given to read ``length`` blocks: a column for each.

        Args:
            samples: All samples.
            first: The first block that is read.
            length: How many columns are wanted; zeros stand after the last block.
            before: Columns of blocks that come before, zeros before the first of all.
        """
        start, last = max(0, first - before), min(self.blocks, first + length)
        edges = self.edges(start, last)
        column = start - (first - before)
        found = np.zeros((1, WIDEST, 1, before + length), np.float32)
        for slot in range(int(np.diff(edges).max(initial=0))):
            at = edges[:-1] + slot
            there = at < edges[1:]
            values = samples[np.minimum(at, self.used - 1)]
            found[0, slot, 0, column : column + len(at)] = np.where(there, values, 0)
        return found

    def _told(self, first: int, last: int) -> Int64[np.ndarray, " edges"]:
        """Returns how many bits are told before each block."""
        return np.arange(first, last + 1, dtype=np.int64) * self.bits // self.blocks
