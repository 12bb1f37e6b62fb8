"""Which numbers of a tensor can take other low bits without its showing.

Left alone are zeros, denormals, infinities and NaNs, and whole tensors

- of fewer than 64 numbers;
- whose lowest bits are not random already: rounded, small integers, constants;
- whose numbers repeat: steps of a quantised scale, written out as floats.

32-bit floats that were widened from 16 bits end in 13 or 16 zeros: these stay zeros, and the lowest
bits of the narrow type are used, so that a vault outlives their being narrowed, and the reverse.

Every rule looks at bits that are never rewritten, or at whether low bits look like coin flips, as
rewritten ones do: so whoever reads finds what whoever wrote found. A scale of its own for every few
numbers of full width hides a quantised origin from these rules, but not from who knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from latebra.hiding.vaults.model_file import Weights
from latebra.hiding.vaults.places import BF16_WIDENED, F16_WIDENED, F32, Kind

FEWEST: Final = 64
"""Numbers of a tensor: in fewer, chance looks like a pattern."""
WINDOW: Final = 512
WINDOWS: Final = 128
"""At most so many stretches of a tensor are looked at."""
_CHUNK: Final = 1 << 22


@dataclass(frozen=True)
class Ground:
    """A tensor with numbers that can be rewritten.

    Args:
        name: The tensor's name.
        kind: The type that its numbers have in truth.
        words: Their bits, a view of the file in memory.
        count: How many can be.
        chosen: Which, ascending; None for all of them.
    """

    name: str
    kind: Kind
    words: NDArray[Any] = field(repr=False)
    count: int
    chosen: Int64[np.ndarray, " count"] | None = field(repr=False)

    def elements(self, numbers: Int64[np.ndarray, "*n"]) -> Int64[np.ndarray, "*n"]:
        """Returns where in the tensor the usable numbers lie that are counted so."""
        return numbers if self.chosen is None else self.chosen[numbers]


def ground_of(weights: Weights) -> Ground | None:
    """Returns what of a tensor can be rewritten, None if nothing."""
    words, kind = weights.words, _kind(weights)
    chosen = _ordinary(words, kind)
    count = len(words) if chosen is None else len(chosen)
    if count < FEWEST:
        return None
    ground = Ground(weights.name, kind, words, count, chosen)
    windows = words[ground.elements(_sample(count))] >> kind.lowest
    return ground if _is_random(windows, kind) and not _repeats(windows, kind) else None


def _kind(weights: Weights) -> Kind:
    """Returns the narrowest type that holds all numbers of a tensor."""
    if weights.kind is F32:
        used = int(np.bitwise_or.reduce(weights.words, initial=0))
        for narrow in (BF16_WIDENED, F16_WIDENED):
            if not used & ((1 << narrow.lowest) - 1):
                return narrow
    return weights.kind


def _ordinary(words: NDArray[Any], kind: Kind) -> NDArray[np.int64] | None:
    """Returns which numbers are neither zero nor denormal nor infinite nor NaN; None for all."""
    unsigned = words.dtype.type((1 << 8 * kind.size - 1) - 1)
    least, end = kind.least << kind.stored, (kind.most + 1) << kind.stored
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(words), _CHUNK):
        sizes = words[start : start + _CHUNK] & unsigned
        found.append(start + np.flatnonzero((sizes >= least) & (sizes < end)))
    if sum(map(len, found)) == len(words):
        return None
    return np.concatenate(found)


def _sample(count: int) -> Int64[np.ndarray, "windows length"]:
    """Returns stretches of numbers, spread evenly over ``count``."""
    length = min(WINDOW, count)
    starts = np.arange(windows := min(WINDOWS, count // length), dtype=np.int64)
    starts = starts * (count - length) // max(1, windows - 1)
    return starts[:, None] + np.arange(length)


def _is_random(windows: NDArray[Any], kind: Kind) -> bool:
    """Returns whether each low bit is one about half of the time.

    Within six standard deviations, or 1/64: honest bits are not quite even, above all in 16 bits.
    """
    slack = max(3 * windows.size**0.5, windows.size / 64)
    planes = (np.count_nonzero(windows >> plane & 1) for plane in range(kind.planes))
    return all(abs(ones - windows.size / 2) <= slack for ones in planes)


def _repeats(windows: NDArray[Any], kind: Kind) -> bool:
    """Returns whether too few numbers are distinct where their low bits are left out."""
    upper = np.sort(windows >> kind.planes, axis=1)
    distinct = len(upper) + np.count_nonzero(np.diff(upper, axis=1))
    plenty = len(upper) * min(upper.shape[1], kind.window)
    return bool(distinct < kind.share * plenty)
