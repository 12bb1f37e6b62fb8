"""Signed photographs: what is verified after edits, and what forgers get past the check.

    python -m benchmarks.provenance --opencv FOLDER [--packages SITE] [--part NAME] [--minutes N]

Each part adds its rows to ``benchmarks/results/provenance.json``; ``--minutes`` of the processor
stop a part early, after whole pictures, and it says how many there were. Photographs are those of
``benchmarks.photographs``; none was trained on, and the hash's thresholds were chosen on others
(mate-backgrounds, tuxpaint-data).

kept       marked pictures through edits: is the mark read, is the picture taken for itself
others     hashes against pictures of other photographs, whole and cut
copied     the bits of one marked picture painted into another
averaged   the same, of many pictures that carry the same bits
residual   what a mark changed in one picture, added to another; and the mean of that over many
pasted     a square of another photograph in a signed one
disguised  another photograph, changed on purpose until its hash is that of a signed one
times      how long signing and checking take
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attacks.edits import PROMISED
from attacks.forgeries import bits_of, disguised, painted, pasted
from benchmarks.intervals import exact, wilson
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from benchmarks.robustness import psnr
from latebra.api.arranging import unseal
from latebra.api.opened import Secrets, open_reader
from latebra.core.errors import DoesNotFit
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.frame import Profile
from latebra.hiding.provenance import short_hash
from latebra.hiding.provenance.picture_hash import PictureHash

RESULTS = Path(__file__).parent / "results" / "provenance.json"
KEY = Key(bytes(range(32)))
SEED = 77
SIDES = (128, 256)
MANY = 64
"""Marked pictures that a forger averages."""
COUNT = 1000
"""Forgeries of each kind."""
LOOKED = 40
"""Of those that are expected to carry nothing, how many are searched for a mark."""


@dataclass(frozen=True)
class Marked:
    """A picture with a mark of its own.

    Args:
        photograph: Which photograph it is of.
        cover: Before.
        pixels: After.
        message: What the mark says: a name, and the short hash.
        hash: What the record would say it looks like.
    """

    photograph: int
    cover: np.ndarray
    pixels: np.ndarray
    message: bytes
    hash: PictureHash


class Signer:
    """Marks pictures, and reads them."""

    def __init__(self, compiler: str) -> None:
        reader = open_reader("autoencoder", compiler, {}, threads=1)
        self.carrier: Any = reader.carrier
        self.secrets = Secrets("autoencoder", reader.digest, b"provenance 1")
        self.stream = self.secrets.stream(KEY)
        self.count = 0

    def mark(self, photograph: int, cover: np.ndarray) -> Marked | None:
        """Returns the picture with a mark; None where ``sign`` would refuse what it shows."""
        try:
            hashed = PictureHash.of(cover)
        except DoesNotFit:
            return None
        message = os.urandom(8) + short_hash.short_hash(cover)
        self.count += 1
        salt = (self.count % 65536).to_bytes(2, "little")
        return Marked(photograph, cover, self.put(message, salt, cover), message, hashed)

    def put(self, message: bytes, salt: bytes, cover: np.ndarray) -> np.ndarray:
        sealed = frame.seal(
            message, self.secrets.binding(salt), key=KEY, profile=Profile.MICRO, room=24
        )
        return self.carrier.embed(sealed, salt, self.stream, "jpeg75", cover=cover)

    def read(self, picture: np.ndarray) -> bytes | None:
        for each in self.carrier.extract(picture, self.stream, ["jpeg75"]):
            opened = unseal(each.frame, self.secrets.binding(each.salt), KEY, None)
            if opened is not None:
                return opened[1:]
        return None


class Work:
    """Photographs, a signer, and a limit of time."""

    def __init__(self, paths: list[Path], signer: Signer, minutes: float) -> None:
        self.paths, self.signer = paths, signer
        self._end = time.process_time() + 60 * minutes
        self.rng = np.random.default_rng(SEED)

    def over(self) -> bool:
        return time.process_time() > self._end

    def pictures(self, count: int, side: int, seed: int = SEED) -> Iterator[tuple[int, np.ndarray]]:
        """Yields pictures with the number of their photograph."""
        for number, picture in enumerate(tiles(self.paths, count, side, seed)):
            yield number % len(self.paths), picture

    def marked(self, count: int, side: int, seed: int = SEED) -> list[Marked]:
        made = (self.signer.mark(*each) for each in self.pictures(count, side, seed))
        return [each for each in made if each is not None]

    def strangers(self, marked: list[Marked], count: int) -> Iterator[tuple[Marked, np.ndarray]]:
        """Yields marked pictures, each with a picture of another photograph."""
        side = marked[0].cover.shape[0]
        for photograph, picture in self.pictures(2 * count, side, SEED + 1):
            mine = marked[int(self.rng.integers(len(marked)))]
            if mine.photograph == photograph:
                continue
            if count == 0 or self.over():
                return
            count -= 1
            yield mine, picture


def rate(count: int, of: int, interval: Callable[[int, int], list[float]] = wilson) -> Any:
    return {"count": count, "of": of, "share_95": [round(x, 6) for x in interval(count, of)]}


def kept(work: Work) -> Any:
    """What comes of signed pictures after edits, by their side."""
    results: dict[str, Any] = {}
    for side, count in zip(SIDES, (80, 32), strict=True):
        rows = {name: {"read": 0, "alike": 0, "verified": 0, "short": 0} for name in PROMISED}
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
                read = work.signer.read(received) == mine.message
                compared = mine.hash.compare(received)
                short = short_hash.short_distance(mine.message[8:], received)
                row = rows[name]
                row["read"] += read
                row["alike"] += compared.alike
                row["verified"] += read and compared.alike
                row["short"] += short <= short_hash.NEAR
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
    for side, count in zip(SIDES, (3000, 1000), strict=True):
        hashes = []
        for photograph, picture in work.pictures(300, side):
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
            share = work.rng.choice([1.0, 1.0, 0.9, 0.75])
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


def _judged(work: Work, forged: Iterator[tuple[Marked, np.ndarray]], read: int) -> Any:
    """What forgeries come to: with the hash, with the short one, and with neither (the control).

    What the hash refuses is refused whether its mark is read or not. So the mark of the first
    ``read`` forgeries is looked for, which takes long where there is none, and of those that the
    hash lets pass.
    """
    of = looked = unbound = bound = short = 0
    for mine, forgery in forged:
        picture = np.ascontiguousarray(forgery)
        alike = mine.hash.compare(picture).alike
        near = short_hash.short_distance(mine.message[8:], picture) <= short_hash.NEAR
        of += 1
        if of <= read or alike or near:
            carried = work.signer.read(picture) == mine.message
            if of <= read:
                looked += 1
                unbound += carried
            bound += carried and alike
            short += carried and near
    return {
        "accepted": rate(bound, of, exact),
        "accepted_without_record": rate(short, of, exact),
        "accepted_without_binding": rate(unbound, looked, exact),
    }


def copied(work: Work) -> Any:
    """The bits that anybody reads, painted into another photograph."""
    marked = work.marked(100, SIDES[0])

    def forged() -> Iterator[tuple[Marked, np.ndarray]]:
        for mine, other in work.strangers(marked, COUNT):
            yield (
                mine,
                painted(work.signer.carrier, bits_of(work.signer.carrier, [mine.pixels]), other),
            )

    return _judged(work, forged(), COUNT)


def averaged(work: Work) -> Any:
    """The same, of many pictures with one mark: what a signer has whose marks are not bound."""
    marked = work.marked(100, SIDES[0])
    message, salt = marked[0].message, b"ab"
    same = [work.signer.put(message, salt, each.cover) for each in marked[1 : 1 + MANY]]
    bits = bits_of(work.signer.carrier, same)

    def forged() -> Iterator[tuple[Marked, np.ndarray]]:
        for _, other in work.strangers(marked[:1], COUNT):
            yield marked[0], painted(work.signer.carrier, bits, other)

    return {"averaged": MANY, **_judged(work, forged(), COUNT)}


def residual(work: Work) -> Any:
    """What was painted in one picture, or in many on average, added to another photograph."""
    marked = work.marked(100, SIDES[0])
    same = [work.signer.put(marked[0].message, b"ab", each.cover) for each in marked[1 : 1 + MANY]]
    pairs = zip(same, marked[1 : 1 + MANY], strict=True)
    mean = np.mean([pixels.astype(float) - each.cover for pixels, each in pairs], axis=0)

    def sums(*, many: bool) -> Iterator[tuple[Marked, np.ndarray]]:
        for mine, other in work.strangers(marked[:1] if many else marked, COUNT):
            added = mean if many else mine.pixels.astype(float) - mine.cover
            yield mine, np.clip(np.rint(other + added), 0, 255).astype(np.uint8)

    return {
        "of one": _judged(work, sums(many=False), LOOKED),
        "mean": _judged(work, sums(many=True), LOOKED),
    }


def pasted_in(work: Work) -> Any:
    """How often a square of another photograph in a signed one is noticed."""
    results: dict[str, Any] = {}
    for side in SIDES:
        marked = work.marked(40, side)
        for share in (0.5, 0.25, 0.125, 0.0625):
            noticed = of = 0
            for mine, other in work.strangers(marked, 200):
                of += 1
                noticed += not mine.hash.compare(pasted(mine.pixels, other, share, work.rng)).alike
            results.setdefault(str(side), {})[str(share)] = rate(noticed, of)
    return results


def disguised_as(work: Work) -> Any:
    """What it costs a picture to be changed on purpose until the hash takes it for another."""
    results: dict[str, Any] = {}
    for side in SIDES:
        marked = work.marked(40, side)
        costs = []
        of = 0
        for mine, other in work.strangers(marked, 50):
            of += 1
            made = disguised(mine.hash, other)
            if made is not None:
                costs.append(psnr(other, made))
        results[str(side)] = {
            "accepted": rate(len(costs), of, exact),
            "psnr": {
                name: round(float(np.quantile(costs, q)), 1)
                for name, q in (("median", 0.5), ("best", 1.0))
            },
        }
    return results


def times(work: Work) -> Any:
    """Seconds of the processor for one picture, by its side."""
    results: dict[str, Any] = {}
    for side in (128, 512, 1000):
        pictures = list(tiles(work.paths, 5, min(side, max(SIDES)), SEED))
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
    from PIL import Image

    with Image.open(path) as image:
        return min(image.size)


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


PARTS = {
    "copied": copied,
    "averaged": averaged,
    "kept": kept,
    "others": others,
    "pasted": pasted_in,
    "disguised": disguised_as,
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
        work = Work(paths, Signer(arguments.compiler), arguments.minutes)
        before = time.process_time()
        measured = PARTS[name](work)
        print(f"{name}: {time.process_time() - before:.0f} s, {json.dumps(measured)}", flush=True)
        stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        stored[name] = measured
        stored |= {"photographs": [path.name for path in paths], **about()}
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
