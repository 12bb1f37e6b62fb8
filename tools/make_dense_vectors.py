"""Write the golden vectors of the dense carrier: grey pictures of 48 by 48, and what they tell.

The covers are the first bytes of SHAKE128 of a name. They were made by this implementation. A
vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from latebra.hiding.channel.stream import Stream
from latebra.testing.carriers import opened
from tools.make_frame_vectors import SECRET, stream

FOLDER = Path(__file__).parents[1] / "vectors" / "dense"
SIDE = 48


def write(name: str, expect: str, salt: bytes, frame: bytes, picture: np.ndarray) -> None:
    """Writes one vector."""
    fields = {"expect": expect, "stream": SECRET.hex(), "salt": salt.hex(), "frame": frame.hex()}
    lines = [f"{label}: {value}" for label, value in fields.items()]
    body = [row.tobytes().hex() for row in picture]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    carrier = opened("dense")
    for name, kind in (("few", 0), ("middle", -4), ("most", -1)):
        grey = np.frombuffer(hashlib.shake_128(name.encode()).digest(SIDE * SIDE), np.uint8)
        cover = grey.reshape(SIDE, SIDE)
        size = carrier.rooms("png", cover)[kind]
        told = stream(f"dense {name}".encode())(16 + size)
        salt, frame = told[:16], told[16:]
        picture = carrier.embed(frame, salt, Stream(SECRET), "png", cover=cover)
        write(f"{size}_bytes", "success", salt, frame, np.asarray(picture))
    changed = np.array(picture)
    changed[20, 20] ^= 1
    write(f"{size}_bytes_one_sample_changed", "failure", salt, frame, changed)


if __name__ == "__main__":
    main()
