"""The error-correcting code for a message length and a block length."""

from __future__ import annotations

from functools import cache

from latebra.core.errors import DoesNotFit
from latebra.hiding.channel.code import Code

__all__ = ["Code", "code"]

LONGEST_POLAR = 1024
SHORTEST, LONGEST = 16, 200_000
FEWEST = 8
LOWEST_RATE, HIGHEST_RATE = 1 / 16, 0.94


@cache
def code(k: int, n: int) -> Code:
    """The code with ``k`` message bits in ``n`` code bits: polar up to 1,024 bits, else LDPC.

    Equal arguments give the same object, and the same code on every machine.

    Args:
        k: Message bits, at least 8.
        n: Code bits; the rate ``k / n`` lies between 1/16 and 0.94, and short polar codes leave
            room for their check of 11 bits.

    Raises:
        DoesNotFit: No code of this family has that length and rate.
    """
    if k < FEWEST:
        raise DoesNotFit(
            f"a code for {k} bits is asked for; the shortest message has {FEWEST}",
            fix=f"pad the message to {FEWEST} bits",
        )
    if not SHORTEST <= n <= LONGEST:
        raise DoesNotFit(
            f"a code of {n} bits is asked for; lengths are {SHORTEST} to {LONGEST}",
            fix="split or enlarge the block",
        )
    if not LOWEST_RATE <= k / n <= HIGHEST_RATE:
        raise DoesNotFit(
            f"{k} bits in a block of {n} is rate {k / n:.3f}; "
            f"rates are {LOWEST_RATE:.3f} to {HIGHEST_RATE}",
            fix="change the length of the message or of the block",
        )
    if n > LONGEST_POLAR:
        from latebra.hiding.channel.ldpc import LdpcCode

        return LdpcCode(k, n)
    from latebra.hiding.channel import crc
    from latebra.hiding.channel.polar import PolarCode

    if k + crc.WIDTH > n:
        raise DoesNotFit(
            f"{k} bits and their check of {crc.WIDTH} exceed a block of {n}",
            fix=f"send at most {n - crc.WIDTH} bits",
        )
    return PolarCode(k, n)
