"""A record: what somebody says of a picture, signed, and the name that the picture's mark carries.

A mark has room for 16 bytes, a signature has 64. So the mark carries the record's name, which is a
digest of what the record says, and the record is kept elsewhere: in the file, in a ledger.
``spec/provenance.md`` has the bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import BadKey, InputError
from latebra.core.keys import Identity, Recipient, is_signed
from latebra.core.tensors import strict_json
from latebra.hiding.provenance.picture_hash import PictureHash

VERSION: Final = 1
NAME: Final = 8
"""Bytes of a name: another record of the same name takes 2^64 tries."""
NONCE: Final = 16
LONGEST: Final = 1000
"""Characters of the words, at most."""
LARGEST: Final = 32_768
"""Bytes of a record's line, at most: a hostile ledger can hold any."""
_BODY: Final = b"latebra/1 record\0"
_SIGNED: Final = b"latebra/1 signed record\0"
_PIXELS: Final = b"latebra/1 pixels\0"
_CLOCK: Final = "%Y-%m-%dT%H:%M:%SZ"
_FIELDS: Final[frozenset[str]] = frozenset(
    ("latebra_record", "name", "signer", "time", "words", "nonce", "hash", "pixels", "signature")
)


@dataclass(frozen=True)
class Claim:
    """What is said of a picture before it is marked.

    Args:
        signer: Whose signature it will have.
        time: Seconds since 1970, as the signer's clock had it: nobody else vouches for it.
        words: What the signer says, one line of text.
        nonce: 16 random bytes: no two claims have one name.
        hash: What the picture looks like.
    """

    signer: Recipient
    time: int
    words: str
    nonce: bytes
    hash: PictureHash

    def __post_init__(self) -> None:
        if len(self.words) > LONGEST or not self.words.isprintable():
            raise InputError(
                f"the words have {len(self.words)} characters of at most {LONGEST}, or more lines "
                "than one",
                fix="say it on one short line",
            )
        if not 0 <= self.time < 253_402_300_800:
            raise InputError(f"{self.time} seconds since 1970 is no time before the year 10000")
        if len(self.nonce) != NONCE:
            raise InputError(f"the nonce has {len(self.nonce)} bytes, not {NONCE}")

    @property
    def name(self) -> bytes:
        """Eight bytes that stand for all that is said."""
        return hashlib.sha256(self.body()).digest()[:NAME]

    def body(self) -> bytes:
        """Returns all that is said, as bytes."""
        seen = self.hash
        return _BODY + _joined(
            self.signer.exchange_key,
            self.signer.verify_key,
            self.time.to_bytes(8, "little"),
            self.words.encode(),
            self.nonce,
            b"".join(n.to_bytes(4, "little") for n in (seen.width, seen.height)),
            b"".join(n.to_bytes(4, "little") for n in (seen.rows, seen.columns)),
            seen.bits,
        )

    def signed(self, identity: Identity, pixels: bytes) -> Record:
        """Returns the record.

        Args:
            identity: The signer.
            pixels: The digest of the marked picture.
        """
        if identity.public() != self.signer:
            raise BadKey("the claim is somebody else's: this identity cannot sign it")
        return Record(self, pixels, identity.sign(_SIGNED + _joined(self.body(), pixels)))


@dataclass(frozen=True)
class Record:
    """A claim with its signature.

    Args:
        claim: What is said.
        pixels: SHA-256 of the marked picture's pixels, see ``digest``.
        signature: Ed25519, of the claim and the digest.
    """

    claim: Claim
    pixels: bytes
    signature: bytes

    @property
    def genuine(self) -> bool:
        """Whether the signature is right."""
        message = _SIGNED + _joined(self.claim.body(), self.pixels)
        return is_signed(self.claim.signer.verify_key, message, self.signature)

    def line(self) -> str:
        """Returns the record as a line of JSON."""
        claim, seen = self.claim, self.claim.hash
        said = {
            "latebra_record": VERSION,
            "name": claim.name.hex(),
            "signer": str(claim.signer),
            "time": datetime.fromtimestamp(claim.time, UTC).strftime(_CLOCK),
            "words": claim.words,
            "nonce": claim.nonce.hex(),
            "hash": {
                "size": [seen.width, seen.height],
                "cells": [seen.columns, seen.rows],
                "bits": base64.b64encode(seen.bits).decode(),
            },
            "pixels": self.pixels.hex(),
            "signature": base64.b64encode(self.signature).decode(),
        }
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> tuple[bytes, Record]:
        """Returns the name that a line gives, and its record, which may be another's by now.

        Raises:
            InputError: It is no record.
        """
        if len(line) > LARGEST:
            raise InputError(f"the line has {len(line)} characters, a record at most {LARGEST}")
        try:
            told: Any = strict_json(line.encode())
            return _record(cast("dict[str, Any]", told))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, InputError):
            raise InputError(
                "this is no record", fix="give a line that latebra sign wrote"
            ) from None


def digest(pixels: NDArray[Any]) -> bytes:
    """Returns SHA-256 of a picture's type, shape and pixels, whatever file they came in."""
    head = f"{pixels.dtype.name} {' '.join(map(str, pixels.shape))}\n".encode()
    levels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    return hashlib.sha256(_PIXELS + head + levels.tobytes()).digest()


def _record(told: dict[str, Any]) -> tuple[bytes, Record]:
    if frozenset(told) != _FIELDS:
        raise ValueError("fields")
    seen = told["hash"]
    width, height = seen["size"]
    columns, rows = seen["cells"]
    numbers = (told["latebra_record"], width, height, columns, rows)
    if any(type(each) is not int for each in numbers) or numbers[0] != VERSION:
        raise TypeError("numbers")
    when = datetime.strptime(told["time"], _CLOCK).replace(tzinfo=UTC)
    hashed = PictureHash(width, height, rows, columns, _from_base64(seen["bits"]))
    claim = Claim(
        Recipient.parse(told["signer"]),
        int(when.timestamp()),
        told["words"],
        bytes.fromhex(told["nonce"]),
        hashed,
    )
    record = Record(claim, bytes.fromhex(told["pixels"]), _from_base64(told["signature"]))
    if len(record.pixels) != 32 or len(record.signature) != 64:
        raise ValueError("lengths")
    return bytes.fromhex(told["name"]), record


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("base64") from None


def _joined(*fields: bytes) -> bytes:
    """Returns the fields, each after its length in 4 bytes, little-endian."""
    return b"".join(len(field).to_bytes(4, "little") + field for field in fields)
