"""Seal with 16 bytes and a length: the profile for covers with little room.

AES-256-SIV(LEB128(length) | message | zeros)          RFC 5297: tag 16 | ciphertext
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from latebra.core.keys import derive
from latebra.hiding import padding

TAG: Final = 16


def largest(room: int) -> int:
    """Returns the longest message for a frame of ``room`` bytes; negative if there is none."""
    return padding.largest(room - TAG)


def seal(message: bytes, binding: bytes, root: bytes, room: int | None) -> bytes:
    """Returns a frame, the same each time for the same arguments.

    Args:
        message: Any bytes that fit.
        binding: 32 bytes, the digest of what the frame is bound to.
        root: 32 secret bytes.
        room: Length of the frame, or None for Padmé's choice.
    """
    plain = padding.pack(len(message), message, None if room is None else room - TAG)
    return _cipher(root, binding).encrypt(plain, None)


def unseal(frame: bytes, binding: bytes, root: bytes) -> bytes | None:
    """Returns the message, or None."""
    if len(frame) <= TAG:
        return None
    try:
        unpacked = padding.unpack(_cipher(root, binding).decrypt(frame, None))
    except InvalidTag:
        return None
    if unpacked is None:
        return None
    length, rest = unpacked
    if length > len(rest) or not padding.is_blank(rest[length:]):
        return None
    return rest[:length]


def _cipher(root: bytes, binding: bytes) -> AESSIV:
    return AESSIV(derive(root, "frame/compact", binding, 64))
