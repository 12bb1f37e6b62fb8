"""Write the golden vectors of pixels: what a small model without weights paints from some bits.

The model has pictures of 12 by 12 pixels of 16 greys. Where the four pixels before a pixel, in a
window of 3 by 3, hold greys a, b, c, d (counted from 1, and 0 beyond the edge), grey i has the
logit -(w >> 8), where w is the i-th little-endian 16-bit word of SHAKE128 of these four bytes; a
step of a logit is worth 1/32. Every picture is possible.

They were made by this implementation. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from latebra.core.network import Arrays, ModelCard
from latebra.hiding.channel.stream import Stream
from latebra.hiding.pixels import dense
from latebra.hiding.pixels.model import PixelModel
from tools.make_frame_vectors import SECRET, stream

FOLDER = Path(__file__).parents[1] / "vectors" / "pixels"
SIDE, GREYS, AT_ONCE = 12, 16, 8


class Shades:
    """The model that the vectors are of, whole and in steps."""

    card = ModelCard(
        "shades",
        "",
        "T1",
        0.0,
        about={
            "side": SIDE,
            "greys": GREYS,
            "nats": 1 / 32,
            "scale": 1,
            "offset": 1,
            "windows": [[3, 1]],
            "at_once": AT_ONCE,
        },
    )

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Returns logits as ``PixelModel`` asks for them."""
        if "earlier0" in inputs:
            return {"y": np.stack([logits(bytes(map(int, row))) for row in inputs["earlier0"]])}
        known = np.pad(inputs["x"][0, 0].astype(np.int64), 1)
        rows = [
            logits(bytes([*known[row, column : column + 3].tolist(), int(known[row + 1, column])]))
            for row in range(SIDE)
            for column in range(SIDE)
        ]
        return {"y": np.stack(rows).T.reshape(1, GREYS, SIDE, SIDE)}


@cache
def logits(before: bytes) -> np.ndarray:
    """Returns the logits after four greys."""
    words = np.frombuffer(hashlib.shake_128(before).digest(2 * GREYS), "<u2")
    return -(words.astype(np.int32) >> 8)


def model() -> PixelModel:
    """Returns the model."""
    return PixelModel(Shades(), Shades())


def write(name: str, expect: str, bits: bytes, greys: np.ndarray) -> None:
    """Writes one vector."""
    fields = {"expect": expect, "coins": SECRET.hex(), "bits": bits.hex()}
    lines = [f"{label}: {value}" for label, value in fields.items()]
    body = [" ".join(map(str, row)) for row in greys.tolist()]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for size in (1, 16, 32):
        bits = stream(f"pixels {size}".encode())(size)
        flips = np.unpackbits(np.frombuffer(bits, np.uint8))
        greys = dense.write(model(), flips, Stream(SECRET))
        write(f"{size}_bytes", "success", bits, greys)
    changed = greys.copy()
    changed[0, 2] = (changed[0, 2] + 1) % GREYS
    write("32_bytes_one_pixel_changed", "failure", bits, changed)


if __name__ == "__main__":
    main()
