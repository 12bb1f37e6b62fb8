"""What a published scheme does: bits into tokens by a model's probabilities, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from latebra.hiding.tokens.agreement import Bits, TokenModel

Probabilities = NDArray[np.float64]


def softmax(logits: NDArray[np.floating]) -> Probabilities:
    """Returns probabilities in float64, from logits as they are: nothing is rounded."""
    exact = logits.astype(np.float64)
    shares = np.exp(exact - exact.max())
    return shares / shares.sum()


@dataclass
class Scheme(ABC):
    """One scheme, for one text.

    Args:
        seed: What both ends' generator of random numbers starts from.
    """

    title: ClassVar[str]
    source: ClassVar[str]

    seed: int

    @abstractmethod
    def write(self, model: TokenModel, prompt: Sequence[int], bits: Bits) -> list[int]:
        """Returns tokens that carry ``bits``."""

    @abstractmethod
    def read(self, model: TokenModel, prompt: Sequence[int], tokens: Sequence[int]) -> Bits:
        """Returns the bits that tokens carry, and perhaps some more."""
