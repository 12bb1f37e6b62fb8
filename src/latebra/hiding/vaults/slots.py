"""The low bits of a whole model in one row, those that change it least first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

import numpy as np
from jaxtyping import Int64, UInt8
from numpy.typing import NDArray

from latebra.hiding.vaults.ground import Ground, ground_of
from latebra.hiding.vaults.model_file import ModelFile
from latebra.hiding.vaults.places import KINDS, Kind


@dataclass(frozen=True)
class Level:
    """One bit of every usable number of one type, widened or not.

    Args:
        kind: The type.
        plane: Which bit, 0 for the lowest.
        slots: How many numbers there are.
    """

    kind: Kind
    plane: int
    slots: int

    @property
    def change(self) -> float:
        """Largest relative change of a number whose bits up to this one are rewritten."""
        return self.kind.change(self.plane)


_ORDER: Final = sorted(
    ((kind, plane) for kind in KINDS.values() for plane in range(kind.planes)),
    key=lambda pair: pair[0].change(pair[1]),
)


@dataclass(frozen=True)
class Slots:
    """The low bits of a model, numbered from 0: level after level, in each tensor after tensor.

    Args:
        grounds: The tensors that can be rewritten, in the order of their names.
    """

    grounds: tuple[Ground, ...]

    @classmethod
    def of(cls, model: ModelFile) -> Slots:
        """Returns the low bits of a model."""
        return cls(tuple(found for each in model.weights if (found := ground_of(each))))

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels that have slots, by the change they make."""
        counts = {
            kind: sum(each.count for each in self.grounds if each.kind.name == name)
            for name, kind in KINDS.items()
        }
        return tuple(Level(kind, plane, counts[kind]) for kind, plane in _ORDER if counts[kind])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, types and counts, in hexadecimal: no rewriting changes it."""
        told = hashlib.sha256()
        for ground in self.grounds:
            name = ground.name.encode(errors="surrogatepass")
            told.update(len(name).to_bytes(8, "little") + name)
            told.update(ground.kind.name.encode().ljust(8))
            told.update(ground.count.to_bytes(8, "little"))
        return told.hexdigest()

    def read(self, slots: Int64[np.ndarray, " n"]) -> UInt8[np.ndarray, " n"]:
        """Returns the bits in ``slots``, which ascend."""
        bits = np.empty(len(slots), np.uint8)
        for part, words, elements, bit in self._parts(slots):
            bits[part] = words[elements] >> bit & 1
        return bits

    def write(self, slots: Int64[np.ndarray, " n"], bits: UInt8[np.ndarray, " n"]) -> None:
        """Puts ``bits`` into ``slots``, which ascend, each at most once."""
        for part, words, elements, bit in self._parts(slots):
            one = words.dtype.type(1 << bit)
            words[elements] = words[elements] & ~one | bits[part].astype(words.dtype) << bit

    @cached_property
    def _segments(self) -> list[tuple[Ground, int]]:
        return [
            (ground, ground.kind.lowest + level.plane)
            for level in self.levels
            for ground in self.grounds
            if ground.kind.name == level.kind.name
        ]

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.array(list(accumulate(ground.count for ground, _ in self._segments)), np.int64)

    def _parts(
        self, slots: NDArray[np.int64]
    ) -> Sequence[tuple[slice, NDArray[Any], NDArray[np.int64], int]]:
        """Returns the stretches of ``slots`` that lie in one tensor and one level."""
        ends = self._ends
        cuts = np.searchsorted(slots, ends)
        begins = np.concatenate([[0], cuts[:-1]])
        found: list[tuple[slice, NDArray[Any], NDArray[np.int64], int]] = []
        for index in np.flatnonzero(begins < cuts):
            ground, bit = self._segments[index]
            part = slice(int(begins[index]), int(cuts[index]))
            inside = slots[part] - (int(ends[index]) - ground.count)
            found.append((part, ground.words, ground.elements(inside), bit))
        return found
