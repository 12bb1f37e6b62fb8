"""Seal with little overhead and a shared key: the profiles for where there is little room.

    COMPACT  synthetic IV 16 | AES-SIV of: LEB128(length) | message | zeros
    MICRO    tag 4 to 8      | message XOR keystream

Both are deterministic: what makes two frames of one message differ is the salt in their binding.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from latebra.core.keys import Key, derive
from latebra.hiding import padding

SYNTHETIC: Final = 16
MICRO_TAG: Final = 8
MICRO_LONGEST: Final = 16


def seal_compact(message: bytes, binding: bytes, key: Key, salt: bytes, room: int | None) -> bytes:
    """Returns a COMPACT frame: AES-SIV (RFC 5297) with a 512-bit key.

    Args:
        message: Any bytes that fit.
        binding: 32 bytes, the digest of what the frame is bound to.
        key: The shared key.
        salt: What the key's root is derived with; the same for all frames of one context.
        room: Length of the frame, or None for Padmé's choice.
    """
    plain = padding.pack(len(message), message, None if room is None else room - SYNTHETIC)
    return _siv(key, salt, binding).encrypt(plain, [binding])


def unseal_compact(frame: bytes, binding: bytes, key: Key, salt: bytes) -> bytes | None:
    """Returns the message of a COMPACT frame, or None."""
    siv = _siv(key, salt, binding)
    try:
        plain = siv.decrypt(frame, [binding])
    except (InvalidTag, ValueError):  # ValueError: no room for a tag and one byte.
        return None
    unpacked = padding.unpack(plain)
    if unpacked is None:
        return None
    length, rest = unpacked
    return rest[:length] if length <= len(rest) and padding.is_blank(rest[length:]) else None


def largest_compact(room: int) -> int:
    """Returns the longest message for a COMPACT frame of ``room`` bytes; negative if none."""
    return padding.largest(room - SYNTHETIC)


def seal_micro(
    message: bytes, binding: bytes, key: Key, salt: bytes, tag_bytes: int = MICRO_TAG
) -> bytes:
    """Returns a MICRO frame: HMAC-SHA256 cut to ``tag_bytes``, then a stream named by it.

    Args:
        message: At most 16 bytes.
        binding: 32 bytes, the digest of what the frame is bound to.
        key: The shared key.
        salt: What the key's root is derived with.
        tag_bytes: A wrong key opens one frame in 2^(8 tag_bytes).
    """
    root = key.root(salt)
    tag = _micro_tag(root, binding, message, tag_bytes)
    return tag + _micro_stream(root, binding, tag, message)


def unseal_micro(
    frame: bytes, binding: bytes, key: Key, salt: bytes, tag_bytes: int = MICRO_TAG
) -> bytes | None:
    """Returns the message of a MICRO frame, or None."""
    root = key.root(salt)
    tag, hidden = frame[:tag_bytes], frame[tag_bytes:]
    message = _micro_stream(root, binding, tag, hidden)
    expected = _micro_tag(root, binding, message, tag_bytes)
    is_genuine = hmac.compare_digest(expected, tag)
    return message if is_genuine and len(hidden) <= MICRO_LONGEST else None


def _siv(key: Key, salt: bytes, binding: bytes) -> AESSIV:
    return AESSIV(derive(key.root(salt), "frame/compact", binding, 64))


def _micro_tag(root: bytes, binding: bytes, message: bytes, tag_bytes: int) -> bytes:
    mac = derive(root, "frame/micro/tag", binding)
    return hmac.new(mac, message, hashlib.sha256).digest()[:tag_bytes]


def _micro_stream(root: bytes, binding: bytes, tag: bytes, text: bytes) -> bytes:
    """Returns ``text`` XOR ChaCha20 under a key that the tag names."""
    secret = derive(root, "frame/micro/stream", binding + tag)
    return Cipher(ChaCha20(secret, bytes(16)), mode=None).encryptor().update(text)
