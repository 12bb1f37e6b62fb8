"""The picture model's pictures: how much they hold, how long they take, what comes back.

    python -m benchmarks.pixels paint FOLDER [--count 100] [--first 0] [--compiler ID]
    python -m benchmarks.pixels report FOLDER

``paint`` may run in several turns, each with its own ``--first``. Each picture carries a random
message in a frame of the largest room, under one key, and is read back; nothing is verified first
and nothing painted twice. What a picture holds is the number of bits that its greys settle, salt
and frame and the coin flips after them: its information but for two bits. An ordinary picture is
drawn beside each, for a test that both hold alike.

``report`` writes ``benchmarks/results/pixels.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import latebra as lb
from benchmarks.intervals import wilson
from benchmarks.machine import about
from latebra.api.opened import Secrets, open_reader
from latebra.core.errors import NothingRevealed
from latebra.hiding import frame, parts
from latebra.hiding.audit.fit import kolmogorov_smirnov_pair
from latebra.hiding.carriers.pixels import SALT, SIDE, SIZES, Pixels
from latebra.hiding.frame import Profile
from latebra.hiding.pixels import dense

RESULT = Path(__file__).parent / "results" / "pixels.json"
KEY = lb.Key(bytes(range(32)))


def paint(folder: Path, count: int, first: int, compiler: str) -> None:
    """Writes one archive of what ``count`` pictures came to."""
    reader = open_reader("pixels", compiler, {}, threads=1)
    carrier = reader.carrier
    assert isinstance(carrier, Pixels)
    secrets = Secrets("pixels", reader.digest, b"benchmarks/pixels")
    rng = np.random.default_rng([3, first])
    length = frame.largest(SIZES[-1], Profile.COMPACT) - parts.SINGLE_OVERHEAD
    kept: dict[str, list[float]] = {
        name: [] for name in ("exact", "stego", "ordinary", "write_s", "read_s")
    }
    carrier.extract(carrier.sample(rng), secrets.stream(KEY), ["png"])  # Compiles the kernels.
    for _ in range(count):
        salt, message = rng.bytes(SALT), rng.bytes(length)
        sealed = frame.seal(
            message, secrets.binding(salt), key=KEY, profile=Profile.COMPACT, room=SIZES[-1]
        )
        start = time.process_time()
        picture = carrier.embed(sealed, salt, secrets.stream(KEY), "png")
        wrote = time.process_time()
        kept["exact"].append(reads(carrier, picture, secrets, message))
        kept["read_s"].append(time.process_time() - wrote)
        kept["write_s"].append(wrote - start)
        kept["stego"].append(settled(carrier, np.asarray(picture)))
        kept["ordinary"].append(settled(carrier, np.asarray(carrier.sample(rng))))
    np.savez(folder / f"{first}.npz", length=length, compiler=compiler, **kept)
    print(f"{first}: {sum(kept['exact'])} of {count} exact, {min(kept['stego'])} bits", flush=True)


def report(folder: Path) -> None:
    """Writes what all archives came to."""
    archives = [np.load(path) for path in sorted(folder.glob("*.npz"))]
    names = ("exact", "stego", "ordinary", "write_s", "read_s")
    exact, stego, ordinary, write_s, read_s = (
        np.concatenate([archive[name] for archive in archives]) for name in names
    )
    wanted, length = 8 * (SALT + SIZES[-1]), int(archives[0]["length"])
    told: dict[str, Any] = {
        "compiler": str(archives[0]["compiler"]),
        "before_verification": True,
        "pictures": len(exact),
        "message_bits": 8 * length,
        "message_bits_a_pixel": round(8 * length / SIDE**2, 2),
        "salt_and_frame_bits": wanted,
        "bits_a_pixel": round(wanted / SIDE**2, 2),
        "exact": int(exact.sum()),
        "failure_rate_95": wilson(int(len(exact) - exact.sum()), len(exact)),
        "holds_a_pixel": {
            name: {
                "mean": round(float(bits.mean()) / SIDE**2, 3),
                "least": round(float(bits.min()) / SIDE**2, 3),
                "most": round(float(bits.max()) / SIDE**2, 3),
            }
            for name, bits in (("stego", stego), ("ordinary", ordinary))
        },
        "held_alike_p": kolmogorov_smirnov_pair(
            stego.astype(np.float32), ordinary.astype(np.float32)
        )[1],
        "own_processor_seconds": {
            "write": round(float(np.median(write_s)), 4),
            "read": round(float(np.median(read_s)), 4),
        },
    }
    RESULT.write_text(json.dumps({**about(), **told}, indent=1) + "\n")
    print(json.dumps(told, indent=1))


def reads(carrier: Pixels, picture: Any, secrets: Secrets, message: bytes) -> bool:
    """Does the message come back?"""
    for found in carrier.extract(picture, secrets.stream(KEY), ["png"]):
        try:
            held = frame.unseal(
                found.frame, secrets.binding(found.salt), key=KEY, profile=Profile.COMPACT
            )
        except NothingRevealed:
            continue
        return held.message == message
    return False


def settled(carrier: Pixels, picture: np.ndarray) -> int:
    """Returns how many bits a picture's greys settle."""
    return dense.read(carrier.model, picture[:, :, 0].astype(np.int64) // 4).size


def main() -> None:
    """Paints, or reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["paint", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed, and the file's name")
    parser.add_argument("--compiler", default="onnxruntime")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.what == "report":
        report(arguments.folder)
    else:
        paint(arguments.folder, arguments.count, arguments.first, arguments.compiler)


if __name__ == "__main__":
    main()
