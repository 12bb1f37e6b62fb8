"""A cyclic redundancy check of eleven bits, over bits rather than bytes.

The register starts at all ones, so that the all-zero word, which every linear code holds, does not
pass: a cover that carries nothing must not look like a message. It picks one path of a list, no
more; whoever must be sure authenticates the message. Polynomial: 3GPP TS 38.212, 5.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from latebra.hiding.channel.kernel import kernel

WIDTH = 11
"""Check bits."""
POLYNOMIAL = 0x621
"""The generator polynomial, top bit left out."""


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


def checksum(bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " 11"]:
    """The check bits of a message, most significant first.

    Args:
        bits: The message, values 0 or 1.
    """
    state = int(register(bits, WIDTH, POLYNOMIAL))
    return np.array([(state >> i) & 1 for i in reversed(range(WIDTH))], dtype=np.uint8)
