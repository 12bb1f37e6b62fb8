"""Marks in photographs through edits: what is read exactly, and what it costs the picture.

    python -m benchmarks.robustness --opencv FOLDER [--packages SITE] [--set small|hard|large|dense]
    python -m benchmarks.robustness --draw

Each set adds its rows to ``benchmarks/results/robustness.json``; ``--minutes`` stops early, after
whole pictures, and says how many there were; ``--others`` sends fewer of them through edits that
nobody promised, where reading in vain takes long. ``small`` marks tiles of 128 by 128 pixels for
the usual channel, ``hard`` for JPEG of quality 50, ``large`` tiles of 512 by 512; ``dense`` is the
other carrier of photographs, which promises nothing but PNG. All go through every edit of
``attacks``: those that were promised, others, painting anew, copies that are averaged, and less
what the other tiles have left over in common. scikit-image and scikit-learn are looked for in
``--packages``. Exact means: the right message, opened under its key. No picture is left out because
``hide`` would have refused it. ``--draw`` makes the heat maps of the page.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attacks.edits import OTHER, PROMISED, Edit, Picture
from attacks.regeneration import REGENERATED
from attacks.together import COPIES, averaged, left_over, without
from benchmarks.intervals import wilson
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from latebra.api.arranging import arrange, profile_of, unseal
from latebra.api.opened import Secrets, open_reader
from latebra.core.keys import Key
from latebra.hiding import frame

RESULTS = Path(__file__).parent / "results" / "robustness.json"
KEY = Key(bytes(range(32)))
SEED = 55
SETS = {
    "small": (128, "autoencoder", "jpeg75"),
    "hard": (128, "autoencoder", "jpeg50"),
    "large": (512, "autoencoder", "jpeg75"),
    "dense": (128, "dense", "png"),
}
"""Side of the tiles, who marks them, and for what."""
EDITS: Mapping[str, Edit] = {**PROMISED, **OTHER, **REGENERATED}
MEANS = {f"mean of {count} copies": count for count in COPIES}
SHARED = "less what all tiles share"


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
    """A carrier of photographs: 16 bytes and their seal.

    Args:
        compiler: What runs its networks.
        channel: What marks are made for.
        name: The carrier's id.
    """

    bits = 128

    def __init__(self, compiler: str, channel: str, name: str = "autoencoder") -> None:
        reader = open_reader(name, compiler, {}, threads=1)
        self.channel = channel
        self.carrier = reader.carrier
        self.secrets = Secrets(name, reader.digest, b"")
        self.stream = self.secrets.stream(KEY)
        self.count = 0

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        salt = self.count.to_bytes(self.carrier.salt_bytes(self.channel), "little")
        self.count += 1
        rooms = self.carrier.rooms(self.channel, picture)
        profile = profile_of(rooms, full=False)
        message = np.packbits(bits).tobytes()
        room, (content,) = arrange(message, rooms, profile, single=True)
        sealed = frame.seal(
            content, self.secrets.binding(salt), key=KEY, profile=profile, room=room
        )
        made = self.carrier.embed(sealed, salt, self.stream, self.channel, cover=picture)
        return np.asarray(made)

    def read(self, picture: np.ndarray) -> np.ndarray | None:
        for each in self.carrier.extract(picture, self.stream, [self.channel]):
            opened = unseal(each.frame, self.secrets.binding(each.salt), KEY, None)
            if opened is not None:
                return np.unpackbits(np.frombuffer(opened[1:], np.uint8))
        return None


def measured(
    scheme: Any,
    pictures: Iterable[Picture],
    edits: Mapping[str, Edit],
    minutes: float,
    say: Callable[[str], None],
    *,
    others: int | None = None,
    together: bool = False,
) -> dict[str, Any]:
    """Returns what one scheme came to: quality, times, exact readings and wrong bits by edit.

    Args:
        scheme: With ``bits``, ``mark`` and ``read``.
        pictures: What it marks.
        edits: What happens to each picture.
        minutes: Of the processor, after which no other picture is begun.
        say: Told how far it is.
        others: How many pictures go through edits that nobody promised; None for all.
        together: Whether pictures are averaged too.
    """
    rng = np.random.default_rng(SEED)
    names = [*edits, *(MEANS if together else ()), *([SHARED] if together else ())]
    rows = {name: {"of": 0, "exact": 0, "wrong_bits": 0.0, "read_s": 0.0} for name in names}
    quality: list[list[float]] = []
    kept: list[tuple[np.ndarray, Picture]] = []
    start = time.process_time()

    def tried(name: str, received: np.ndarray, bits: np.ndarray) -> None:
        before = time.process_time()
        read = scheme.read(np.ascontiguousarray(received))
        row = rows[name]
        row["read_s"] += time.process_time() - before
        row["of"] += 1
        row["exact"] += read is not None and np.array_equal(read, bits)
        row["wrong_bits"] += 0.5 if read is None else float(np.mean(read != bits))

    for number, picture in enumerate(pictures):
        if (time.process_time() - start) / 60 > minutes:
            break
        bits = rng.integers(0, 2, scheme.bits, dtype=np.uint8)
        before = time.process_time()
        marked = np.ascontiguousarray(scheme.mark(picture, bits))
        spent = time.process_time() - before
        quality.append([psnr(picture, marked), ssim(picture, marked), spent])
        all_edits = others is None or number < others
        for name, edit in edits.items():
            if all_edits or name in PROMISED:
                tried(name, edit(marked, rng), bits)
        if together and all_edits:
            kept.append((bits, marked))
            copies = [marked]
            for name, count in MEANS.items():
                while len(copies) < count:
                    other = rng.integers(0, 2, scheme.bits, dtype=np.uint8)
                    copies.append(scheme.mark(picture, other))
                tried(name, averaged(copies), bits)
        if number % 20 == 19:
            say(f"{number + 1} pictures, {rows[next(iter(rows))]['exact']:.0f} read")
    count = len(quality)
    left = [left_over(marked) for _, marked in kept]
    for (bits, marked), own in zip(kept, left, strict=True):
        shared = (np.sum(left, axis=0) - own) / max(len(left) - 1, 1)
        tried(SHARED, without(marked, shared), bits)
    table = np.asarray(quality)
    return {
        "pictures": count,
        "bits": scheme.bits,
        "psnr": {"mean": round(table[:, 0].mean(), 2), "least": round(table[:, 0].min(), 2)},
        "ssim": {"mean": round(table[:, 1].mean(), 5), "least": round(table[:, 1].min(), 5)},
        "mark_s": round(table[:, 2].mean(), 4),
        "edits": {
            name: {
                "pictures": int(row["of"]),
                "exact": int(row["exact"]),
                "share": round(row["exact"] / row["of"], 4),
                "share_95": [round(x, 4) for x in wilson(int(row["exact"]), int(row["of"]))],
                "wrong_bits": round(row["wrong_bits"] / row["of"], 4),
                "read_s": round(row["read_s"] / row["of"], 4),
            }
            for name, row in rows.items()
        },
    }


def main() -> None:
    """Measure one set, and add it to the results; or draw what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--set", choices=SETS, default="small")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--others", type=int, help="tiles for edits that nobody promised")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor, per scheme")
    parser.add_argument("--compiler", default="onnxruntime")
    parser.add_argument("--draw", action="store_true")
    arguments = parser.parse_args()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.draw:
        from benchmarks.heat import draw  # Needs matplotlib.

        draw(stored["sets"])
        return
    paths = found(arguments.opencv, arguments.packages)
    side, carrier, channel = SETS[arguments.set]

    def say(text: str) -> None:
        print(text, flush=True)

    ours = Ours(arguments.compiler, channel, carrier)
    pictures = tiles(paths, arguments.count, side, SEED)
    stored.setdefault("sets", {})[arguments.set] = {
        "side": side,
        "carrier": carrier,
        "channel": channel,
        "photographs": [path.name for path in paths],
        "schemes": {
            "latebra": measured(
                ours,
                pictures,
                EDITS,
                arguments.minutes,
                say,
                others=arguments.others,
                together=True,
            )
        },
        "measured": about(),
    }
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
