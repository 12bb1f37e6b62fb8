"""A message in frames and back: the profile, the room, and how many covers there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from latebra.core.errors import DoesNotFit, NothingRevealed
from latebra.core.keys import Identity, Key, Recipient
from latebra.hiding import frame, parts
from latebra.hiding.frame import Binding, Profile

MICRO_ROOM: Final = 24
"""Bytes of a frame in which an identifier of 128 bits fits in no profile but MICRO. There is one
such cover: parts of a message would leave nothing of the room."""


def profile_of(rooms: Sequence[int], *, full: bool) -> Profile:
    """Returns the profile of frames in a channel with these rooms.

    Args:
        rooms: Sizes of frame in bytes, ascending.
        full: Whether there are recipients or a signature, which take the FULL profile.
    """
    if full:
        return Profile.FULL
    return Profile.MICRO if rooms[-1] <= MICRO_ROOM else Profile.COMPACT


def arrange(
    message: bytes,
    rooms: Sequence[int],
    profile: Profile,
    recipients: Sequence[Recipient] = (),
    sign_with: Identity | None = None,
    *,
    single: bool = False,
) -> tuple[int, list[bytes]]:
    """Returns the smallest room that takes the message whole, or the largest and its parts.

    Args:
        message: What is hidden.
        rooms: Sizes of frame in bytes, ascending.
        profile: What frames are sealed in.
        recipients: Who can open them, unless a shared key does.
        sign_with: Whose signature goes inside.
        single: Whether there is one cover and no more.

    Raises:
        DoesNotFit: The message is too long, or no seal fits the rooms.
    """
    overhead = 0 if profile is Profile.MICRO else parts.SINGLE_OVERHEAD

    def fits(room: int) -> int:
        return frame.largest(
            room, profile, recipients=len(recipients), signed=sign_with is not None
        )

    for room in rooms:
        if len(message) + overhead <= fits(room):
            if profile is Profile.MICRO:
                return room, [message]
            return room, parts.split(message, fits(room))
    most = fits(rooms[-1]) - overhead
    single = single or profile is Profile.MICRO
    if most <= (0 if single else parts.PART_OVERHEAD - overhead):
        raise DoesNotFit(
            f"message is {len(message)} bytes, a cover's frame of {rooms[-1]} bytes is too small "
            "for its seal alone",
            fix="choose a channel that harms less, or a shared key instead of recipients",
        )
    if single:
        raise DoesNotFit(
            f"message is {len(message)} bytes, this cover holds {most}",
            fix="shorten the message, or choose a larger cover or a channel that harms less",
        )
    return rooms[-1], parts.split(message, fits(rooms[-1]))


def unseal(
    sealed: bytes, binding: Binding, key: Key | Identity, signer: Recipient | None
) -> bytes | None:
    """Returns the part of a message that a frame holds, or None; ``parts.join`` takes it."""
    profiles: tuple[Profile, ...] = (Profile.FULL,)
    if isinstance(key, Key) and signer is None:
        # The smallest rooms of a carrier that has larger ones too are sealed in COMPACT.
        small = len(sealed) <= MICRO_ROOM
        profiles = (Profile.COMPACT, Profile.MICRO if small else Profile.FULL)
    for profile in profiles:
        try:
            opened = frame.unseal(sealed, binding, key=key, profile=profile, signer=signer)
        except NothingRevealed:
            continue
        return b"\x01" + opened.message if profile is Profile.MICRO else opened.message
    return None
