"""Paint pictures with and without a message, send them, read them back: what comes through exactly.

    python -m benchmarks.pictures paint FOLDER --channel png --count 1000 [--first 0]
    python -m benchmarks.pictures paint FOLDER --evidence --count 1000
    python -m benchmarks.pictures paint FOLDER --covers --count 1000
    python -m benchmarks.pictures report FOLDER

``paint`` may run in several processes, each with its own ``--first``. Frames fill the largest room
of their channel and hold random messages; nothing is verified first and nothing painted twice. All
pictures share one key and one context. Evidence for steganalysers is painted with the smallest
room instead, whose code has the most redundancy and so the most to find. ``report`` writes
``benchmarks/results/recovery.json``, and ``FOLDER/evidence.npz`` for ``benchmarks.detection``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from attacks.bits import Places
from benchmarks.intervals import wilson
from benchmarks.machine import about
from latebra.api.opened import Secrets, digest_of, models, open_reader
from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.hiding import frame, parts
from latebra.hiding.carriers.diffusion import SIDE, Diffusion
from latebra.hiding.channel import basis
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.table import Room
from latebra.hiding.frame import Profile
from latebra.hiding.media.passage import send

RESULT = Path(__file__).parent / "results" / "recovery.json"
KEY = Key(bytes(range(32)))
CONTEXT = b"benchmarks/pictures"
MORE_THAN_THE_CODE = 64
"""How many more vectors than the code has message bits the rank test gets: it needs more."""
SECRETS = Secrets("diffusion", digest_of([models["small_photographs"]]), CONTEXT)


def paint(
    folder: Path, channel: str, kind: str, count: int, first: int, *, evidence: bool = False
) -> None:
    """Writes one archive of ``count`` pictures that carry frames."""
    carrier = open_reader("diffusion", "ngraph", {"kind": kind}, threads=1).carrier
    assert isinstance(carrier, Diffusion)
    modem = Modem(carrier.table(channel, kind), SECRETS.stream(KEY).child(channel))
    room = modem.table.rooms[0 if evidence else -1].size
    length = frame.largest(room, Profile.COMPACT) - parts.SINGLE_OVERHEAD
    rng = np.random.default_rng([len(channel), first])
    kept: dict[str, list[np.ndarray]] = {"noise": [], "latents": [], "pictures": []}
    exact, clipped = [], []
    for _ in range(count):
        salt, message = rng.bytes(modem.table.word.salt_bytes), rng.bytes(length)
        binding = SECRETS.binding(salt)
        sealed = frame.seal(message, binding, key=KEY, profile=Profile.COMPACT, room=room)
        noise = modem.modulate(sealed, salt)
        picture = carrier.paint(basis.inverse(noise[None], SIDE), kind)[0]
        received = send(picture, channel, rng)
        latents = basis.forward(carrier.invert(received[None], kind))[0]
        exact.append(any(_opens(found, message) for found in modem.demodulate(latents)))
        clipped.append(float(((picture == 0) | (picture == 255)).mean()))
        kept["noise"].append(noise.astype(np.float16))
        kept["latents"].append(latents.astype(np.float16))
        kept["pictures"].append(picture.transpose(2, 0, 1))
    arrays = {name: np.stack(rows) for name, rows in kept.items()} if evidence else {}
    side = "evidence" if evidence else "stego"
    name = folder / f"{side}-{channel}-{kind}-{first}.npz"
    np.savez(name, exact=exact, clipped=clipped, room=room, length=length, **arrays)
    print(f"{name.name}: {sum(exact)} of {count} exact, {8 * length} bit", flush=True)


def paint_covers(folder: Path, kind: str, count: int, first: int) -> None:
    """Writes one archive of ``count`` pictures without a message."""
    carrier = open_reader("diffusion", "ngraph", {"kind": kind}, threads=1).carrier
    assert isinstance(carrier, Diffusion)
    rng = np.random.default_rng([77, first])
    noise = rng.standard_normal((count, 3, SIDE, SIDE), np.float32)
    pictures = carrier.paint(noise, kind)
    latents = basis.forward(carrier.invert(pictures, kind))
    np.savez(
        folder / f"cover-{kind}-{first}.npz",
        noise=basis.forward(noise).astype(np.float16),
        latents=latents.astype(np.float16),
        pictures=pictures.transpose(0, 3, 1, 2),
    )


def written(modem: Modem, room: Room, count: int) -> np.ndarray:
    """Returns the coded bits of ``count`` vectors of one key, as modulated, packed row by row."""
    dims, planes = modem.layout(room)
    places = Places(dims, planes, modem.table.depths[dims].astype(np.int64))
    length = frame.largest(room.size, Profile.COMPACT) - parts.SINGLE_OVERHEAD
    rng = np.random.default_rng(78)
    rows: list[np.ndarray] = []
    for _ in range(count):
        salt, message = rng.bytes(modem.table.word.salt_bytes), rng.bytes(length)
        binding = SECRETS.binding(salt)
        sealed = frame.seal(message, binding, key=KEY, profile=Profile.COMPACT, room=room.size)
        bits = places.read(modem.modulate(sealed, salt)[None])
        rows.append(np.packbits(bits, axis=1)[0])
    return np.stack(rows)


def report(folder: Path) -> None:
    """Writes what came through, and the steganalysers' evidence."""
    rows: dict[str, dict[str, object]] = {}
    names = sorted({path.stem.rsplit("-", 1)[0] for path in folder.glob("stego-*.npz")})
    for name in names:
        archives = [np.load(path) for path in sorted(folder.glob(f"{name}-*.npz"))]
        exact = np.concatenate([archive["exact"] for archive in archives])
        clipped = np.concatenate([archive["clipped"] for archive in archives])
        failures = int((~exact).sum())
        rows[name.removeprefix("stego-")] = {
            "pictures": len(exact),
            "message_bits": 8 * int(archives[0]["length"]),
            "frame_bits": 8 * int(archives[0]["room"]),
            "exact": int(exact.sum()),
            "failure_rate": failures / len(exact),
            "failure_rate_95": wilson(failures, len(exact)),
            "clipped_values": float(clipped.mean()),
        }
    about_run = {
        "compiler": "ngraph",
        "before_verification": True,
        "steps": "RK4, see diffusion.py",
    }
    RESULT.write_text(json.dumps({**about(), **about_run, "channels": rows}, indent=1) + "\n")
    print(json.dumps(rows, indent=1))
    stego = [np.load(path) for path in sorted(folder.glob("evidence-png-bark-*.npz"))]
    covers = [np.load(path) for path in sorted(folder.glob("cover-bark-*.npz"))]
    if not stego or not covers:
        return
    modem = Modem(Diffusion.table("png", "bark"), SECRETS.stream(KEY).child("png"))
    room = modem.table.rooms[0]
    dims, planes = modem.layout(room)
    evidence = {
        f"{side}_{what}": np.concatenate([archive[what] for archive in archives])
        for side, archives in (("stego", stego), ("cover", covers))
        for what in ("latents", "noise", "pictures")
    }
    np.savez(
        folder / "evidence.npz",
        stego_bits=written(modem, room, 8 * room.size + MORE_THAN_THE_CODE),
        message_bits=8 * room.size,
        coded_dims=dims,
        coded_planes=planes,
        coded_depths=modem.table.depths[dims],
        **evidence,
    )


def main() -> None:
    """Paints, or reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["paint", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--channel", default="png")
    parser.add_argument("--covers", action="store_true")
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--kind", default="bark")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="seed, and part of the file's name")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.what == "report":
        report(arguments.folder)
    elif arguments.covers:
        paint_covers(arguments.folder, arguments.kind, arguments.count, arguments.first)
    else:
        paint(
            arguments.folder,
            arguments.channel,
            arguments.kind,
            arguments.count,
            arguments.first,
            evidence=arguments.evidence,
        )


def _opens(found: Found, message: bytes) -> bool:
    try:
        opened = frame.unseal(
            found.frame, SECRETS.binding(found.salt), key=KEY, profile=Profile.COMPACT
        )
    except NothingRevealed:
        return False
    return opened.message == message


if __name__ == "__main__":
    main()
