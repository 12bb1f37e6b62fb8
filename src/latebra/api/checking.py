"""Check pictures: whether each is what somebody signed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.api import credentials
from latebra.api.arranging import unseal
from latebra.api.credentials import Credentials
from latebra.api.ledger import USUAL, Ledger, is_genuine
from latebra.api.opened import Reader, Secrets, chosen, open_reader
from latebra.api.provenance import CARRIER, CONTEXT, KEYWORD, PUBLIC, pictures_in
from latebra.core.errors import InputError, UnreadableFile
from latebra.core.keys import Key, Recipient
from latebra.core.progress import Progress, silent
from latebra.hiding.media.photographs import eight_bit, text_of
from latebra.hiding.medium import Source
from latebra.hiding.provenance import short_hash
from latebra.hiding.provenance.record import NAME, Record, digest


class Verdict(StrEnum):
    """What a check came to.

    ================  ===========================================================================
    verified          the mark's record is signed, and the picture is the one that was signed
    marked            there is no record; the mark opens under the reader's own key, and was made
                      for a picture like this one
    another_picture   the mark is genuine, but was made for another picture
    another_signer    the record is signed, by nobody whom the reader named
    forged            what should be the mark's record was changed, or never signed
    no_record         the mark is there, its record is not
    unmarked          there is no mark that this key reads
    unreadable        the file is no photograph
    ================  ===========================================================================
    """

    VERIFIED = "verified"
    MARKED = "marked"
    ANOTHER_PICTURE = "another_picture"
    ANOTHER_SIGNER = "another_signer"
    FORGED = "forged"
    NO_RECORD = "no_record"
    UNMARKED = "unmarked"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Checked:
    """What is known of one picture.

    Args:
        source: The file, or "array".
        verdict: What it came to.
        reason: Why, in a sentence.
        name: The record's name, in hexadecimal digits, that the mark carries.
        signer: The public key that signed the record; None without a signature that is right.
        time: When, by the signer's clock, such as "2026-11-29T05:00:00Z".
        words: What the signer said.
        untouched: Whether every pixel is as it was signed.
        distance: How unlike what was signed it looks: 0 to 1, or None where that is not known.
        credentials: "valid", "trusted" or "broken" content credentials (C2PA); "another" where
            they are not of this mark; "" without any, or without c2pa-python.
    """

    source: str
    verdict: Verdict
    reason: str
    name: str = ""
    signer: Recipient | None = None
    time: str = ""
    words: str = ""
    untouched: bool = False
    distance: float | None = None
    credentials: str = ""

    @property
    def passed(self) -> bool:
        """Whether the picture is one that was signed, or that the reader's key marked."""
        return self.verdict in (Verdict.VERIFIED, Verdict.MARKED)

    def row(self) -> dict[str, Any]:
        """Returns it as a row of a table, in plain types."""
        return {
            "file": self.source,
            "verdict": str(self.verdict),
            "record": self.name,
            "signer": "" if self.signer is None else str(self.signer),
            "time": self.time,
            "words": self.words,
            "untouched": self.untouched,
            "distance": None if self.distance is None else round(self.distance, 4),
            "credentials": self.credentials,
            "reason": self.reason,
        }


def check(
    sources: Source | Sequence[Source],
    *,
    ledgers: Sequence[str | os.PathLike[str]] | None = None,
    signers: Sequence[Recipient] = (),
    reading_key: Key | None = None,
    anchors: bytes = b"",
    compiler: str = "auto",
    progress: Progress = silent,
) -> list[Checked]:
    """Returns what each picture is: as somebody signed it, another, or nothing that is known.

    Nothing is asked of a network: what is not in the file or in a ledger is not known.

    Args:
        sources: Files, folders (with all below them), or arrays.
        ledgers: Where records are looked up; None for ``ledger.jsonl`` next to every picture. A
            record that lies in the picture's own file is found without.
        signers: Whose signatures count; without any, anybody's.
        reading_key: The key that marks are read with; None for the one that everybody has.
        anchors: Certificates in PEM that vouch for those of content credentials.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        InputError: An array is no photograph, or there is no picture in the folders.
        UnreadableFile: A ledger cannot be read.
    """
    given = [sources] if isinstance(sources, str | os.PathLike | np.ndarray) else list(sources)
    pictures = pictures_in(given)
    if not pictures:
        raise InputError("there is no picture to check", fix="give files, or a folder with some")
    ledger = Ledger(_usual(pictures) if ledgers is None else [Path(each) for each in ledgers])
    reader = open_reader(CARRIER, chosen(compiler)[0], {}, progress=progress)
    checker = _Checker(reader, reading_key, ledger, tuple(signers), anchors)
    checked: list[Checked] = []
    for number, picture in enumerate(pictures):
        checked.append(checker.check(picture))
        progress("check", number + 1, len(pictures))
    return checked


@dataclass(frozen=True)
class _Mark:
    name: bytes
    short: bytes


