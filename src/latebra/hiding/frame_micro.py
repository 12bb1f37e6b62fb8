"""Seal an identifier with 4 to 8 bytes: the profile for covers of a few dozen bits.

    tag        = first bytes of HMAC-SHA256(tag key, length byte | plaintext)
    ciphertext = plaintext ⊕ ChaCha20(HMAC-SHA256(stream key, tag))
    plaintext  = message | zeros

It is SIV mode (Rogaway & Shrimpton 2006) with HMAC as its function. The length is in no byte of
the frame: the reader tries those that the zeros allow, more than one for 1 frame in 256. So a tag
of t bytes lets a random frame through with probability 256^-t × (1 + 1/255) at most: 5.4e-20 for
8 bytes, 2.3e-10 for 4.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from latebra.core.keys import derive

LONGEST: Final = 16


def largest(room: int, tag: int) -> int:
    """Returns the longest message for a frame of ``room`` bytes; negative if there is none."""
    return min(LONGEST, room - tag)


def seal(message: bytes, binding: bytes, root: bytes, room: int | None, tag: int) -> bytes:
    """Returns a frame, the same each time for the same arguments.

    Args:
        message: At most 16 bytes.
        binding: 32 bytes, the digest of what the frame is bound to.
        root: 32 secret bytes.
        room: Length of the frame, or None for tag and message alone.
        tag: Bytes of the tag.
    """
    plain = message if room is None else message.ljust(room - tag, b"\0")
    tag_key, stream_key = _keys(root, binding)
    check = _tag(tag_key, len(message), plain)[:tag]
    return check + _mask(plain, stream_key, check)


def unseal(frame: bytes, binding: bytes, root: bytes, tag: int) -> bytes | None:
    """Returns the message, or None."""
    if len(frame) < tag:
        return None
    tag_key, stream_key = _keys(root, binding)
    check = frame[:tag]
    plain = _mask(frame[tag:], stream_key, check)
    shortest = len(plain.rstrip(b"\0"))
    found = None
    for length in range(shortest, min(LONGEST, len(plain)) + 1):
        if hmac.compare_digest(_tag(tag_key, length, plain)[:tag], check):
            found = plain[:length]
    return found


def _keys(root: bytes, binding: bytes) -> tuple[bytes, bytes]:
    both = derive(root, "frame/micro", binding, 64)
    return both[:32], both[32:]


def _tag(key: bytes, length: int, plain: bytes) -> bytes:
    return hmac.digest(key, bytes([length]) + plain, "sha256")


def _mask(text: bytes, key: bytes, check: bytes) -> bytes:
    cipher = Cipher(ChaCha20(hmac.digest(key, check, "sha256"), bytes(16)), mode=None)
    return cipher.encryptor().update(text)
