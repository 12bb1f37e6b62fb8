"""The verbs of hiding: hide, reveal, capacity."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from latebra.api.arranging import arrange, profile_of, unseal
from latebra.api.opened import (
    Reader,
    Secrets,
    carriers,
    check_cover,
    check_ordinary,
    chosen,
    open_reader,
    usual_channel,
)
from latebra.api.stego import HideReport, Ordinary, Stego, sources_of
from latebra.api.verifying import Verifier
from latebra.core.errors import DoesNotFit, InputError, NothingRevealed
from latebra.core.keys import Identity, Key, Recipient
from latebra.core.progress import Progress, silent
from latebra.hiding import frame, parts
from latebra.hiding.channel.modem import Found
from latebra.hiding.frame import Profile
from latebra.hiding.medium import Cover, Source

ATTEMPTS: Final = 8
"""Covers made for one frame before ``hide`` gives up: each with a salt of its own."""


def hide(
    message: bytes,
    *,
    key: Key | None = None,
    recipients: Sequence[Recipient] = (),
    sign_with: Identity | None = None,
    carrier: str = "diffusion",
    cover: Source | None = None,
    channel: str | None = None,
    compiler: str = "auto",
    context: bytes = b"",
    progress: Progress = silent,
    **options: str,
) -> Stego:
    """Returns covers that carry ``message``, each already read back as the receiver will.

    Args:
        message: Any bytes, at least one. A long message takes several covers.
        key: A secret that both ends share; or none, with recipients.
        recipients: Public keys; any of their owners can reveal the message.
        sign_with: Whose signature goes inside, for the receiver to check.
        carrier: An id from ``latebra.carriers``.
        cover: What to hide in, for a carrier that does not make its own: a file or an array.
        channel: What the cover must survive: "png", "jpeg75", …; None for the carrier's usual one.
        compiler: An id from ``latebra.compilers``, or "auto".
        context: Public bytes that both ends agree on (a date, a name); bound in.
        progress: Told how far the work is.
        **options: Of the carrier, such as ``kind="stone"`` or ``prompt="A letter about rain"``.

    Raises:
        DoesNotFit: The message is too long, or could not be read back.
        InputError: Something handed in cannot be used.
        Unavailable: The compiler is not installed.
    """
    if not message:
        raise InputError("the message is empty", fix="give at least one byte")
    check_cover(carrier, options, given=cover is not None)
    if (key is None) == (not recipients):
        raise InputError("give a key, or recipients, one of the two")
    names = chosen(compiler)
    channel = channel or usual_channel(carrier)
    # What cannot be used is said before any network is opened.
    plain = carriers[carrier].create({}, options)
    medium = plain.medium
    given = None if cover is None else medium.take(cover)
    rooms = plain.rooms(channel, given)
    profile = profile_of(rooms, full=bool(recipients or sign_with))
    room, chunks = arrange(message, rooms, profile, recipients, sign_with, single=given is not None)

    def opened(name: str) -> Reader:
        return open_reader(carrier, name, options, progress=progress)

    writer = opened(names[0])
    verifier = Verifier(writer, names[1:], opened)
    start = time.perf_counter()
    secrets = Secrets(carrier, writer.digest, context)
    stream = secrets.stream(key)
    made: list[Cover] = []
    attempts = 0
    for number, chunk in enumerate(chunks):
        for _ in range(ATTEMPTS):
            attempts += 1
            salt = os.urandom(writer.carrier.salt_bytes(channel))
            sealed = frame.seal(
                chunk,
                secrets.binding(salt),
                key=key,
                recipients=recipients,
                sign_with=sign_with,
                profile=profile,
                room=room,
            )
            try:
                stego = writer.carrier.embed(
                    sealed, salt, stream, channel, cover=given, progress=progress
                )
            except DoesNotFit:
                continue
            received = medium.send(stego, channel, np.random.default_rng())
            if verifier.reads(received, stream, channel, Found(salt, sealed)):
                made.append(stego)
                break
        else:
            raise DoesNotFit(
                f"a frame of {room} bytes could not be read back through {channel!r} from any of "
                f"{ATTEMPTS} {medium.noun}s",
                fix=f"choose another kind of {medium.noun}, or a channel that harms less",
            )
        progress("hide", number + 1, len(chunks))
    report = HideReport(
        carrier=carrier,
        channel=channel,
        compiler=writer.compiler,
        verified_with=tuple(reader.compiler for reader in verifier.readers),
        message_bytes=len(message),
        room_bytes=room,
        covers=len(made),
        attempts=attempts,
        seconds=time.perf_counter() - start,
        seconds_in_network=verifier.seconds_inside,
    )
    return Stego(tuple(made), report, medium if cover is None else medium.like(cover))


def reveal(
    source: Source | Stego | Sequence[Source],
    *,
    key: Key | Identity,
    carrier: str = "diffusion",
    channel: str | None = None,
    compiler: str = "auto",
    context: bytes = b"",
    signer: Recipient | None = None,
    progress: Progress = silent,
    **options: str,
) -> bytes:
    """Returns the message that covers carry.

    Args:
        source: A file, an array, a ``Text``, what ``hide`` returned, or several of these in any
            order.
        key: The key that was used to hide, or a recipient's identity.
        carrier: The carrier that was used.
        channel: The channel that was promised; None tries each.
        compiler: An id from ``latebra.compilers``, or "auto": any reads what any wrote.
        context: The context that was used.
        signer: Who must have signed.
        progress: Told how far the work is.
        **options: Of the carrier; those that are not given are tried.

    Raises:
        NothingRevealed: Wrong key, damaged or empty covers: one failure for all.
        PartsMissing: The key is right, but covers of the set are missing.
        UnreadableFile: A file is no picture or text, or has the wrong size.
    """
    reader = open_reader(carrier, chosen(compiler)[0], options, progress=progress)
    secrets = Secrets(carrier, reader.digest, context)
    shared = key if isinstance(key, Key) else None
    stream = secrets.stream(shared)
    channels = [channel] if channel else list(reader.carrier.channels)
    for name in channels:
        reader.carrier.rooms(name)
    covers = [reader.carrier.medium.take(each, channel) for each in sources_of(source)]
    chunks: list[bytes] = []
    for number, cover in enumerate(covers):
        for found in reader.carrier.extract(cover, stream, channels):
            opened = unseal(found.frame, secrets.binding(found.salt), key, signer)
            if opened is not None:
                chunks.append(opened)
                break
        progress("reveal", number + 1, len(covers))
    if not chunks:
        raise NothingRevealed
    return parts.join(chunks)


def capacity(
    *,
    carrier: str = "diffusion",
    cover: Source | None = None,
    channel: str | None = None,
    recipients: int = 0,
    signed: bool = False,
    **options: str,
) -> int:
    """Returns how many bytes of message fit in one cover. A longer message takes several.

    Args:
        carrier: An id from ``latebra.carriers``.
        cover: What would be hidden in, for a carrier that does not make its own; None for a usual
            one.
        channel: What the cover must survive; None for the carrier's usual one.
        recipients: How many there are; none means a shared key.
        signed: Whether a signature goes inside.
        **options: Of the carrier, such as ``kind="stone"``.
    """
    plain = carriers[carrier].create({}, options)
    if cover is not None:
        check_cover(carrier, options, given=True)
    given = None if cover is None else plain.medium.take(cover)
    rooms = plain.rooms(channel or usual_channel(carrier), given)
    profile = profile_of(rooms, full=bool(recipients or signed))
    held = frame.largest(rooms[-1], profile, recipients=recipients, signed=signed)
    return max(0, held - (0 if profile is Profile.MICRO else parts.SINGLE_OVERHEAD))


def write(
    *,
    carrier: str = "language",
    compiler: str = "auto",
    progress: Progress = silent,
    **options: str,
) -> Ordinary:
    """Returns an ordinary cover, without a message, made as those with a message are.

    Whoever publishes such covers too gives those that carry something a crowd to stand in.

    Args:
        carrier: An id from ``latebra.carriers``.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.
        **options: Of the carrier, such as ``prompt="A letter about rain"``.
    """
    check_ordinary(carrier, options)
    writer = open_reader(carrier, chosen(compiler)[0], options, progress=progress).carrier
    rng = np.random.default_rng(int.from_bytes(os.urandom(32), "little"))
    cover = writer.sample(rng)
    progress("write", 1, 1)
    return Ordinary(cover, writer.medium)
