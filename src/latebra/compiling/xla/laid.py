"""A value that remembers in which order its axes lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Laid:
    """A value whose array may lie with its channels last.

    Args:
        array: The vendor's array.
        last: Whether axis 1 of the value is the last axis of the array.
    """

    array: Any
    last: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths, in ONNX's order of axes."""
        n, *rest = self.array.shape or (0,)
        if not self.last:
            return tuple(self.array.shape)
        return (n, rest[-1], *rest[:-1])


def is_held(array: Any) -> bool:
    """Is it NumPy's, so a constant, and not the vendor's?"""
    return isinstance(array, np.ndarray)
