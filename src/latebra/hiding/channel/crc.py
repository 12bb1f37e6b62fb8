"""Cyclic redundancy checks of eleven, sixteen bits, over bits rather than bytes.

The register starts at all ones, so that the all-zero word, which every linear code holds, does not
pass: a cover that carries nothing must not look like a message. Polynomials: 3GPP TS 38.212, 5.1
(CRC-11) and CCITT (CRC-16).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from latebra.hiding.channel.kernel import kernel

POLYNOMIAL = {11: 0x621, 16: 0x1021}
"""Width in bits to generator polynomial, top bit left out."""


@kernel
def register(bits: Any, width: Any, polynomial: Any) -> Any:
    """The register after all bits have gone through it, for callers that are compiled."""
    state = (1 << width) - 1
    for i in range(len(bits)):
        top = (state >> (width - 1)) & 1
        state = (state << 1) & ((1 << width) - 1)
        if top != bits[i]:
            state ^= polynomial
    return state


def checksum(bits: UInt8[np.ndarray, " k"], width: int) -> UInt8[np.ndarray, " width"]:
    """The check bits of a message, most significant first.

    Args:
        bits: The message, values 0 or 1.
        width: Number of check bits; a key of ``POLYNOMIAL``.
    """
    state = int(register(bits, width, POLYNOMIAL[width]))
    return np.array([(state >> i) & 1 for i in reversed(range(width))], dtype=np.uint8)
