"""Test frames as an outsider would: for uniform bytes, for wrong keys, for what their timing tells.

    python -m benchmarks.frame [--bytes 100000000] [--keys 1000000]

Writes ``benchmarks/results/frame.json`` and ``docs/pictures/frame_timing.png``. Each test first
catches a control that is deliberately bad: ephemeral keys sent as they are (their highest bit is
always zero), and a tag of four bytes cut to two by looking at those alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from benchmarks.machine import about
from latebra.core.errors import NothingRevealed
from latebra.core.keys import Identity, Key
from latebra.hiding import frame, frame_micro
from latebra.hiding.audit.distributions import chi_square_upper
from latebra.hiding.frame import Binding, Profile

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "frame.json"
PICTURE = ROOT / "docs" / "pictures" / "frame_timing.png"
BINDING = Binding("diffusion", "00" * 32, b"benchmarks/frame", b"salt")
NOBODY = Identity(b"\x01" * 32).public()


def frames() -> Iterator[tuple[str, bytes]]:
    """Yields fresh frames of every profile, with keys, salts and lengths of their own."""
    number = 0
    while True:
        number += 1
        key = Key(hashlib.sha256(number.to_bytes(8, "little")).digest())
        binding = Binding("diffusion", "00" * 32, b"uniform", number.to_bytes(8, "little"))
        room = 200 + 37 * (number % 250)
        said = bytes(room // 3)
        yield "full", frame.seal(said, binding, key=key, profile=Profile.FULL, room=room)
        yield "compact", frame.seal(said, binding, key=key, profile=Profile.COMPACT, room=room)
        yield "micro", frame.seal(b"id", binding, key=key, profile=Profile.MICRO)
        if number % 4 == 0:
            people = [NOBODY] * 1
            sealed = frame.seal(said[:10], binding, recipients=people, profile=Profile.FULL)
            yield "recipients", sealed


class Counts:
    """Counts of bytes, bits and pairs of neighbouring bytes, and of the first 32 bytes by place."""

    def __init__(self) -> None:
        self.bytes = np.zeros(256, np.int64)
        self.pairs = np.zeros(65_536, np.int64)
        self.heads = np.zeros((32, 256), np.int64)

    def add(self, text: bytes) -> None:
        """Counts a run of frames."""
        values = np.frombuffer(text, np.uint8)
        self.bytes += np.bincount(values, minlength=256)
        even = values[: values.size // 2 * 2].reshape(-1, 2).astype(np.int64)
        self.pairs += np.bincount(even[:, 0] * 256 + even[:, 1], minlength=65_536)

    def add_heads(self, heads: list[bytes]) -> None:
        """Counts the first 32 bytes of frames, place by place: where a mark would stand."""
        rows = np.frombuffer(b"".join(heads), np.uint8).reshape(-1, 32)
        for place in range(32):
            self.heads[place] += np.bincount(rows[:, place], minlength=256)

    def tests(self) -> dict[str, dict[str, float]]:
        """Returns a chi-square statistic and its p-value for each kind of count."""
        ones = np.array([value.bit_count() for value in range(256)])
        bits = np.array([(self.bytes * ones).sum(), (self.bytes * (8 - ones)).sum()])
        return {
            "bytes": _chi_square(self.bytes),
            "bits": _chi_square(bits),
            "serial pairs": _chi_square(self.pairs),
            "first 32 bytes by place": _chi_square(self.heads, axes=32),
        }


def _chi_square(counts: np.ndarray, axes: int = 1) -> dict[str, float]:
    expected = counts.sum(axis=-1, keepdims=True) / counts.shape[-1]
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = axes * (counts.shape[-1] - 1)
    p = chi_square_upper(statistic, freedom)
    return {"statistic": round(statistic, 2), "freedom": freedom, "p_value": round(p, 6)}


def uniformity(total: int) -> dict[str, Any]:
    """Counts ``total`` bytes of frames, then a control of ephemeral keys sent as they are."""
    counts, size, number = Counts(), 0, 0
    run: list[bytes] = []
    heads: list[bytes] = []
    for _, sealed in frames():
        run.append(sealed)
        size += len(sealed)
        number += 1
        if len(sealed) >= 32:
            heads.append(sealed[:32])
        if len(run) == 4096 or size >= total:
            counts.add(b"".join(run))
            counts.add_heads(heads)
            run, heads = [], []
            if size >= total:
                break
    control = Counts()
    keys = [X25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(20_000)]
    control.add(b"".join(keys))
    control.add_heads(keys)
    return {
        "bytes": size,
        "frames": number,
        "tests": counts.tests(),
        "control": {"what": "20,000 X25519 public keys as they are", "tests": control.tests()},
    }


def wrong_keys(tries: int) -> dict[str, Any]:
    """Opens one frame of each short profile with ``tries`` other keys."""
    stream = Cipher(ChaCha20(os.urandom(32), bytes(16)), mode=None).encryptor()
    right, opened = Key.generate(), {Profile.COMPACT: 0, Profile.MICRO: 0}
    sealed = {
        profile: frame.seal(b"meet at nine", BINDING, key=right, profile=profile)
        for profile in opened
    }
    two_bytes = 0
    binding, salt = BINDING.digest(), BINDING.shared_salt()
    micro = sealed[Profile.MICRO]
    for _ in range(tries):
        key = Key(stream.update(bytes(32)))
        for profile in opened:
            try:
                frame.unseal(sealed[profile], BINDING, key=key, profile=profile)
            except NothingRevealed:
                continue
            opened[profile] += 1
        cut = micro[:2] + micro[8:]
        two_bytes += frame_micro.unseal(cut, binding, key.root(salt), 2) is not None
    return {
        "tries": tries,
        "upper_95": 3 / tries,
        "compact": {"opened": opened[Profile.COMPACT], "theory": 2.0**-128},
        "micro": {"opened": opened[Profile.MICRO], "theory": 2.0**-64 * (1 + 1 / 255)},
        "control": {
            "what": "a tag of two bytes",
            "opened": two_bytes,
            "expected": round(tries * 2.0**-16 * (1 + 1 / 255), 1),
        },
    }


def timing(rounds: int) -> dict[str, Any]:
    """Times a wrong key and a damaged frame in turn, and draws their histograms."""
    key = Key.generate()
    found: dict[str, Any] = {}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, profile in zip(axes, (Profile.FULL, Profile.COMPACT), strict=True):
        sealed = frame.seal(bytes(300), BINDING, key=key, profile=profile, room=1000)
        damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
        times: dict[str, list[float]] = {"wrong key": [], "damaged frame": []}
        for turn in range(rounds):
            # A key keeps its roots: both sides get one that has derived nothing yet.
            pair = [
                ("wrong key", sealed, Key(os.urandom(32))),
                ("damaged frame", damaged, Key(key._secret)),
            ]
            # What comes second finds the caches warm: each is second as often.
            for name, text, opener in pair if turn % 2 else reversed(pair):
                times[name].append(_time(lambda: _open(text, opener, profile)))  # noqa: B023  # Called at once.
        wrong, damage = (np.array(values) * 1e6 for values in times.values())
        above = float((wrong[:, None] > damage).mean() + 0.5 * (wrong[:, None] == damage).mean())
        edges = np.linspace(*np.percentile(np.concatenate([wrong, damage]), [0.5, 98]), 60)
        for name, values in (("wrong key", wrong), ("damaged frame", damage)):
            axis.hist(values, edges, alpha=0.55, label=name)
        axis.set(title=f"{profile} frame of 1,000 bytes", xlabel="microseconds", ylabel="openings")
        axis.legend()
        found[profile.value] = {
            "rounds": rounds,
            "median_us": {
                "wrong key": round(statistics.median(wrong), 2),
                "damaged frame": round(statistics.median(damage), 2),
            },
            "auc": round(above, 4),
        }
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    return found


def _time(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _open(text: bytes, key: Key, profile: Profile) -> None:
    try:
        frame.unseal(text, BINDING, key=key, profile=profile)
    except NothingRevealed:
        return
    raise AssertionError(f"a {profile} frame opened that should not have")


def main() -> None:
    """Measures all three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bytes", type=int, default=100_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3_000)
    arguments = parser.parse_args()
    parts: dict[str, Any] = {}
    for name, measure in (
        ("timing", lambda: timing(arguments.rounds)),
        ("uniformity", lambda: uniformity(arguments.bytes)),
        ("wrong_keys", lambda: wrong_keys(arguments.keys)),
    ):
        start = time.perf_counter()
        parts[name] = measure()
        print(
            name, math.ceil(time.perf_counter() - start), "s", json.dumps(parts[name]), flush=True
        )
    RESULT.write_text(json.dumps({**about(), **parts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
