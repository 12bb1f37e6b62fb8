"""The dense carrier on photographs: what it holds, what that costs, how fast, and who sees it.

    python -m benchmarks.dense rates --opencv FOLDER [--packages SITE] [--count 60]
    python -m benchmarks.dense speed --opencv FOLDER [--packages SITE]
    python -m benchmarks.dense compilers --opencv FOLDER [--packages SITE] [--count 10]
    python -m benchmarks.dense detection --opencv FOLDER [--packages SITE] [--count 1500]

Each part adds to ``benchmarks/results/dense.json``. ``rates`` fills frames with random bytes,
embeds and reads them once; exact means that the frame's bytes came back through a PNG file.
``speed`` hides in, and reveals from, a photograph of a megapixel with the public functions, which
read what they wrote with two compilers. ``compilers`` lets each read what each wrote.
``detection`` lets two detectors of ``attacks`` look at tiles of 128 by 128, paired, and beside each
of our payloads at as many bits that are laid without a network and without a trellis.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import latebra as lb
from attacks import lsb, spam
from attacks.controls import replace_lowest_bits
from attacks.rows import figures, row_of
from benchmarks.intervals import wilson
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from benchmarks.robustness import psnr, ssim
from latebra.api.opened import Reader, Secrets, open_reader
from latebra.compiling.opening import installed
from latebra.hiding import frame
from latebra.hiding.frame import Profile

RESULTS = Path(__file__).parent / "results" / "dense.json"
KEY = lb.Key(bytes(range(32)))
SEED = 59
RATES = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.9)
"""Bits of message a pixel that are asked for; the next room above has a little more."""
SEEN = (0.1, 0.5, 2.0)
"""Those that detectors look at."""
SIDE = 256
TILE = 128
WEIGHED = 300
"""Tiles that weighted stego looks at: it takes a twentieth of a second for each."""


def room_for(reader: Reader, picture: np.ndarray, bits: float) -> int:
    """Returns the smallest frame that holds so many bits of message a pixel, or the largest."""
    rooms = reader.carrier.rooms("png", picture)
    wanted = bits * picture.shape[0] * picture.shape[1] / 8
    return next((room for room in rooms if held(room) >= wanted), rooms[-1])


def held(room: int) -> int:
    """Returns how many bytes of message a frame holds, after its seal."""
    return frame.largest(room, Profile.COMPACT) - 1


class Writer:
    """The carrier with one compiler, under a key.

    Args:
        compiler: Its id.
    """

    def __init__(self, compiler: str) -> None:
        self.reader = open_reader("dense", compiler, {}, threads=1)
        self.stream = Secrets("dense", self.reader.digest, b"").stream(KEY)

    def written(self, picture: np.ndarray, content: bytes, number: int) -> np.ndarray:
        """Returns the picture with a frame of random bytes."""
        salt = number.to_bytes(16, "little")
        made = self.reader.carrier.embed(content, salt, self.stream, "png", cover=picture)
        return np.asarray(made)

    def read(self, picture: np.ndarray) -> bytes | None:
        """Returns the frame of a picture, or None."""
        both = list(self.reader.carrier.extract(picture, self.stream, ["png"]))
        return both[0].frame if both else None


def saved(picture: np.ndarray) -> np.ndarray:
    """Returns the picture out of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return np.asarray(Image.open(file))


def rates(pictures: Callable[[int, int], Iterator[np.ndarray]], count: int) -> dict[str, Any]:
    """Returns for each rate how many frames came back, and what they cost the pictures."""
    writer, rng = Writer("onnxruntime"), np.random.default_rng(SEED)
    rows: dict[str, Any] = {}
    for rate in RATES:
        told: list[list[float]] = []
        right = 0
        for number, picture in enumerate(pictures(count, SIDE)):
            room = room_for(writer.reader, picture, rate)
            content = rng.bytes(room)
            made = writer.written(picture, content, number)
            right += writer.read(saved(made)) == content
            pixels = picture.shape[0] * picture.shape[1]
            changed = float(np.mean(made != picture))
            quality = [psnr(picture, made), ssim(picture, made)]
            told.append([*quality, changed, 8 * held(room) / pixels])
        table = np.asarray(told)
        rows[f"{rate:g}"] = {
            "pictures": len(told),
            "exact": right,
            "share_95": [round(x, 4) for x in wilson(right, len(told))],
            "bits_a_pixel": round(table[:, 3].mean(), 3),
            "psnr": {"mean": round(table[:, 0].mean(), 2), "least": round(table[:, 0].min(), 2)},
            "ssim": {"mean": round(table[:, 1].mean(), 5), "least": round(table[:, 1].min(), 5)},
            "changed": round(table[:, 2].mean(), 4),
        }
        print(rate, rows[f"{rate:g}"], flush=True)
    return {"side": SIDE, "rates": rows}


