"""Write the golden vectors of provenance: a mark's bytes, a record, a picture, and what they are.

The picture of a number is made of squares of 8 by 8 pixels, 20 to the right and 16 downwards, row
by row: the grey of each is 35 b, where b are the first three bits of its byte of
``stream(b"provenance " + number)``. Nothing lies near the hash's thresholds, so that nobody's
rounding matters.

They were made by this implementation. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from latebra.core.keys import Identity
from latebra.hiding.provenance.picture_hash import PictureHash
from latebra.hiding.provenance.record import Claim, digest
from latebra.hiding.provenance.short_hash import short_hash
from tools.make_frame_vectors import SECRET, flipped, stream

FOLDER = Path(__file__).parents[1] / "vectors" / "provenance"
SIGNER = Identity(SECRET)
TIME = 1_795_928_400


def picture(number: int) -> np.ndarray:
    """Returns the picture of a number, uint8 (128, 160, 3)."""
    cells = np.frombuffer(stream(f"provenance {number}".encode())(16 * 20), np.uint8) >> 5
    grey = np.kron(35 * cells.reshape(16, 20), np.ones((8, 8), np.uint8))
    return np.repeat(grey[:, :, None], 3, axis=2)


def said(number: int, words: str) -> tuple[bytes, str]:
    """Returns the bytes that a mark carries, and the record's line."""
    seen = picture(number)
    nonce = stream(words.encode())(16)
    claim = Claim(SIGNER.public(), TIME, words, nonce, PictureHash.of(seen))
    return claim.name + short_hash(seen), claim.signed(SIGNER, digest(seen)).line()


def changed(line: str, **members: Any) -> str:
    """Returns a record's line with other members."""
    told = json.dumps(json.loads(line) | members, ensure_ascii=False, separators=(",", ":"))
    return str(told)


def write(name: str, expect: str, number: int, mark: bytes, line: str) -> None:
    """Writes one vector."""
    fields = {"expect": expect, "picture": str(number), "mark": mark.hex()}
    lines = [f"{label}: {value}" for label, value in fields.items()]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", line]) + "\n", encoding="utf-8")


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    mark, line = said(1, "a lighthouse")
    write("picture_1", "success", 1, mark, line)
    write("picture_2", "success", 2, *said(2, "Ζωή, 海, no words to spare"))
    write("picture_3_without_words", "success", 3, *said(3, ""))
    write("copied_to_picture_2", "picture failure", 2, mark, line)
    write("another_name", "name failure", 1, flipped(mark, 0), line)
    write("other_words", "name failure", 1, mark, changed(line, words="a light house"))
    write("other_pixels", "signature failure", 1, mark, changed(line, pixels="00" * 32))
    signature = json.loads(line)["signature"]
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    write("other_signature", "signature failure", 1, mark, changed(line, signature=other))
    write("one_more_member", "form failure", 1, mark, changed(line, more=1))
    write("version_2", "form failure", 1, mark, changed(line, latebra_record=2))


if __name__ == "__main__":
    main()
