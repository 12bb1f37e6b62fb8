"""Seal with a committing, randomised cipher: the profile where there is room.

shared key   salt 16 | nonce 24                   | commitment 16 | XChaCha20-Poly1305
recipients   ephemeral 32 | nonce 24 | slots 48×2^j | commitment 16 | XChaCha20-Poly1305

plaintext    LEB128(2 × length + signed) | message | verify key 32, signature 64 | zeros
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as aead_seal,
)
from nacl.exceptions import CryptoError

from latebra.core.keys import SIGNATURE, Identity, Key, Recipient, derive, is_signed
from latebra.hiding import padding, slots
from latebra.hiding.slots import Random

NONCE: Final = 24
SALT: Final = 16
COMMITMENT: Final = 16
TAG: Final = 16
VERIFY_KEY: Final = 32
SIGNED: Final = VERIFY_KEY + SIGNATURE


def overhead(recipients: int, *, signed: bool) -> int:
    """Returns how many bytes a frame has besides its message and the length of that."""
    head = slots.size(recipients) if recipients else SALT
    return NONCE + head + COMMITMENT + TAG + (SIGNED if signed else 0)


def largest(room: int, recipients: int, *, signed: bool) -> int:
    """Returns the longest message for a frame of ``room`` bytes; negative if there is none."""
    return padding.largest(room - overhead(recipients, signed=signed), 2)


def seal(
    message: bytes,
    binding: bytes,
    lock: Key | Sequence[Recipient],
    sign_with: Identity | None,
    room: int | None,
    random: Random,
) -> bytes:
    """Returns a frame.

    Args:
        message: Any bytes that fit.
        binding: 32 bytes, the digest of what the frame is bound to.
        lock: The shared key, or the recipients.
        sign_with: Whose signature goes inside.
        room: Length of the frame, or None for Padmé's choice.
        random: Returns so many random bytes.
    """
    nonce = random(NONCE)
    if isinstance(lock, Key):
        salt = random(SALT)
        secret = lock.root(salt)
    else:
        salt, secret = slots.wrap(lock, binding, random)
    head = nonce + salt
    transcript = _transcript(binding, head)
    signature = b""
    if sign_with is not None:
        signature = sign_with.public().verify_key + sign_with.sign(_to_sign(transcript, message))
    size = None if room is None else room - len(head) - COMMITMENT - TAG
    value = 2 * len(message) + bool(signature)
    plain = padding.pack(value, message + signature, size)
    return _enclose(plain, head, secret, transcript)


def unseal(
    frame: bytes, binding: bytes, key: Key | Identity, signer: Recipient | None
) -> tuple[bytes, bytes | None] | None:
    """Returns the message and who signed it (an Ed25519 public key), or None.

    Args:
        frame: Any bytes.
        binding: 32 bytes, the digest of what the frame is bound to.
        key: The shared key, or a recipient's identity.
        signer: Who must have signed, or None for anybody.
    """
    if len(frame) <= overhead(int(isinstance(key, Identity)), signed=False):
        return None
    if isinstance(key, Key):
        secret, salts = key.root(frame[NONCE : NONCE + SALT]), [SALT]
    else:
        room = len(frame) - COMMITMENT - TAG - 1
        secret, salts = slots.unwrap(frame[NONCE:room], key, binding)
    heads = [NONCE + salt for salt in salts]
    transcripts = {head: _transcript(binding, frame[:head]) for head in heads}
    committed = [
        head
        for head, transcript in transcripts.items()
        if hmac.compare_digest(frame[head : head + COMMITMENT], _commitment(secret, transcript))
    ]
    # The body is tried even without a commitment: a wrong key and a damaged body cost the same.
    head = (committed or heads)[0]
    try:
        body_key = _body_key(secret, transcripts[head])
        plain = aead_open(frame[head + COMMITMENT :], b"", frame[:NONCE], body_key)
    except CryptoError:
        return None
    return _parse(plain, transcripts[head], signer) if committed else None


def is_committed(start: bytes, binding: bytes, key: Key) -> bool:
    """Returns whether a frame for a shared key starts with these 56 bytes."""
    head, commitment = start[: NONCE + SALT], start[NONCE + SALT :]
    transcript = _transcript(binding, head)
    return hmac.compare_digest(commitment, _commitment(key.root(head[NONCE:]), transcript))


def _enclose(plain: bytes, head: bytes, secret: bytes, transcript: bytes) -> bytes:
    body = aead_seal(plain, b"", head[:NONCE], _body_key(secret, transcript))
    return head + _commitment(secret, transcript) + body


def _parse(
    plain: bytes, transcript: bytes, signer: Recipient | None
) -> tuple[bytes, bytes | None] | None:
    unpacked = padding.unpack(plain)
    if unpacked is None:
        return None
    value, rest = unpacked
    length, signed = value >> 1, value & 1
    end = length + SIGNED * signed
    if end > len(rest) or not padding.is_blank(rest[end:]):
        return None
    message, who = rest[:length], None
    if signed:
        who = rest[length : length + VERIFY_KEY]
        if not is_signed(who, _to_sign(transcript, message), rest[length + VERIFY_KEY : end]):
            return None
    if signer is not None and signer.verify_key != who:
        return None
    return message, who


def _transcript(binding: bytes, head: bytes) -> bytes:
    return hashlib.sha256(b"latebra/1 frame/full\0" + binding + head).digest()


def _to_sign(transcript: bytes, message: bytes) -> bytes:
    return b"latebra/1 frame/signature\0" + transcript + message


def _commitment(secret: bytes, transcript: bytes) -> bytes:
    return derive(secret, "frame/full/commitment", transcript, COMMITMENT)


def _body_key(secret: bytes, transcript: bytes) -> bytes:
    return derive(secret, "frame/full/body", transcript)