def speed(pictures: Callable[[int, int], Iterator[np.ndarray]]) -> dict[str, Any]:
    """Returns how long a megapixel takes, networks open and loops compiled."""
    picture, rows = next(pictures(1, 1000)), {}
    for rate in (0.1, 2.0, 8.9):
        message = np.random.default_rng(SEED).bytes(int(rate * 1e6 / 8))
        told: list[list[float]] = []
        for _ in range(6):
            start, busy = time.perf_counter(), time.process_time()
            stego = lb.hide(message, key=KEY, carrier="dense", cover=picture)
            middle = time.perf_counter()
            assert lb.reveal(stego, key=KEY, carrier="dense") == message
            end = time.perf_counter()
            told.append([middle - start, end - middle, time.process_time() - busy])
        best = np.asarray(told)[1:]
        names = ("hide_s", "reveal_s", "busy_s")
        rows[f"{rate:g}"] = {
            name: {"median": round(float(np.median(each)), 3), "least": round(float(each.min()), 3)}
            for name, each in zip(names, best.T, strict=True)
        } | {"verified_with": list(stego.report.verified_with)}
        print(rate, rows[f"{rate:g}"], flush=True)
    return {"pixels": 1_000_000, "rates": rows}


def compilers(pictures: Callable[[int, int], Iterator[np.ndarray]], count: int) -> dict[str, Any]:
    """Returns how many frames each compiler read of those that each wrote."""
    names, rng = installed(), np.random.default_rng(SEED)
    writers = {name: Writer(name) for name in names}
    cells = {one: dict.fromkeys(names, 0) for one in names}
    for number, picture in enumerate(pictures(count, 128)):
        content = rng.bytes(room_for(writers[names[0]].reader, picture, 2.0))
        for one in names:
            made = writers[one].written(picture, content, number)
            for two in names:
                cells[one][two] += writers[two].read(made) == content
    print(cells, flush=True)
    return {"pictures": count, "side": 128, "bits_a_pixel": 2.0, "cells": cells}


def detection(pictures: Callable[[int, int], Iterator[np.ndarray]], count: int) -> dict[str, Any]:
    """Returns what detectors see of tiles that carry something, and of as many bits laid badly."""
    writer, rng = Writer("onnxruntime"), np.random.default_rng(SEED)
    cover = list(pictures(count, TILE))
    plain = np.stack(cover).transpose(0, 3, 1, 2)
    few = plain[:WEIGHED]
    usual = lsb.rates(few)
    rows = []
    for rate in SEEN:
        rooms = [room_for(writer.reader, each, rate) for each in cover]
        bits = 8 * float(np.mean(rooms)) / TILE**2
        ours = np.stack(
            [
                writer.written(each, rng.bytes(room), number)
                for number, (each, room) in enumerate(zip(cover, rooms, strict=True))
            ]
        ).transpose(0, 3, 1, 2)
        name = f"lowest bits replaced, {bits:.2f} bit a pixel"
        kinds = ours[:WEIGHED], replace_lowest_bits(few, bits / 3, rng)
        weighted = row_of("weighted stego", name, *((lsb.rates(each), usual) for each in kinds))
        adjacent = {
            "attack": "adjacent differences",
            "control_scheme": f"changed by one at random, {bits:.2f} bit a pixel",
            "scheme": figures(spam.detect(ours, plain, SEED)),
            "control": figures(spam.detect(matched(plain, bits / 3, rng), plain, SEED)),
        }
        for each in (weighted, adjacent):
            rows.append({"bits_a_pixel": round(bits, 3), **each})
            print(each["attack"], name, each["scheme"]["text"], each["control"]["text"], flush=True)
    return {"tiles": count, "side": TILE, "attacks": rows}


def matched(pictures: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Returns pictures of which a share of lowest bits is set by a step up or down (matching)."""
    wrong = (rng.random(pictures.shape) < rate) & (rng.random(pictures.shape) < 0.5)
    up = (rng.random(pictures.shape) < 0.5) & (pictures < 255) | (pictures == 0)
    return np.where(wrong, pictures + np.where(up, 1, -1), pictures).astype(np.uint8)


def main() -> None:
    """Measure one part, and add it to the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("rates", "speed", "compilers", "detection"))
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--count", type=int, default=60)
    arguments = parser.parse_args()
    paths = found(arguments.opencv, arguments.packages)

    def pictures(count: int, side: int) -> Iterator[np.ndarray]:
        return tiles(paths, count, side, SEED)

    if arguments.part == "rates":
        told = rates(pictures, arguments.count)
    elif arguments.part == "speed":
        told = speed(pictures)
    elif arguments.part == "compilers":
        told = compilers(pictures, arguments.count)
    else:
        told = detection(pictures, arguments.count)
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    stored[arguments.part] = told | {
        "photographs": [path.name for path in paths],
        "measured": about(),
    }
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
