"""Hide how long a message is: a length, the content, zeros.

    LEB128(value) | content | 00 … 00

All of it is encrypted and authenticated by whoever calls this.
"""

from __future__ import annotations

from typing import Final

LONGEST_VARINT: Final = 9
"""Bytes: a value below 2^63."""


def varint(value: int) -> bytes:
    """Returns ``value`` in LEB128: seven bits a byte, lowest first, bit 7 set if more follow."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def padme(length: int) -> int:
    """Returns the length that ``length`` is padded to, at most 12 % more.

    Of a length with E + 1 significant bits, all but the first 1 + bit_length(E) become zero,
    rounding up: Padmé, Nikitin et al. 2019, "Reducing metadata leakage from encrypted files and
    communication with PURBs", algorithm 1.

    Example:
        >>> [padme(n) for n in (1, 8, 9, 100, 1_000_000)]
        [1, 8, 10, 104, 1015808]
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    zeros = exponent - exponent.bit_length()
    return -(-length >> zeros) << zeros


def pack(value: int, content: bytes, size: int | None) -> bytes:
    """Returns ``size`` bytes with ``value`` and ``content``; Padmé chooses if ``size`` is None."""
    packed = varint(value) + content
    return packed.ljust(padme(len(packed)) if size is None else size, b"\0")


def unpack(packed: bytes) -> tuple[int, bytes] | None:
    """Returns the value and what follows it, zeros included; None if the value is not canonical."""
    value = 0
    for position, byte in enumerate(packed[:LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            head = position + 1
            return (value, packed[head:]) if varint(value) == packed[:head] else None
    return None


def is_blank(rest: bytes) -> bool:
    """Returns whether ``rest`` is zeros only, as padding must be."""
    return rest.count(0) == len(rest)


def largest(room: int, scale: int = 1) -> int:
    """Returns the longest content for ``room`` bytes when ``value`` is ``scale`` × its length.

    It is negative when there is no room for the value either.
    """
    content = room - 1
    while content >= 0 and len(varint(scale * content)) + content > room:
        content -= 1
    return content
