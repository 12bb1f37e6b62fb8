"""Measure vaults: how far weights and outputs move, how long it takes, what a steganalyst sees.

    python -m benchmarks.vault [--keys 20000]

Writes ``benchmarks/results/vault.json``. The network is the bundled one, whose weights are halves
in 32 bits; then the same with each weight moved by a thousandth, as a step of training would, so
that all 24 bits are in use; then the first one rounded to bfloat16. Each detector first catches
plain text in the same bits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

import latebra as lb
from benchmarks.machine import about
from latebra.hiding.audit.roc import area
from latebra.hiding.vaults.layout import Layout
from latebra.hiding.vaults.model_file import open_model
from latebra.hiding.vaults.slots import Slots

RESULT = Path(__file__).parent / "results" / "vault.json"
NETWORK = "small_photographs"
STRETCH = 4096
TEXT = b"It was the best of times, it was the worst of times, it was the age of wisdom, "


def networks(folder: Path) -> dict[str, Path]:
    """Writes the network as it is, after a small step, and rounded to bfloat16."""
    made = {name: folder / f"{name}.onnx" for name in ("halves", "full floats", "bfloat16")}
    rng = np.random.default_rng(0)
    for name, path in made.items():
        model = open_model(lb.models.onnx(NETWORK))
        for weights in model.weights:
            numbers = weights.words.view("<f4")
            if name == "full floats":
                # In 64 bits: products of short numbers are rounded to even too often in 32.
                numbers[:] = numbers * (1 + 1e-3 * rng.standard_normal(len(numbers)))
            elif name == "bfloat16":
                weights.words[:] = weights.words + np.uint32(0x8000) & np.uint32(0xFFFF0000)
        path.write_bytes(model.content)
    return made


def run(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the network's outputs for its golden vector's inputs."""
    session = onnxruntime.InferenceSession(str(path))
    golden = lb.models[NETWORK].golden
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(golden.inputs)), strict=True))


def drift(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Fills a network to several degrees, and returns what each did to it."""
    rng, key, room = np.random.default_rng(1), lb.Key(bytes(32)), lb.vault_room(path)
    rows: list[dict[str, Any]] = []
    for size in (1000, room.content_bytes // 10, room.content_bytes):
        content, out = rng.bytes(size), folder / "out.onnx"
        start = time.perf_counter()
        report = lb.vault_put(path, content, key=key, out=out, force=True)
        put = time.perf_counter() - start
        start = time.perf_counter()
        assert lb.vault_open(out, key=key) == content
        took = time.perf_counter() - start
        before, after = run(path), run(out)
        moved = max(float(np.abs(before[name] - after[name]).max()) for name in before)
        rows.append(
            {
                "content_bytes": size,
                "low_bits": dict(report.low_bits),
                "weights": report.weights,
                "changed": report.changed,
                "weight_drift_bound": report.drift_bound,
                "weight_drift": report.drift,
                "output_drift": moved / max(float(np.abs(each).max()) for each in before.values()),
                "put_s": round(put, 3),
                "open_s": round(took, 3),
            }
        )
    return rows


def low_bits(slots: Slots) -> NDArray[np.uint8]:
    """Returns the lowest bit and the next of each usable number, (stretches, length, 2)."""
    count = slots.levels[0].slots
    planes = [slots.read(np.arange(count) + count * plane) for plane in range(2)]
    whole = count // STRETCH * STRETCH
    return np.stack(planes, axis=1)[:whole].reshape(-1, STRETCH, 2)


def ones(bits: NDArray[np.uint8]) -> float:
    """Returns how far the lowest bits are from as many ones as zeros."""
    return abs(float(bits[:, 0].mean()) - 0.5)


def bytes_(bits: NDArray[np.uint8]) -> float:
    """Returns the chi-square statistic of the lowest bits, taken eight at a time."""
    return _chi_square(np.bincount(np.packbits(bits[:, 0]), minlength=256))


def neighbours(bits: NDArray[np.uint8]) -> float:
    """Returns the chi-square statistic of the two lowest bits of a number and of the next one."""
    pairs = bits[:, 0] + 2 * bits[:, 1]
    return _chi_square(np.bincount(pairs[:-1] + 4 * pairs[1:], minlength=16))


DETECTORS: dict[str, Callable[[NDArray[np.uint8]], float]] = {
    "ones": ones,
    "bytes": bytes_,
    "neighbours": neighbours,
}


def _chi_square(counts: NDArray[np.int64]) -> float:
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


def detection(path: Path, folder: Path) -> dict[str, dict[str, str]]:
    """Returns areas under ROC curves: of plain text, honest weights and a full vault.

    They are told from every other stretch of honest weights; that the rest of these are told from
    them is chance, and says how much chance there is.
    """
    content = (TEXT * 50_000)[: lb.vault_room(path).content_bytes]
    lb.vault_put(path, content, key=lb.Key(bytes(32)), out=folder / "vault.onnx", force=True)
    slots = Slots.of(open_model(path))
    honest, others = low_bits(slots)[::2], low_bits(slots)[1::2]
    bits = np.unpackbits(np.frombuffer(content, np.uint8))[: slots.levels[0].slots]
    slots.write(np.arange(len(bits)), bits)  # A reader would no longer take these for honest.
    filled = Slots.of(open_model(folder / "vault.onnx"))
    tried = {
        "plain": low_bits(slots)[1::2],
        "honest": others,
        "vault": low_bits(filled)[1::2],
    }
    found: dict[str, dict[str, str]] = {}
    for name, score in DETECTORS.items():
        covers = np.array([score(each) for each in honest])
        found[name] = {}
        for what, stretches in tried.items():
            stego = np.array([score(each) for each in stretches])
            found[name][what] = str(area(stego, covers))
    caught = max(float(each["plain"][:5]) for each in found.values())
    assert caught > 0.95, f"plain text is caught with {caught} only: the other areas say nothing"
    return found


def wrong_keys(path: Path, folder: Path, keys: int) -> dict[str, Any]:
    """Tries so many other keys on a vault."""
    out = folder / "keys.onnx"
    lb.vault_put(path, b"meet at nine", key=lb.Key(bytes(32)), out=out, force=True)
    layout = Layout(Slots.of(open_model(out)))
    rng = np.random.default_rng(3)
    opened = sum(bool(list(layout.found(lb.Key(rng.bytes(32))))) for _ in range(keys))
    return {"keys": keys, "opened": opened, "at_most_at_95_percent": 3 / keys}


def main() -> None:
    """Measures, prints and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=20_000)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        made = networks(folder)
        result = {
            "machine": about(),
            "drift": {name: drift(path, folder) for name, path in made.items()},
            "detection": {name: detection(path, folder) for name, path in made.items()},
            "wrong_keys": wrong_keys(made["full floats"], folder, arguments.keys),
        }
    told = json.dumps(result, indent=2) + "\n"
    RESULT.write_text(told)
    print(told)


if __name__ == "__main__":
    main()
