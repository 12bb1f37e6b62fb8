"""Who sees a mark without its key, and what it costs to take it away.

    python -m benchmarks.scrub --opencv FOLDER [--packages SITE] [--count 200]

Tiles of photographs, marked and not: the area under the ROC curve of ``latebra audit --blind``, as
they are and after edits, and how many of them it calls marked; then ``latebra scrub``, by each
carrier's own way: what can be read afterwards under the key, and what the picture has lost. Writes
``benchmarks/results/scrub.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from attacks.edits import OTHER, PROMISED
from attacks.rows import figures
from benchmarks.intervals import exact, wilson
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from benchmarks.robustness import Ours, psnr, ssim
from latebra.api.scrubbing import SHOWN
from latebra.hiding.audit import area

RESULTS = Path(__file__).parent / "results" / "scrub.json"
SEED = 61
KINDS = {
    "autoencoder, for jpeg75": ("autoencoder", "jpeg75"),
    "autoencoder, for jpeg50": ("autoencoder", "jpeg50"),
    "autoencoder, for png": ("autoencoder", "png"),
    "dense": ("dense", "png"),
}
EDITS = {name: {**PROMISED, **OTHER}[name] for name in ("nothing", "jpeg 75", "crop 0.8")}


def measured(name: str, channel: str, pictures: list[np.ndarray]) -> dict[str, Any]:
    """Returns what is seen of one carrier's marks, and what is left of them after scrubbing."""
    ours, rng = Ours("onnxruntime", channel, name), np.random.default_rng(SEED)
    carrier = ours.carrier
    marked, scrubbed, plain, quality = [], [], [], []
    read = before = 0
    for picture in pictures:
        bits = rng.integers(0, 2, ours.bits, dtype=np.uint8)
        mark = ours.mark(picture, bits)
        clean = np.asarray(carrier.scrubbed(mark, rng))
        before += ours.read(mark) is not None
        read += ours.read(clean) is not None
        marked.append(mark)
        scrubbed.append(clean)
        unmarked = np.asarray(carrier.scrubbed(picture, rng))
        quality.append([psnr(mark, clean), ssim(mark, clean), psnr(picture, unmarked)])
        plain.append(picture)
    table, count = np.asarray(quality), len(pictures)
    told: dict[str, Any] = {
        "pictures": count,
        "read_before": before,
        "read_after": read,
        "read_after_95": [round(x, 4) for x in exact(read, count)],
        "psnr": round(float(table[:, 0].mean()), 2),
        "ssim": round(float(table[:, 1].mean()), 4),
        "psnr_of_unmarked": round(float(table[:, 2].mean()), 2),
    }
    if carrier.shows:
        told["seen"] = {
            edit: seen(carrier, *([made(each, rng) for each in kind] for kind in (marked, plain)))
            for edit, made in EDITS.items()
        }
        told["seen"]["scrubbed"] = seen(carrier, scrubbed, plain)
    print(name, channel, json.dumps(told), flush=True)
    return told


def seen(carrier: Any, marked: list[np.ndarray], plain: list[np.ndarray]) -> dict[str, Any]:
    """Returns how well a look without a key tells marked pictures from others."""
    rows = [[carrier.trace(each) for each in kind] for kind in (marked, plain)]
    scores = [np.array([row.statistic for row in kind]) for kind in rows]
    hits, alarms = (sum(row.p_value < SHOWN for row in kind) for kind in rows)
    return {
        **figures(area(*scores)),
        "called_marked": int(hits),
        "called_marked_95": [round(x, 4) for x in wilson(int(hits), len(marked))],
        "false_alarms": int(alarms),
    }


def main() -> None:
    """Measure all kinds, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=256)
    arguments = parser.parse_args()
    paths = found(arguments.opencv, arguments.packages)
    pictures = list(tiles(paths, arguments.count, arguments.side, SEED))
    report = {
        "side": arguments.side,
        "shown": SHOWN,
        "photographs": [path.name for path in paths],
        "kinds": {label: measured(*how, pictures) for label, how in KINDS.items()},
        "measured": about(),
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
