"""What a layer is: a map between arrays of whole numbers, defined in NumPy, written as ONNX."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, Shaped

from latebra.models.exact.graph import Draft, Tensor

LIMIT: Final = 2**24
"""Below it every whole number is a 32-bit float, so sums are exact in any order.

Source: IEEE 754-2019, binary32 has 24 bits of significand.
"""
MOST: Final = 127
"""The usual largest magnitude of what flows between layers."""
MOST_WEIGHT: Final = 31
"""The usual largest magnitude of a weight: 4,261 terms of 31 · 127 stay below ``LIMIT``."""

Given = Shaped[np.ndarray[Any, Any], "..."]
"""Tokens as 64-bit integers, or whole numbers in 32-bit floats."""
Whole = Float32[np.ndarray[Any, Any], "..."]
"""Whole numbers in 32-bit floats."""


class Layer(ABC):
    """Part of an exact network; arrays inside hold whole numbers."""

    is_by_place: ClassVar[bool] = False
    """Does it treat each place of a sequence alone?"""

    @abstractmethod
    def apply(self, x: Given) -> Whole:
        """Returns what the layer computes; this is its definition, in 64-bit floats inside."""

    @abstractmethod
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        """Returns what the same computation with ONNX's own operators gives."""
