"""What every error-correcting code can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float32, Int32, UInt8


class Code(ABC):
    """A code that turns ``k`` message bits into ``n`` code bits.

    Attributes:
        k: Message bits.
        n: Code bits.
        name: ``polar`` or ``ldpc``.
    """

    k: int
    n: int
    name: str

    @abstractmethod
    def encode(self, bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " n"]:
        """The codeword of a message; all values are 0 or 1."""

    @abstractmethod
    def decode(self, llr: Float32[np.ndarray, " n"]) -> UInt8[np.ndarray, " k"] | None:
        """The message that a noisy codeword holds.

        Args:
            llr: Natural log-likelihood ratio per code bit; above zero means 1, zero is an erasure.

        Returns:
            The message, or nothing when the code's own check says that decoding failed. The check
            is short: whoever must be sure authenticates the message.
        """

    @abstractmethod
    def checks(self) -> list[Int32[np.ndarray, " _"]]:
        """Sparse parity checks: the code bits at each row's indices sum to zero modulo two.

        They are what a steganalyser who knows the code would test. Not all checks of the code are
        listed, only those that are sparse and involve nothing but sent bits.
        """
