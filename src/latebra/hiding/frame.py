"""Seal a message so that nothing but the right key tells it from noise.

Every byte of a frame is uniform to whoever lacks the key: no magic, no version, no length. What
opens it is found by trial, and every failure is one and the same. ``spec/frame.md`` has the bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed
from latebra.core.keys import Identity, Key, Recipient
from latebra.hiding import frame_compact, frame_full, frame_micro, slots
from latebra.hiding.slots import Random

MICRO_TAG: Final = 8
"""Bytes of a MICRO frame's tag, unless the caller asks for 4 to 7."""


class Profile(StrEnum):
    """How much room a frame spends on its protection.

    ========  ==============================  ==========================================
    profile   bytes besides the message       what for
    ========  ==============================  ==========================================
    FULL      73 or more, 169 signed          randomised, committing; recipients, signing
    COMPACT   17 or more                      deterministic, shared key alone
    MICRO     8 (down to 4)                   at most 16 bytes, shared key alone
    ========  ==============================  ==========================================
    """

    FULL = "full"
    COMPACT = "compact"
    MICRO = "micro"


@dataclass(frozen=True)
class Binding:
    """What a frame belongs to: it opens nowhere else.

    Args:
        carrier: The carrier's id.
        model_digest: Digest of the networks that wrote the cover.
        context: Public bytes that both ends agree on, such as a date or a name.
        salt: The salt that the cover transports, where it does; a new one for each cover.
    """

    carrier: str
    model_digest: str
    context: bytes = b""
    salt: bytes = b""

    def shared_salt(self) -> bytes:
        """Returns 32 bytes that all covers of one carrier, model and context have in common."""
        return _digest(self.carrier.encode(), self.model_digest.encode(), self.context)

    def digest(self) -> bytes:
        """Returns 32 bytes that depend on every field."""
        return _digest(self.shared_salt(), self.salt)


@dataclass(frozen=True)
class Opened:
    """What was in a frame.

    Args:
        message: The message.
        signer: The Ed25519 public key that signed it, or None.
    """

    message: bytes = field(repr=False)
    signer: bytes | None


def seal(
    message: bytes,
    binding: Binding,
    *,
    key: Key | None = None,
    recipients: Sequence[Recipient] = (),
    sign_with: Identity | None = None,
    profile: Profile,
    room: int | None = None,
    tag: int = MICRO_TAG,
    random: Random = os.urandom,
) -> bytes:
    """Returns a frame that holds ``message``.

    Args:
        message: Any bytes; at most 16 in MICRO.
        binding: What the frame belongs to.
        key: A secret that both ends share; or none, with recipients.
        recipients: At most 32 public keys; FULL only.
        sign_with: Whose signature goes inside; FULL only.
        profile: How much room to spend.
        room: Exact length of the frame, which then tells nothing of the message's; without it the
            frame is as long as Padmé says (MICRO: as the message is).
        tag: Bytes of a MICRO frame's tag, 4 to 8. A random frame, or one under another key, opens
            with probability 256^-tag × (1 + 1/255): 5.4e-20 for 8 bytes, 2.3e-10 for 4.
        random: Returns so many random bytes; another than the operating system's is for vectors.

    Raises:
        DoesNotFit: The message is too long for ``room`` or the profile.
        InputError: The arguments do not go together.
    """
    if (key is None) == (not recipients):
        raise InputError("give a key, or recipients, one of the two")
    longest = _longest(profile, room, len(recipients), signed=sign_with is not None, tag=tag)
    if longest is not None and len(message) > longest:
        raise _too_long(len(message), longest, profile, room)
    if profile is Profile.FULL or key is None:  # Without a key there are recipients, hence FULL.
        lock = recipients if key is None else key
        return frame_full.seal(message, binding.digest(), lock, sign_with, room, random)
    root = key.root(binding.shared_salt())
    if profile is Profile.COMPACT:
        return frame_compact.seal(message, binding.digest(), root, room)
    return frame_micro.seal(message, binding.digest(), root, room, tag)


