"""Measure the arithmetic coder: symbols a second, share of the entropy, bits that are missing.

Run ``python -m benchmarks.coder``: writes ``benchmarks/results/coder.json``.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import about
from latebra.hiding.coder import Decoder, Encoder, edges

ROOT = Path(__file__).parents[1]
SYMBOLS = 1_000_000
ROUNDS = 5


def tables(name: str, rng: np.random.Generator) -> np.ndarray:
    """Weights, one row a table, that resemble what carriers have."""
    if name == "language model, 350 tokens":
        return np.maximum(1, 65536 * np.exp(-rng.exponential(3, (64, 350)))).astype(np.int64)
    if name == "picture model, 256 levels":
        levels = np.arange(256)
        middle, width = rng.integers(0, 256, (64, 1)), rng.uniform(1, 12, (64, 1))
        return np.maximum(1, 65536 * np.exp(-(((levels - middle) / width) ** 2))).astype(np.int64)
    return np.tile(np.array([1, 2**24 - 1, 2**20]), (64, 1))


def measure(name: str, rng: np.random.Generator) -> dict[str, object]:
    """One kind of table: a million symbols out and back, timed by turns."""
    weights = tables(name, rng)
    book = np.stack([edges(row) for row in weights])
    share = weights / weights.sum(axis=1, keepdims=True)
    entropy = -(share * np.log2(share)).sum(axis=1)
    which = rng.integers(0, len(book), SYMBOLS)
    times: dict[str, list[float]] = {"pull": [], "push": []}
    settled = promised = carried = 0.0
    for turn in range(ROUNDS + 1):
        decoder = Decoder(lambda count: rng.integers(0, 2, count, dtype=np.uint8))
        encoder = Encoder()
        begin = time.perf_counter()
        symbols = decoder.pull_many(book, which)
        middle = time.perf_counter()
        encoder.push_many(book, which, symbols)
        if turn:  # The first turn compiles.
            times["pull"].append(middle - begin)
            times["push"].append(time.perf_counter() - middle)
        settled += encoder.settled
        promised += float(entropy[which].sum())
        carried -= float(np.log2(share[which, symbols]).sum())
    begin = time.perf_counter()
    decoder = Decoder(lambda count: rng.integers(0, 2, count, dtype=np.uint8))
    for row in which[:20_000]:
        decoder.pull(book[row])
    single = time.perf_counter() - begin
    return {
        "tables": name,
        "bits_a_symbol": round(promised / SYMBOLS / (ROUNDS + 1), 4),
        "share_of_the_entropy": round(settled / promised, 6),
        "share_of_the_information": round(settled / carried, 8),
        "pull_many_symbols_per_s": round(SYMBOLS / float(np.median(times["pull"]))),
        "push_many_symbols_per_s": round(SYMBOLS / float(np.median(times["push"]))),
        "pull_one_by_one_us": round(1e6 * single / 20_000, 2),
    }


def main() -> None:
    """Measure each kind of table."""
    rng = np.random.default_rng(1)
    names = ("language model, 350 tokens", "picture model, 256 levels", "three symbols, 1 to 2^24")
    rows = [measure(name, rng) for name in names]
    for row in rows:
        print(row)
    result = {**about(), "symbols": SYMBOLS, "rounds": ROUNDS, "tables": rows}
    (ROOT / "benchmarks/results/coder.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
