"""Sign photographs, and check what became of signed ones."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.api import credentials
from latebra.api.credentials import Certificate
from latebra.api.ledger import USUAL, append
from latebra.api.opened import carriers, usual_channel
from latebra.api.stego import HideReport
from latebra.api.verbs import hide
from latebra.core.errors import DoesNotFit
from latebra.core.keys import Identity, Key
from latebra.core.progress import Progress, silent
from latebra.hiding.media.photographs import Photographs, eight_bit
from latebra.hiding.medium import Source
from latebra.hiding.provenance.picture_hash import PictureHash
from latebra.hiding.provenance.record import NONCE, Claim, Record, digest
from latebra.hiding.provenance.short_hash import short_hash

CARRIER: Final = "autoencoder"
CONTEXT: Final = b"provenance 1"
PUBLIC: Final = Key(hashlib.sha256(b"latebra/1 public reading key").digest())
"""The key that marks are read with unless the signer has another: everybody has it."""
KEYWORD: Final = "Latebra-Record"
"""Under which a signed picture's PNG file holds its record, as long as nobody strips it."""


@dataclass(frozen=True)
class Signed:
    """A signed photograph.

    Args:
        cover: Its pixels, with the mark.
        record: What was signed.
        report: How the mark was hidden.
        medium: How it gets into files.
        original: The file it was made from, if it was one.
    """

    cover: NDArray[Any] = field(repr=False)
    record: Record
    report: HideReport
    medium: Photographs = field(repr=False)
    original: Path | None

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        ledger: str | os.PathLike[str] | None = None,
        certificate: Certificate | None = None,
        force: bool = False,
    ) -> Path:
        """Writes the picture to a PNG file, and its record to a ledger and into the file.

        Args:
            path: The file.
            ledger: Where the record goes; None for ``ledger.jsonl`` in the same folder.
            certificate: Who signs content credentials (C2PA) for it.
            force: Overwrite the file if it is there; a ledger is always added to.

        Raises:
            UnwritableFile: The file is there already, or cannot be written.
        """
        place = Path(path)
        self.medium.refuse(place, force=force)
        # First the record: a picture whose record was lost could not be verified.
        append(Path(ledger) if ledger is not None else place.parent / USUAL, self.record)
        told = Photographs(self.medium.profile, {KEYWORD: self.record.line()})
        told.save(self.cover, place, force=force)
        if certificate is not None:
            credentials.attach(place, self.original, self.record, certificate)
        return place


def sign(
    photo: Source,
    *,
    signing_key: Identity,
    words: str = "",
    reading_key: Key | None = None,
    channel: str | None = None,
    compiler: str = "auto",
    progress: Progress = silent,
) -> Signed:
    """Returns a photograph with a mark that names a signed record of it.

    The record says who signed, when (by this machine's clock), ``words`` and what the picture looks
    like. It was read back, and compared, as a reader will.

    Args:
        photo: A file, or an array: grey, RGB or RGBA, of 128 pixels at least.
        signing_key: Whose signature it gets.
        words: What else to say, one line: who made it, how, under which licence.
        reading_key: Who may read the mark: None for everybody. Without the record, this key is what
            a mark is checked with.
        channel: What the mark must survive; None for JPEG of quality 75.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        DoesNotFit: The photograph is too small, shows too little, or could not be read back.
        InputError: Something handed in cannot be used.
    """
    plain = carriers[CARRIER].create({}, {})
    channel = channel or usual_channel(CARRIER)
    taken = np.asarray(plain.medium.take(photo))
    plain.rooms(channel, taken)  # Too small a photograph is said first.
    seen = eight_bit(taken)
    claim = Claim(
        signing_key.public(), int(time.time()), words, os.urandom(NONCE), PictureHash.of(seen)
    )
    stego = hide(
        claim.name + short_hash(seen),
        key=reading_key or PUBLIC,
        carrier=CARRIER,
        cover=taken,
        channel=channel,
        compiler=compiler,
        context=CONTEXT,
        progress=progress,
    )
    marked = np.asarray(stego.covers[0])
    received = plain.medium.send(marked, channel, np.random.default_rng())
    compared = claim.hash.compare(eight_bit(np.asarray(received)))
    if not compared.alike:
        raise DoesNotFit(
            f"after {channel!r} the photograph is not taken for itself: "
            f"{100 * compared.distance:.0f} % of its hash is wrong",
            fix="choose a photograph that shows more, or a channel that harms less",
        )
    medium = plain.medium.like(photo)
    assert isinstance(medium, Photographs)  # noqa: S101  # The carrier's medium.
    original = None if isinstance(photo, np.ndarray) else Path(photo)
    record = claim.signed(signing_key, digest(marked))
    return Signed(marked, record, stego.report, medium, original)


def pictures_in(sources: Sequence[Source]) -> list[Source]:
    """Returns the pictures that are meant: those in a folder, by their endings, and others."""
    found: list[Source] = []
    for source in sources:
        if isinstance(source, np.ndarray) or not Path(source).is_dir():
            found.append(source)
            continue
        found += sorted(path for path in Path(source).rglob("*") if path.suffix.lower() in SUFFIXES)
    return found


SUFFIXES: Final = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif")
)
"""Endings of pictures that are looked for in a folder."""