def unseal(
    frame: bytes,
    binding: Binding,
    *,
    key: Key | Identity,
    profile: Profile,
    signer: Recipient | None = None,
    tag: int = MICRO_TAG,
) -> Opened:
    """Returns what is in a frame.

    Args:
        frame: Any bytes.
        binding: What the frame belongs to, as it was sealed.
        key: The shared key, or a recipient's identity.
        profile: The profile it was sealed with.
        signer: Who must have signed it, or None for anybody and nobody.
        tag: Bytes of a MICRO frame's tag, as it was sealed.

    Raises:
        NothingRevealed: It does not open, for whatever reason.
    """
    _check_tag(tag)
    message, who = None, None
    if profile is Profile.FULL:
        message, who = frame_full.unseal(frame, binding.digest(), key, signer) or (None, None)
    elif isinstance(key, Key) and signer is None:
        root = key.root(binding.shared_salt())
        if profile is Profile.COMPACT:
            message = frame_compact.unseal(frame, binding.digest(), root)
        else:
            message = frame_micro.unseal(frame, binding.digest(), root, tag)
    if message is None:
        raise NothingRevealed
    return Opened(message, who)


def is_committed(start: bytes, binding: Binding, *, key: Key) -> bool:
    """Returns whether a FULL frame under a shared key starts so.

    Args:
        start: The first 56 bytes of what may be one.
        binding: What the frame belongs to.
        key: The shared key.
    """
    return frame_full.is_committed(start, binding.digest(), key)


def largest(
    room: int,
    profile: Profile,
    *,
    recipients: int = 0,
    signed: bool = False,
    tag: int = MICRO_TAG,
) -> int:
    """Returns how many bytes of message a frame of ``room`` bytes holds; negative if none at all.

    Args:
        room: Length of the frame in bytes.
        profile: How much of it to spend.
        recipients: How many there are; none means a shared key.
        signed: Whether a signature goes inside.
        tag: Bytes of a MICRO frame's tag.

    Example:
        >>> largest(64, Profile.COMPACT), largest(16, Profile.MICRO), largest(64, Profile.FULL)
        (47, 8, -1)
    """
    longest = _longest(profile, room, recipients, signed=signed, tag=tag)
    return -1 if longest is None else max(-1, longest)


def _longest(
    profile: Profile, room: int | None, recipients: int, *, signed: bool, tag: int
) -> int | None:
    """Returns the longest message, None for any."""
    _check_tag(tag)
    if profile is not Profile.FULL and (recipients or signed):
        raise InputError(
            f"the {profile} profile takes a shared key alone, no recipients, no signature",
            fix="use the full profile",
        )
    if recipients:
        slots.size(recipients)
    if profile is Profile.MICRO:
        return frame_micro.largest(frame_micro.LONGEST + tag if room is None else room, tag)
    if room is None:
        return None
    if profile is Profile.COMPACT:
        return frame_compact.largest(room)
    return frame_full.largest(room, recipients, signed=signed)


def _check_tag(tag: int) -> None:
    if not 4 <= tag <= MICRO_TAG:
        raise InputError(f"a tag of {tag} bytes was asked for, it has 4 to {MICRO_TAG}")


def _too_long(length: int, longest: int, profile: Profile, room: int | None) -> DoesNotFit:
    place = f"a {profile} frame" + ("" if room is None else f" of {room} bytes")
    if longest < 0:
        return DoesNotFit(
            f"message is {length} bytes, {place} is filled by its seal alone",
            fix="use a larger cover, or a profile that spends less",
        )
    return DoesNotFit(
        f"message is {length} bytes, {place} holds {longest}",
        fix="shorten the message, use a larger cover, or several",
    )


def _digest(*fields: bytes) -> bytes:
    """Returns SHA-256 over the fields, each after its length in 4 bytes, little-endian."""
    return hashlib.sha256(b"".join(len(f).to_bytes(4, "little") + f for f in fields)).digest()
