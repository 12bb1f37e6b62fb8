"""Hide with each compiler, reveal with each: how many messages come back, word for word.

    python -m benchmarks.matrix [--count 200] [--slow-count 5]

Every message is random, fills a picture through PNG, and is read by every compiler; nothing is
verified while it is hidden. Writes ``benchmarks/results/matrix.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import latebra as lb
from benchmarks.machine import about
from latebra.api.opened import Reader, Secrets, digest_of, open_reader
from latebra.compiling.opening import installed
from latebra.core.errors import NothingRevealed
from latebra.hiding import frame, parts
from latebra.hiding.frame import Profile

RESULT = Path(__file__).parent / "results" / "matrix.json"
SLOW = "reference"
OPTIONS = {"kind": "bark"}
SECRETS = Secrets("diffusion", digest_of("diffusion"), b"benchmarks/matrix")


def write(reader: Reader, key: lb.Key, message: bytes) -> np.ndarray:
    """Returns a picture that carries ``message``, not read back."""
    carrier = reader.carrier
    salt = np.random.default_rng().bytes(carrier.salt_bytes("png"))
    sealed = frame.seal(
        parts.split(message, len(message) + 1)[0],
        SECRETS.binding(salt),
        key=key,
        profile=Profile.COMPACT,
        room=carrier.rooms("png")[-1],
    )
    return carrier.embed(sealed, salt, SECRETS.stream(key), "png")


def main() -> None:
    """Fills the matrix."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--slow-count", type=int, default=5, help="where the reference takes part")
    arguments = parser.parse_args()
    key, names = lb.Key.generate(), installed()
    readers = {name: open_reader("diffusion", name, OPTIONS) for name in names}
    length = lb.capacity(channel="png", **OPTIONS)
    rng = np.random.default_rng(1)
    cells: dict[str, dict[str, dict[str, int]]] = {}
    start = time.monotonic()
    for writer in names:
        count = arguments.slow_count if writer == SLOW else arguments.count
        messages = [rng.bytes(length) for _ in range(count)]
        pictures = [write(readers[writer], key, message) for message in messages]
        cells[writer] = {}
        for reader in names:
            tried = arguments.slow_count if SLOW in (reader, writer) else count
            right = 0
            for picture, message in zip(pictures[:tried], messages, strict=False):
                try:
                    found = lb.reveal(
                        picture,
                        key=key,
                        channel="png",
                        compiler=reader,
                        context=b"benchmarks/matrix",
                        **OPTIONS,
                    )
                except NothingRevealed:
                    continue
                right += found == message
            cells[writer][reader] = {"messages": tried, "exact": right}
            print(f"{writer} -> {reader}: {right} of {tried}", flush=True)
    result = {
        **about(),
        "message_bits": 8 * length,
        "before_verification": True,
        "seconds": round(time.monotonic() - start),
        "cells": cells,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
