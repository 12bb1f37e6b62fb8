"""Marks in photographs through edits: what is read exactly, and what it costs the picture.

    python -m benchmarks.robustness --opencv FOLDER [--packages SITE] [--set small|hard|large|other]

Each set adds its rows to ``benchmarks/results/robustness.json``; ``--minutes`` stops early, after
whole pictures, and says how many there were. ``small`` marks tiles of 128 by 128 pixels for the
usual channel, ``hard`` for JPEG of quality 50, ``large`` tiles of 512 by 512, ``other`` goes
through edits that nobody promised. scikit-image and scikit-learn are looked for in ``--packages``.
Exact means: the right message, opened under its key. No picture is left out because ``hide`` would
have refused it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attacks.edits import OTHER, PROMISED, Edit
from benchmarks.intervals import wilson
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from latebra.api.arranging import unseal
from latebra.api.opened import Secrets, open_reader
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.frame import Profile

RESULTS = Path(__file__).parent / "results" / "robustness.json"
KEY = Key(bytes(range(32)))
SEED = 55
SETS = {
    "small": (128, PROMISED, "jpeg75"),
    "hard": (128, PROMISED, "jpeg50"),
    "large": (512, PROMISED, "jpeg75"),
    "other": (256, OTHER, "jpeg50"),
}
"""Side of the tiles, what happens to them, and what their marks were made for."""


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    error = np.mean((one.astype(np.float64) - two) ** 2)
    return float(10 * np.log10(255**2 / error))


def ssim(one: np.ndarray, two: np.ndarray) -> float:
    """SSIM of the mean of the colours, windows of 7 by 7 (Wang et al. 2004, eq. (13))."""
    a, b = (x.astype(np.float64).mean(axis=2) for x in (one, two))

    def mean(x: np.ndarray) -> np.ndarray:
        sums = np.pad(x.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return (sums[7:, 7:] - sums[:-7, 7:] - sums[7:, :-7] + sums[:-7, :-7]) / 49

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    parts = (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(parts.mean())


class Ours:
    """The autoencoder carrier: 16 bytes and their seal."""

    bits = 128

    def __init__(self, compiler: str, channel: str) -> None:
        reader = open_reader("autoencoder", compiler, {}, threads=1)
        self.channel = channel
        self.carrier = reader.carrier
        self.secrets = Secrets("autoencoder", reader.digest, b"")
        self.stream = self.secrets.stream(KEY)
        self.count = 0

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        salt = self.count.to_bytes(2, "little")
        self.count += 1
        sealed = frame.seal(
            np.packbits(bits).tobytes(),
            self.secrets.binding(salt),
            key=KEY,
            profile=Profile.MICRO,
            room=24,
        )
        return self.carrier.embed(sealed, salt, self.stream, self.channel, cover=picture)

    def read(self, picture: np.ndarray) -> np.ndarray | None:
        for each in self.carrier.extract(picture, self.stream, [self.channel]):
            opened = unseal(each.frame, self.secrets.binding(each.salt), KEY, None)
            if opened is not None:
                return np.unpackbits(np.frombuffer(opened[1:], np.uint8))
        return None


def measured(
    scheme: Any,
    pictures: Any,
    edits: Mapping[str, Edit],
    minutes: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Returns what one scheme came to: quality, times, exact readings and wrong bits by edit."""
    rng = np.random.default_rng(SEED)
    rows: dict[str, dict[str, float]] = {
        name: {"exact": 0, "wrong_bits": 0.0, "read_s": 0.0} for name in edits
    }
    quality: list[list[float]] = []
    start = time.process_time()
    for number, picture in enumerate(pictures):
        if (time.process_time() - start) / 60 > minutes:
            break
        bits = rng.integers(0, 2, scheme.bits, dtype=np.uint8)
        before = time.process_time()
        marked = np.ascontiguousarray(scheme.mark(picture, bits))
        spent = time.process_time() - before
        quality.append([psnr(picture, marked), ssim(picture, marked), spent])
        for name, edit in edits.items():
            received = np.ascontiguousarray(edit(marked, rng))
            before = time.process_time()
            read = scheme.read(received)
            row = rows[name]
            row["read_s"] += time.process_time() - before
            right = read is not None and np.array_equal(read, bits)
            row["exact"] += right
            row["wrong_bits"] += 0.5 if read is None else float(np.mean(read != bits))
        if number % 20 == 19:
            say(f"{number + 1} pictures, {rows[next(iter(rows))]['exact']:.0f} read")
    count = len(quality)
    table = np.asarray(quality)
    return {
        "pictures": count,
        "bits": scheme.bits,
        "psnr": {"mean": round(table[:, 0].mean(), 2), "least": round(table[:, 0].min(), 2)},
        "ssim": {"mean": round(table[:, 1].mean(), 5), "least": round(table[:, 1].min(), 5)},
        "mark_s": round(table[:, 2].mean(), 4),
        "edits": {
            name: {
                "exact": int(row["exact"]),
                "share": round(row["exact"] / count, 4),
                "share_95": [round(x, 4) for x in wilson(int(row["exact"]), count)],
                "wrong_bits": round(row["wrong_bits"] / count, 4),
                "read_s": round(row["read_s"] / count, 4),
            }
            for name, row in rows.items()
        },
    }


def main() -> None:
    """Measure one set, and add it to the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--set", choices=SETS, default="small")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor, per scheme")
    parser.add_argument("--compiler", default="onnxruntime")
    arguments = parser.parse_args()
    paths = found(arguments.opencv, arguments.packages)
    side, edits, channel = SETS[arguments.set]

    def pictures() -> Any:
        return tiles(paths, arguments.count, side, SEED)

    def say(text: str) -> None:
        print(text, flush=True)

    results = {
        "latebra": measured(
            Ours(arguments.compiler, channel), pictures(), edits, arguments.minutes, say
        )
    }
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    held = {
        "side": side,
        "channel": channel,
        "photographs": [path.name for path in paths],
        "schemes": results,
    }
    stored.setdefault("sets", {})[arguments.set] = held | {"measured": about()}
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
