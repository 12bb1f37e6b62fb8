"""The commands that sign photographs, and check pictures."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

import latebra as lb
from latebra.api.credentials import Certificate
from latebra.api.ledger import USUAL
from latebra.api.provenance import pictures_in
from latebra.cli import console
from latebra.cli.console import Usage
from latebra.cli.options import (
    HOW,
    KEYS,
    Force,
    Json,
    KeyOptions,
    load_settings,
    read_recipient,
)
from latebra.core.errors import InputError, LatebraError, NotVerified, UnwritableFile

NO_KEY = KeyOptions()
_SHORT: Final = 25
"""Characters of a public key, and of words, in a table for people: enough to know them by."""


def sign(
    photos: tuple[Path, ...],
    /,
    *,
    signing_key: Annotated[Path, Parameter(group=KEYS)],
    out: Path,
    words: str = "",
    ledger: Path | None = None,
    key: KeyOptions = NO_KEY,
    certificate: Annotated[Path | None, Parameter(group=KEYS)] = None,
    certificate_key: Annotated[Path | None, Parameter(group=KEYS)] = None,
    channel: Annotated[str | None, Parameter(group=HOW)] = None,
    compiler: Annotated[str | None, Parameter(group=HOW)] = None,
    json: Json = False,
    force: Force = False,
) -> None:
    """Sign photographs: each gets a mark that names a signed record of what it looks like.

    Args:
        photos: Photographs, or folders with photographs in them.
        signing_key: The identity that signs, which latebra key new --identity made.
        out: The PNG file to write, or a folder for one or more; it is made if it is not there.
        words: What to say of them, one line: who made them, how, under which licence.
        ledger: The file that records are added to; ledger.jsonl next to the pictures unless told.
        certificate: A certificate in PEM: content credentials (C2PA) are written into the files,
            too.
        certificate_key: Its private key in PEM.
        channel: What the marks must survive, from latebra capacity --carrier autoencoder.
    """
    if not photos:
        raise Usage("there is no photograph", fix="give files, or a folder with some")
    if (certificate is None) != (certificate_key is None):
        raise Usage("a certificate and its key go together", fix="give both, or neither")
    settings = load_settings()
    identity = lb.Identity.from_file(signing_key)
    sources = [Path(str(each)) for each in pictures_in(list(photos))]
    places = _places(sources, photos, out, force=force)
    signer = None
    if certificate is not None and certificate_key is not None:
        signer = Certificate.from_files(certificate, certificate_key)
    reading = key.key(settings, twice=True) if key.is_given() else None
    rows: list[dict[str, Any]] = []
    failures: list[LatebraError] = []
    with console.bars() as progress:
        for number, (photo, place) in enumerate(zip(sources, places, strict=True)):
            try:
                signed = lb.sign(
                    photo,
                    signing_key=identity,
                    words=words,
                    reading_key=reading,
                    channel=channel,
                    compiler=compiler or settings.compiler,
                )
                signed.save(place, ledger=ledger, certificate=signer, force=force)
            except UnwritableFile:
                raise
            except LatebraError as error:
                if len(sources) == 1:
                    raise
                failures.append(error)
                console.note(f"{photo}: {error.what} [{error.code}]")
            else:
                rows.append({"file": str(place), "record": signed.record.claim.name.hex()})
            progress("sign", number + 1, len(sources))
    console.say_table(rows, as_json=json)
    book = ledger or places[0].parent / USUAL
    console.note(f"signed {len(rows)} of {len(sources)}; their records are in {book}")
    if failures:
        raise InputError(
            f"{len(failures)} of {len(sources)} photographs were not signed",
            fix="see the lines above",
        )


def check(
    pictures: tuple[Path, ...],
    /,
    *,
    signer: Annotated[tuple[str, ...], Parameter(group=KEYS, negative=(), show_default=False)] = (),
    ledger: Annotated[tuple[Path, ...], Parameter(negative=(), show_default=False)] = (),
    anchors: Annotated[Path | None, Parameter(group=KEYS)] = None,
    key: KeyOptions = NO_KEY,
    compiler: Annotated[str | None, Parameter(group=HOW)] = None,
    json: Json = False,
    csv_: Annotated[bool, Parameter(name="--csv", negative=())] = False,
) -> None:
    """Check pictures: whether each is what somebody signed. Status 4 unless all are.

    Args:
        pictures: Pictures, or folders: all pictures below them are checked.
        signer: Whose signature counts: a public key, or the file it is in. Give it once for each;
            without it anybody's counts.
        ledger: A file of records; ledger.jsonl next to the pictures unless told.
        anchors: Certificates in PEM that vouch for those of content credentials (C2PA).
        csv_: Print CSV.
    """
    if not pictures:
        raise Usage("there is no picture", fix="give files, or a folder with some")
    if json and csv_:
        raise Usage("JSON and CSV were asked for", fix="ask for one of the two")
    settings = load_settings()
    signers = [read_recipient(each) for each in signer]
    for each in pictures:
        if not each.exists():
            raise InputError(f"there is no file {each}", fix="check the path")
    with console.bars() as progress:
        checked = lb.check(
            list(pictures),
            ledgers=list(ledger) or None,
            signers=signers,
            reading_key=key.key(settings, twice=False) if key.is_given() else None,
            anchors=console.read_file(anchors) if anchors else b"",
            compiler=compiler or settings.compiler,
            progress=progress,
        )
    rows = [each.row() for each in checked]
    if csv_:
        _say_csv(rows)
    else:
        console.say_table(rows if json else [_short(row) for row in rows], as_json=json)
    passed = sum(each.passed for each in checked)
    if not signers and any(each.signer for each in checked):
        console.note("no --signer was named: anybody's signature counts")
    if passed < len(checked):
        raise NotVerified(
            f"{len(checked) - passed} of {len(checked)} pictures are not verified",
            fix="their verdicts say why; see the page on provenance",
        )
    console.note(f"{passed} of {len(checked)} pictures are verified")


def _places(
    sources: Sequence[Path], photos: Sequence[Path], out: Path, *, force: bool
) -> list[Path]:
    """Returns where each signed picture goes, everything in the way said before any work.

    Raises:
        UnwritableFile: Something is in the way, or two pictures would get one name.
        InputError: There is no photograph in the folders.
    """
    if not sources:
        raise InputError(f"there is no photograph in {photos[0]}", fix="give another folder")
    if out.suffix.lower() == ".png" and not out.is_dir():
        if len(sources) > 1:
            raise UnwritableFile(
                f"{out} is one file, for {len(sources)} photographs", fix="give a folder"
            )
        console.refuse_to_write(out, sources, force=force)
        return [out]
    if out.suffix and not out.is_dir():
        raise UnwritableFile(f"{out} does not end in .png", fix="name it .png, or give a folder")
    places = [out / f"{each.stem}.png" for each in sources]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise UnwritableFile(
                f"two photographs would become {place}", fix="sign them into two folders"
            )
    if not out.parent.is_dir():
        raise UnwritableFile(f"there is no folder {out.parent}", fix="make it first")
    out.mkdir(exist_ok=True)
    for place in places:
        console.refuse_to_write(place, sources, force=force)
    return places


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Returns what of a row fits on a person's screen."""
    return {
        "file": row["file"],
        "verdict": row["verdict"].replace("_", " "),
        "signer": _cut(row["signer"]),
        "time": row["time"],
        "words": _cut(row["words"]),
        "credentials": row["credentials"],
        "reason": row["reason"],
    }


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _say_csv(rows: Sequence[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: object) -> object:
    """Returns a cell that no spreadsheet takes for a formula: words are a stranger's."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value
