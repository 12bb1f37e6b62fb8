"""Back to a small range: a power of two, floor, clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import MOST, Given, Layer, Whole


@dataclass(frozen=True)
class Rescale(Layer):
    """Computes ``clip(floor(x · 2^-shift), low, high)``.

    With a shift of 0 it makes any finite number whole, which is how a network of numbers starts.

    Args:
        shift: Bits that are dropped.
        low: Smallest result; 0 makes it a rectifier.
        high: Largest result.
    """

    is_by_place: ClassVar[bool] = True

    shift: int
    low: int = -MOST
    high: int = MOST

    @override
    def apply(self, x: Given) -> Whole:
        scaled = np.floor(np.ldexp(x.astype(np.float64), -self.shift))
        return scaled.clip(self.low, self.high).astype(np.float32)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        shape, x = source.shape, source.name
        if self.shift:
            x = draft.do("Mul", x, draft.scalar(2.0**-self.shift), shape=shape).name
        x = draft.do("Floor", x, shape=shape).name
        return draft.do("Clip", x, draft.scalar(self.low), draft.scalar(self.high), shape=shape)