@dataclass(frozen=True)
class _Checker:
    reader: Reader
    key: Key | None
    ledger: Ledger
    signers: tuple[Recipient, ...]
    anchors: bytes
    secrets: Secrets = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "secrets", Secrets(CARRIER, self.reader.digest, CONTEXT))

    def check(self, source: Source) -> Checked:
        name = "array" if isinstance(source, np.ndarray) else str(source)
        try:
            pixels = np.asarray(self.reader.carrier.medium.take(source))
            told = None if isinstance(source, np.ndarray) else _credentials(source, self.anchors)
        except UnreadableFile as error:
            return Checked(name, Verdict.UNREADABLE, error.what)
        mark = self._mark(eight_bit(pixels))
        if mark is None:
            state = told.state if told else ""
            reason = "no mark was found that this key reads"
            return Checked(name, Verdict.UNMARKED, reason, credentials=state)
        records = Ledger()
        for line in _own_lines(source, told):
            records.add(line)
        found = [*records.records(mark.name), *self.ledger.records(mark.name)]
        found.sort(key=lambda record: not is_genuine(mark.name, record))
        state = _state(told, mark.name)
        if not found:
            return self._without(name, mark, eight_bit(pixels), state)
        return self._with(name, mark, found[0], pixels, state)

    def _mark(self, picture: NDArray[np.uint8]) -> _Mark | None:
        key = self.key or PUBLIC
        carrier, stream = self.reader.carrier, self.secrets.stream(key)
        for found in carrier.extract(picture, stream, list(carrier.channels)):
            opened = unseal(found.frame, self.secrets.binding(found.salt), key, None)
            # One byte says that it is whole; another length is somebody's message.
            if opened is not None and len(opened) == 1 + NAME + short_hash.SIZE:
                return _Mark(opened[1 : 1 + NAME], opened[1 + NAME :])
        return None

    def _without(self, source: str, mark: _Mark, picture: NDArray[np.uint8], state: str) -> Checked:
        """Returns what is known without a record: as much as sixteen bytes hold."""
        distance = short_hash.short_distance(mark.short, picture)
        alike = distance <= short_hash.NEAR
        if self.key is None:
            verdict = Verdict.NO_RECORD
            reason = "its record is in no ledger that was given, nor in the file; "
            reason += "it looks like" if alike else "it does not look like"
            reason += " the picture that was marked, and anybody could have marked it"
        elif alike:
            verdict, reason = Verdict.MARKED, "marked with this key, for a picture like this one"
        else:
            verdict = Verdict.ANOTHER_PICTURE
            reason = "marked with this key, for a picture unlike this one, or cut since"
        return Checked(
            source,
            verdict,
            reason,
            mark.name.hex(),
            distance=distance / short_hash.BITS,
            credentials=state,
        )

    def _with(
        self, source: str, mark: _Mark, record: Record, pixels: NDArray[Any], state: str
    ) -> Checked:
        claim = record.claim
        if not is_genuine(mark.name, record):
            reason = "what should be its record was changed, or never signed"
            return Checked(source, Verdict.FORGED, reason, mark.name.hex(), credentials=state)
        compared = claim.hash.compare(eight_bit(pixels))
        untouched = digest(pixels) == record.pixels
        if not (compared.alike or untouched):
            verdict = Verdict.ANOTHER_PICTURE
            reason = _unlike(compared.distance, compared.worst)
        elif self.signers and claim.signer not in self.signers:
            verdict, reason = Verdict.ANOTHER_SIGNER, "signed by a key that was not named"
        else:
            verdict = Verdict.VERIFIED
            reason = "every pixel is as it was signed" if untouched else _alike(cut=compared.cut)
        return Checked(
            source,
            verdict,
            reason,
            mark.name.hex(),
            claim.signer,
            datetime.fromtimestamp(claim.time, UTC).isoformat().replace("+00:00", "Z"),
            claim.words,
            untouched,
            compared.distance,
            state,
        )


def _alike(*, cut: bool) -> str:
    return "a part of what was signed" if cut else "looks like what was signed, pixels differ"


def _unlike(distance: float, worst: float) -> str:
    return (
        "the mark was made for another picture, or this one was changed or cut too far: "
        f"{100 * distance:.0f} % of its hash is wrong, {100 * worst:.0f} % in one place"
    )


def _credentials(source: Source, anchors: bytes) -> Credentials | None:
    assert not isinstance(source, np.ndarray)  # noqa: S101  # The caller's case.
    return credentials.read(Path(source), anchors)


def _state(told: Credentials | None, name: bytes) -> str:
    """Returns what content credentials come to for a mark of this name."""
    if told is None:
        return ""
    return told.state if told.state == "broken" or name in told.bound else "another"


def _own_lines(source: Source, told: Credentials | None) -> list[bytes]:
    """Returns the records that a picture's own file holds."""
    if isinstance(source, np.ndarray):
        return []
    lines = [text_of(Path(source), KEYWORD), told.record if told else ""]
    return [line.encode(errors="replace") for line in lines if line]


def _usual(pictures: Sequence[Source]) -> list[Path]:
    """Returns the ledgers that lie next to pictures."""
    folders = {Path(each).parent for each in pictures if not isinstance(each, np.ndarray)}
    return [folder / USUAL for folder in sorted(folders) if (folder / USUAL).is_file()]
