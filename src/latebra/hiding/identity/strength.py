"""How many guesses a vault withstands, in bits, with the data that the number comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

RAW_KEY_BITS: Final = 256.0
"""Of a key that was drawn, and of a share that this machine keeps."""


@dataclass(frozen=True)
class Measured:
    """How often somebody else opened a vault, with the second factor in hand.

    Args:
        false_match_rate: The upper end of its 95 % interval: what is counted on.
        genuine: Trials with the right person or thing.
        impostor: Trials with others.
        subjects: How many people or things there were.
        data: What was measured on.
        apart: Whether who knows how such samples are spread can test the second factor alone.
    """

    false_match_rate: float
    genuine: int
    impostor: int
    subjects: int
    data: str
    apart: bool = True

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Measured:
        """Returns what a card says."""
        return cls(
            float(told["false_match_rate"]),
            int(told["genuine"]),
            int(told["impostor"]),
            int(told["subjects"]),
            str(told["data"]),
            bool(told["apart"]),
        )


@dataclass(frozen=True)
class Strength:
    """What an outsider who has the vault's file must guess.

    Args:
        secret_bits: k, bits of the secret behind the samples.
        measured: How often others opened such a vault.
        factor_bits: What the second factor is worth; 0 for a passphrase nobody vouches for.
        factor: What the second factor is, in words.
    """

    secret_bits: int
    measured: Measured
    factor_bits: float
    factor: str

    @property
    def sample_bits(self) -> float:
        """What the samples are worth: min(k, −log2 FMR)."""
        return min(float(self.secret_bits), -math.log2(self.measured.false_match_rate))

    @property
    def bits(self) -> float:
        """min(k, −log2 FMR) + H(second factor), where both must be guessed at once.

        Where the second factor can be tested alone the efforts add instead of their logarithms.
        """
        if not self.measured.apart:
            return self.sample_bits + self.factor_bits
        low, high = sorted((self.sample_bits, self.factor_bits))
        return high + math.log2(1 + 2 ** (low - high))

    def __str__(self) -> str:
        rate = self.measured.false_match_rate
        sample = f"min({self.secret_bits}, −log2 {rate:.2g})"
        how = f"{sample} + {self.factor_bits:.1f}"
        if self.measured.apart:
            how = f"log2(2^{sample} + 2^{self.factor_bits:.1f})"
        return (
            f"{self.bits:.1f} bits = {how} ({self.factor}); others opened it at most so often in "
            f"{self.measured.impostor:,} tries by {self.measured.subjects} of "
            f"{self.measured.data}"
        )
