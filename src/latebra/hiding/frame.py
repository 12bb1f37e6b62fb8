"""Seal a message into uniform bytes, and open them again: spec/frame.md.

A frame has no version, no magic number and no length: without the key its bytes are noise. What it
is for (carrier, model, context, salt) is bound in, so that it opens nowhere else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed
from latebra.core.keys import Identity, Key, Recipient
from latebra.hiding import frame_brief, frame_full
from latebra.hiding.slots import Random


class Profile(StrEnum):
    """How a message is sealed: what it costs, and what it gives."""

    FULL = "full"
    """Committing, randomised, for a key or recipients, signed if wanted; 72 bytes and more."""
    COMPACT = "compact"
    """Misuse-resistant, for a shared key; 17 bytes and more."""
    MICRO = "micro"
    """For identifiers of at most 16 bytes; 8 bytes; a wrong key opens one in 2^64."""


@dataclass(frozen=True)
class Binding:
    """What a frame is for; it opens for nothing else.

    Args:
        carrier: The carrier's id.
        model_digest: Digest of its networks.
        context: Public bytes that both ends agree on.
        salt: Fresh bytes that the carrier transports, or none.
    """

    carrier: str
    model_digest: str
    context: bytes = b""
    salt: bytes = b""

    def digest(self) -> bytes:
        """Returns SHA-256 over all fields, each behind its length."""
        return _digest(b"binding", *self._fixed(), self.salt)

    def key_salt(self) -> bytes:
        """Returns what a key's root is derived with: all fields but the salt."""
        return _digest(b"key", *self._fixed())

    def _fixed(self) -> tuple[bytes, bytes, bytes]:
        return self.carrier.encode(), self.model_digest.encode(), self.context


@dataclass(frozen=True)
class Opened:
    """What a frame held.

    Args:
        message: The message.
        signer: Ed25519 public key (32 bytes) of who signed it, or None.
    """

    message: bytes
    signer: bytes | None = None


LARGEST_ROOM: Final = 2**31
"""Bytes: no frame is longer."""


def seal(
    message: bytes,
    binding: Binding,
    *,
    key: Key | None = None,
    recipients: Sequence[Recipient] = (),
    sign_with: Identity | None = None,
    profile: Profile,
    room: int | None = None,
    random: Random = os.urandom,
) -> bytes:
    """Returns a frame: uniform bytes to whoever has no key.

    Args:
        message: Any bytes that fit.
        binding: What the frame is for.
        key: A shared key; or none, with recipients.
        recipients: Public keys, FULL only.
        sign_with: Whose signature goes inside, FULL only.
        profile: How to seal.
        room: Exact length of the frame, which hides the message's entirely; None for Padmé's
            choice.
        random: Returns so many random bytes; the operating system's, except for golden vectors.

    Raises:
        DoesNotFit: The message is too long for ``room``, or for MICRO.
        InputError: Key, recipients and profile do not go together.
    """
    if (key is None) == (not recipients):
        raise InputError("a frame is sealed for a key, or for recipients: one of the two")
    if profile is not Profile.FULL and (key is None or sign_with is not None):
        raise InputError(
            f"recipients and signatures need the profile 'full', not {profile.value!r}",
            fix="choose the profile 'full'",
        )
    size = LARGEST_ROOM if room is None else room
    most = largest(size, profile, recipients=len(recipients), signed=sign_with is not None)
    if len(message) > most:
        raise DoesNotFit(
            f"message is {len(message)} bytes, a frame of {size} bytes holds {max(most, 0)}",
            fix="shorten the message, or choose a larger room",
        )
    digest = binding.digest()
    if profile is Profile.FULL or key is None:
        lock = recipients if key is None else key
        return frame_full.seal(message, digest, lock, sign_with, room, random)
    if profile is Profile.COMPACT:
        return frame_brief.seal_compact(message, digest, key, binding.key_salt(), room)
    if room is not None:
        # A MICRO frame says no length, so the message fills it: zeros at its end are padding.
        message = message.ljust(room - frame_brief.MICRO_TAG, b"\0")
    return frame_brief.seal_micro(message, digest, key, binding.key_salt())


def unseal(
    frame: bytes,
    binding: Binding,
    *,
    key: Key | Identity,
    profile: Profile,
    signer: Recipient | None = None,
) -> Opened:
    """Returns what a frame holds.

    Args:
        frame: Any bytes.
        binding: What the frame is for.
        key: The shared key, or a recipient's identity.
        profile: How it was sealed.
        signer: Who must have signed, or None for anybody and nobody.

    Raises:
        NothingRevealed: Whatever the reason.
    """
    digest = binding.digest()
    if profile is Profile.FULL:
        found = frame_full.unseal(frame, digest, key, signer)
        if found is None:
            raise NothingRevealed
        return Opened(*found)
    if not isinstance(key, Key) or signer is not None:
        raise NothingRevealed
    brief = frame_brief.unseal_compact if profile is Profile.COMPACT else frame_brief.unseal_micro
    message = brief(frame, digest, key, binding.key_salt())
    if message is None:
        raise NothingRevealed
    return Opened(message)


def largest(room: int, profile: Profile, *, recipients: int = 0, signed: bool = False) -> int:
    """Returns the longest message for a frame of ``room`` bytes; negative if there is none.

    Args:
        room: Bytes of the frame.
        profile: How it is sealed.
        recipients: How many; none means a shared key.
        signed: Whether a signature goes inside.
    """
    if profile is Profile.FULL:
        return frame_full.largest(room, recipients, signed=signed)
    if profile is Profile.COMPACT:
        return frame_brief.largest_compact(room)
    return min(room - frame_brief.MICRO_TAG, frame_brief.MICRO_LONGEST)


def _digest(label: bytes, *fields: bytes) -> bytes:
    state = hashlib.sha256(b"latebra/1 frame\0" + label)
    for field in fields:
        state.update(len(field).to_bytes(8, "little") + field)
    return state.digest()
