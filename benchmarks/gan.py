"""Paint pictures with the GAN, send them, read them: what comes back exactly, and how sure it was.

    python -m benchmarks.gan [--count 1002] [--compiler ID] [--channels ID ...]
    python -m benchmarks.gan --evidence FILE [--count 1000]

Every picture holds a random message in a frame of its channel's largest room, under one key; kinds
take turns. Nothing is verified first and nothing painted twice. The same pictures are read once
more with the calibration's noise in place of what the extractor says of each picture. What the
extractor said is held against what was sent: the mean square of its errors in units of its own
standard deviation, which is 1 where it is right. The squared length of the latents that were sent
is held against the chi-square distribution's.

Writes ``benchmarks/results/gan.json``, channel by channel; with ``--evidence`` an archive for
``benchmarks.detection`` instead: pictures saved without loss, whose frames have the smallest room,
and as many ordinary ones.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import latebra as lb
from benchmarks.intervals import wilson
from benchmarks.machine import about
from latebra.api.opened import Secrets, open_reader
from latebra.core.errors import NothingRevealed
from latebra.hiding import frame, parts
from latebra.hiding.carriers.gan import DIMS, KINDS, SIZES, Gan, observed, trusted
from latebra.hiding.channel import gaussian
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.frame import Profile
from latebra.hiding.media.passage import send

RESULT = Path(__file__).parent / "results" / "gan.json"
KEY = lb.Key(bytes(range(32)))


def opens(found: Iterator[Found], secrets: Secrets, message: bytes) -> bool:
    """Does any of these frames hold the message?"""
    for each in found:
        try:
            opened = frame.unseal(
                each.frame, secrets.binding(each.salt), key=KEY, profile=Profile.COMPACT
            )
        except NothingRevealed:
            continue
        return opened.message == message
    return False


def measure(channel: str, count: int, carriers: dict[str, Gan], secrets: Secrets) -> dict[str, Any]:
    """Returns what ``count`` pictures came to."""
    table = Gan.table(channel)
    modem = Modem(table, secrets.stream(KEY).child(channel))
    room = table.rooms[-1].size
    length = frame.largest(room, Profile.COMPACT) - parts.SINGLE_OVERHEAD
    rng = np.random.default_rng([11, len(channel), room])
    exact, by_table = [], []
    errors, told, lengths, seconds = [], [], [], []
    for number in range(count):
        carrier = carriers[KINDS[number % len(KINDS)]]
        salt, message = rng.bytes(table.word.salt_bytes), rng.bytes(length)
        sealed = frame.seal(
            message, secrets.binding(salt), key=KEY, profile=Profile.COMPACT, room=room
        )
        start = time.process_time()
        sent = modem.modulate(sealed, salt)
        picture = carrier.paint(sent[None])[0]
        received = send(picture, channel, rng)
        mean, variance = (rows[0] for rows in carrier.look(received[None]))
        variance = trusted(variance, channel)
        seen, noise = observed(mean, variance)
        exact.append(opens(modem.demodulate(seen, noise), secrets, message))
        seconds.append(time.process_time() - start)
        plain, _ = observed(mean, 1 - 1 / (1 + table.noise**2))
        by_table.append(opens(modem.demodulate(plain), secrets, message))
        errors.append((sent - mean) ** 2 / variance)
        lengths.append(float(sent @ sent))
        told.append([informed(table.depths, sent, seen, each) for each in (noise, table.noise)])
    failures, plainly = count - sum(exact), count - sum(by_table)
    own, common = np.mean(told, axis=0)
    return {
        "pictures": count,
        "frame_bits": 8 * room,
        "message_bits": 8 * length,
        "exact": sum(exact),
        "failure_rate": failures / count,
        "failure_rate_95": wilson(failures, count),
        "exact_by_kind": {kind: sum(exact[i :: len(KINDS)]) for i, kind in enumerate(KINDS)},
        "with_the_table_alone": {
            "exact": sum(by_table),
            "failure_rate_95": wilson(plainly, count),
        },
        "information_bits": {"own_variance": round(float(own)), "table": round(float(common))},
        "mean_square_error_in_own_units": [
            round(float(part.mean()), 3)
            for part in np.split(np.stack(errors), np.cumsum(SIZES)[:-1], axis=1)
        ],
        "sent_length": {
            "mean": float(np.mean(lengths)),
            "variance": float(np.var(lengths, ddof=1)),
            "chi_square": [DIMS, 2 * DIMS],
        },
        "own_processor_seconds": round(float(np.median(seconds)), 4),
    }


def evidence(file: Path, count: int, carrier: Gan, secrets: Secrets) -> None:
    """Writes what a steganalyst is given."""
    modem = Modem(Gan.table("png"), secrets.stream(KEY).child("png"))
    room = modem.table.rooms[0]
    length = frame.largest(room.size, Profile.COMPACT) - parts.SINGLE_OVERHEAD
    rng = np.random.default_rng(12)
    rows: list[np.ndarray] = []
    for _ in range(count):
        salt, message = rng.bytes(modem.table.word.salt_bytes), rng.bytes(length)
        sealed = frame.seal(
            message, secrets.binding(salt), key=KEY, profile=Profile.COMPACT, room=room.size
        )
        rows.append(modem.modulate(sealed, salt))
    dims, planes = modem.layout(room)
    found = {"stego": np.stack(rows), "cover": rng.standard_normal((count, DIMS), np.float32)}
    arrays: dict[str, np.ndarray] = {}
    for side, sent in found.items():
        pictures = carrier.paint(sent)
        arrays[f"{side}_noise"] = sent.astype(np.float16)
        arrays[f"{side}_latents"] = carrier.latents([*pictures]).astype(np.float16)
        arrays[f"{side}_pictures"] = pictures.transpose(0, 3, 1, 2)
    np.savez(
        file,
        message_bits=8 * room.size,
        coded_dims=dims,
        coded_planes=planes,
        coded_depths=modem.table.depths[dims],
        **arrays,
    )


def informed(depths: np.ndarray, sent: np.ndarray, seen: np.ndarray, noise: np.ndarray) -> float:
    """Returns how many bits the soft bits of one picture tell of what was sent."""
    bits = gaussian.harden(sent, depths)
    soft = gaussian.soften(seen, depths, np.ones(sent.size, np.float32), noise)
    wrong = np.logaddexp2(0, (1 - 2.0 * bits) * soft.astype(np.float64) / np.log(2))
    return float((1 - wrong).sum())


def main() -> None:
    """Measures channel by channel."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1002)
    parser.add_argument("--compiler", default="onnxruntime")
    parser.add_argument("--evidence", type=Path)
    parser.add_argument("--channels", nargs="+", default=list(Gan.channels))
    arguments = parser.parse_args()
    readers = {
        kind: open_reader("gan", arguments.compiler, {"kind": kind}, threads=1) for kind in KINDS
    }
    carriers = {kind: reader.carrier for kind, reader in readers.items()}
    secrets = Secrets("gan", next(iter(readers.values())).digest, b"benchmarks/gan")
    if arguments.evidence:
        evidence(arguments.evidence, arguments.count, carriers["bark"], secrets)
        return
    result: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    channels = result.get("channels", {})
    for channel in arguments.channels:
        channels[channel] = measure(channel, arguments.count, carriers, secrets)
        told = {
            **about(),
            "compiler": arguments.compiler,
            "before_verification": True,
            "channels": {name: channels[name] for name in Gan.channels if name in channels},
        }
        RESULT.write_text(json.dumps(told, indent=1) + "\n")
        print(channel, json.dumps(channels[channel]), flush=True)


if __name__ == "__main__":
    main()
