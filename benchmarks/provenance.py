"""Signed photographs: what is verified after edits, and what forgers get past the check.

    python -m benchmarks.provenance --opencv FOLDER [--packages SITE] [--part NAME] [--minutes N]

Each part adds its rows to ``benchmarks/results/provenance.json``; ``--minutes`` of the processor
stop a part early, after whole pictures, and it says how many there were. Photographs are those of
``benchmarks.photographs``: none was trained on; the hash's thresholds were chosen in view of other
tiles of these, and of mate-backgrounds and tuxpaint-data.

kept       marked pictures through edits: does the hash take them for themselves
others     hashes against pictures of other photographs, whole and cut
copied     the bits of one marked picture painted into another
averaged   the same, of many pictures that carry the same bits
residual   what a mark changed in one picture, added to another; and the mean of that over many
pasted     a square of another photograph in a signed one
disguised  another photograph, changed on purpose until its hash is that of a signed one
scenes     pictures of one scene
times      how long signing and checking take
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attacks.edits import PROMISED
from benchmarks.forgeries import averaged, copied, disguised_as, pasted_in, residual
from benchmarks.intervals import exact
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from benchmarks.signing import SEED, SIDES, Signer, Work, rate
from latebra.core.errors import DoesNotFit
from latebra.hiding.provenance import short_hash
from latebra.hiding.provenance.picture_hash import PictureHash

RESULTS = Path(__file__).parent / "results" / "provenance.json"
SCENES = {
    "from two places, a motorcycle": ("motorcycle_left.png", "motorcycle_right.png"),
    "from two places, a plant": ("aloeL.jpg", "aloeR.jpg"),
    "two frames, a toy that moves": ("rubberwhale1.png", "rubberwhale2.png"),
    "two frames, a player": ("basketball1.png", "basketball2.png"),
}
"""Pictures of one scene, of scikit-image and opencv-doc."""
CUT = 0.1
"""Share of other pictures that are compared as cut ones, which takes long."""


def kept(work: Work) -> Any:
    """Whether hashes take signed pictures for themselves after edits, by their side.

    Whether their marks are read after these edits is what ``benchmarks.robustness`` measures.
    """
    results: dict[str, Any] = {}
    for side, count in zip(SIDES, (60, 24), strict=True):
        rows = {name: {"alike": 0, "short": 0} for name in PROMISED}
        worst = {"distance": 0.0, "window": 0.0, "short_bits": 0.0}
        done = refused = 0
        for photograph, cover in work.pictures(count, side):
            if work.over():
                break
            mine = work.signer.mark(photograph, cover)
            if mine is None:
                refused += 1
                continue
            done += 1
            for name, edit in PROMISED.items():
                received = np.ascontiguousarray(edit(mine.pixels, work.rng))
                compared = mine.hash.compare(received)
                short = short_hash.short_distance(mine.message[8:], received)
                rows[name]["alike"] += compared.alike
                rows[name]["short"] += short <= short_hash.NEAR
                if "crop" not in name:
                    worst["distance"] = max(worst["distance"], compared.distance)
                    worst["window"] = max(worst["window"], compared.worst)
                    worst["short_bits"] = max(worst["short_bits"], short)
        results[str(side)] = {
            "pictures": done,
            "refused": refused,
            "worst_uncut": {name: round(float(x), 4) for name, x in worst.items()},
            "edits": {
                edit: {name: rate(int(each), done) for name, each in row.items()}
                for edit, row in rows.items()
            },
        }
    return results


def others(work: Work) -> Any:
    """How often a picture of another photograph is taken for the one that was hashed."""
    results: dict[str, Any] = {}
    for side, count in zip(SIDES, (1000, 500), strict=True):
        hashes = []
        for photograph, picture in work.pictures(150, side):
            try:
                hashed = PictureHash.of(picture)
            except DoesNotFit:
                continue
            hashes.append((photograph, hashed, short_hash.short_hash(picture)))
        alike = near = of = 0
        least, least_short = 1.0, 64
        for photograph, picture in work.pictures(count, side, SEED + 1):
            if work.over():
                break
            number, hashed, short = hashes[int(work.rng.integers(len(hashes)))]
            if number == photograph:
                continue
            share = 1.0 if work.rng.random() > CUT else 0.75
            length = int(share * side)
            seen = np.ascontiguousarray(picture[:length, :length])
            compared, bits = hashed.compare(seen), short_hash.short_distance(short, picture)
            of += 1
            alike += compared.alike
            near += bits <= short_hash.NEAR
            least, least_short = min(least, compared.distance), min(least_short, bits)
        results[str(side)] = {
            "hash": rate(alike, of, exact),
            "least_distance": round(least, 4),
            "short": rate(near, of, exact),
            "least_short_bits": least_short,
        }
    return results


def scenes(work: Work) -> Any:
    """Whether two pictures of one scene are taken for each other."""
    results: dict[str, Any] = {}
    for what, names in SCENES.items():
        found = [path for name in names for root in work.folders for path in root.rglob(name)]
        if len(found) != len(names):
            continue
        one, other = (_pixels(path) for path in found)
        compared = PictureHash.of(one).compare(other)
        results[what] = {
            "distance": round(compared.distance, 4),
            "window": round(compared.worst, 4),
            "alike": compared.alike,
        }
    return results


def times(work: Work) -> Any:
    """Seconds of the processor for one picture, by its side."""
    results: dict[str, Any] = {}
    for side in (128, 512, 1000):
        pictures = list(tiles(work.paths, 2, min(side, max(SIDES)), SEED))
        spent: dict[str, list[float]] = {"sign": [], "check": [], "check unmarked": []}
        for picture in pictures:
            cover = _resized(picture, side)
            before = time.process_time()
            mine = work.signer.mark(0, cover)
            if mine is None:
                continue
            spent["sign"].append(time.process_time() - before)
            before = time.process_time()
            work.signer.read(mine.pixels)
            mine.hash.compare(mine.pixels)
            spent["check"].append(time.process_time() - before)
            before = time.process_time()
            work.signer.read(cover)
            spent["check unmarked"].append(time.process_time() - before)
        results[str(side)] = {name: round(float(np.median(x)), 4) for name, x in spent.items()}
    return results


def _shortest(path: Path) -> int:
    with Image.open(path) as image:
        return min(image.size)


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


PARTS = {
    "copied": copied,
    "averaged": averaged,
    "kept": kept,
    "others": others,
    "pasted": pasted_in,
    "disguised": disguised_as,
    "scenes": scenes,
    "times": times,
    "residual": residual,
}


def main() -> None:
    """Measure, and add what was measured to the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the processor, per part")
    parser.add_argument("--compiler", default="onnxruntime")
    arguments = parser.parse_args()
    paths = found(arguments.opencv, arguments.packages)
    paths = [path for path in paths if _shortest(path) >= max(SIDES)]
    for name in arguments.part or PARTS:
        folders = tuple(each for each in (arguments.opencv, arguments.packages) if each)
        work = Work(paths, Signer(arguments.compiler), arguments.minutes, folders)
        before = time.process_time()
        measured = PARTS[name](work)
        print(f"{name}: {time.process_time() - before:.0f} s, {json.dumps(measured)}", flush=True)
        stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        stored[name] = measured
        stored |= {"photographs": [path.name for path in paths], **about()}
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
