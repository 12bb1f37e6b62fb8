"""The commands that hide and reveal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import latebra as lb
from latebra.api.opened import check_cover
from latebra.cli import console
from latebra.cli.console import Usage
from latebra.cli.options import (
    HOW,
    KEYS,
    Force,
    HowOptions,
    Json,
    KeyOptions,
    load_settings,
    read_identity,
    read_recipient,
)
from latebra.core.errors import InputError, UnreadableFile

NO_KEY = KeyOptions()
USUAL = HowOptions()


def hide(
    message: str | None = None,
    /,
    *,
    out: Path,
    file: Path | None = None,
    key: KeyOptions = NO_KEY,
    recipient: Annotated[
        tuple[str, ...], Parameter(group=KEYS, negative=(), show_default=False)
    ] = (),
    sign: Annotated[Path | None, Parameter(group=KEYS)] = None,
    cover: Annotated[Path | None, Parameter(group=HOW)] = None,
    channel: Annotated[str | None, Parameter(group=HOW)] = None,
    how: HowOptions = USUAL,
    look: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    force: Force = False,
) -> None:
    """Hide a message in a picture or a text that is made for it, or in what you already have.

    Args:
        message: What to hide; without it, --file, or else what comes on stdin.
        out: The PNG or text file to write; a long message takes several, name-1.png, name-2.png, ….
        file: Hide this file's bytes.
        recipient: Instead of a key: somebody's public key, or its file. Give it once for each.
        sign: Sign with the identity in this file.
        cover: The file to hide in, such as your own photograph, where the carrier takes one.
        channel: What the cover must survive, from latebra capacity.
        look: Open it, or say where it is.
    """
    settings = load_settings()
    carrier = how.carrier or settings.carrier
    mine = [each for each in (file, sign, cover, key.key_file) if each]
    console.refuse_to_write(out, mine, force=force)
    lb.carriers[carrier].create({}, how.options()).medium.refuse(out, force=True)
    check_cover(carrier, how.options(), given=cover is not None)
    if recipient and key.is_given():
        raise Usage("there is a key, and there are recipients", fix="give one of the two")
    recipients = [read_recipient(each) for each in recipient]
    words = console.read_message(message, file)
    if not words:
        raise InputError("the message is empty", fix="give at least one byte")
    shared = None if recipients else key.key(settings, twice=True)
    with console.bars() as progress:
        stego = lb.hide(
            words,
            key=shared,
            recipients=recipients,
            sign_with=read_identity(sign),
            carrier=carrier,
            cover=cover,
            channel=channel or settings.channel or None,
            compiler=how.compiler or settings.compiler,
            context=how.context.encode(),
            progress=progress,
            **how.options(),
        )
    paths = stego.save(out, force=force)
    report = stego.report
    if json:
        console.say_json({"files": [str(path) for path in paths], **asdict(report)})
    else:
        for path in paths:
            console.say(str(path))
        console.note(
            f"hid {report.message_bytes} bytes for the channel {report.channel}: written by "
            f"{report.compiler}, read back by {' and '.join(report.verified_with)}, "
            f"{report.seconds:.1f} s"
        )
    if look:
        for path in paths:
            console.look(path)


def write(
    *,
    out: Path,
    how: HowOptions = USUAL,
    size: Annotated[int | None, Parameter(group=HOW)] = None,
    force: Force = False,
) -> None:
    """Write an ordinary text or picture, without a message, as those with a message are made.

    Args:
        out: The file to write.
        size: Bytes of frame that a text would have room for.
    """
    settings = load_settings()
    carrier = how.carrier or "language"
    console.refuse_to_write(out, [], force=force)
    options = how.options() | ({} if size is None else {"size": str(size)})
    lb.carriers[carrier].create({}, options).medium.refuse(out, force=True)
    with console.bars() as progress:
        ordinary = lb.write(
            carrier=carrier,
            compiler=how.compiler or settings.compiler,
            progress=progress,
            **options,
        )
    console.say(str(ordinary.save(out, force=force)))


def reveal(
    covers: tuple[Path, ...],
    /,
    *,
    out: Path | None = None,
    key: KeyOptions = NO_KEY,
    identity: Annotated[Path | None, Parameter(group=KEYS)] = None,
    signer: Annotated[str | None, Parameter(group=KEYS)] = None,
    channel: Annotated[str | None, Parameter(group=HOW)] = None,
    how: HowOptions = USUAL,
    force: Force = False,
) -> None:
    """Reveal the message that pictures or texts carry.

    Args:
        covers: The pictures or texts, in any order.
        out: Write the message to this file instead of stdout.
        identity: The identity file of a recipient, instead of a shared key.
        signer: Who must have signed: a public key, or the file it is in.
        channel: The channel that was promised; without it each is tried.
    """
    if not covers:
        raise Usage("there is no cover", fix="give the file of a picture or a text, or more")
    settings = load_settings()
    if out is not None:
        console.refuse_to_write(
            out, [*covers, *(each for each in (identity, key.key_file) if each)], force=force
        )
    for cover in covers:
        if not cover.exists():  # Said before anybody types a passphrase.
            raise UnreadableFile(f"there is no file {cover}", fix="check the path")
    if identity is not None and key.is_given():
        raise Usage("there are a key and an identity", fix="give one of the two")
    opener = read_identity(identity) or key.key(settings, twice=False)
    checker = None if signer is None else read_recipient(signer)
    with console.bars() as progress:
        message = lb.reveal(
            list(covers),
            key=opener,
            carrier=how.carrier or settings.carrier,
            channel=channel,
            compiler=how.compiler or settings.compiler,
            context=how.context.encode(),
            signer=checker,
            progress=progress,
            **how.options(),
        )
    console.write_message(message, out, force=force)
