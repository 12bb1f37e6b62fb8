"""Measure what rounding errors do to texts that carry frames, and what the reader undoes.

The model is one of two tokens of context; its noisy twin's logits differ as those of two compilers
do, with exponential tails cut at 1e-4. The times are those of the engine alone: this model's own
are taken off.

Run ``python -m benchmarks.tokens``: writes ``benchmarks/results/tokens.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import about
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import edges
from latebra.hiding.tokens.agreement import Agreement, Secrets
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.dense import read, write
from latebra.hiding.tokens.tables import Quantiser
from tests.unit.ngram import Ngram

ROOT = Path(__file__).parents[1]
SIZES = (16, 64, 256)
TEXTS = 12
VOCABULARY = 49_152
EXACT = Ngram()
NEVER = Correction(error=0.0)


class Remembering:
    """A model that answers twice from memory, so that a second run times the engine alone."""

    def __init__(self, model: Ngram) -> None:
        self.model, self.known = model, {}

    def logits(self, context: Sequence[int]) -> np.ndarray:
        key = len(context), *context[-2:]
        if key not in self.known:
            self.known[key] = self.model.logits(context)
        return self.known[key]


def starts_with(bits: np.ndarray, candidates) -> bool:
    return any(np.array_equal(bits, found[: bits.size]) for found in candidates)


def changed(tokens: list[int], stream: Stream, agreement: Agreement, noisy) -> int:
    """How many tables of a text are not the writer's."""
    secrets, count = Secrets(stream, agreement.tick_bits), 0
    for at in range(len(tokens)):
        pair = [
            agreement.levels(model, tokens[:at], secrets.dither(tokens[:at]))
            for model in (EXACT, noisy)
        ]
        tables = [dict(zip(p.tokens.tolist(), p.weights().tolist(), strict=True)) for p in pair]
        tokens_kept = set(tables[0]) | set(tables[1])
        count += any(tables[0].get(t, 0) != tables[1].get(t, 0) for t in tokens_kept)
    return count


def cell(step: float, scale: float) -> dict[str, object]:
    """One step of the quantiser with one scale of noise: texts read, with and without trying."""
    agreement = Agreement(Quantiser(step))
    model = Remembering(EXACT)
    texts = tokens_written = plain = tried = wrong = looked_at = 0
    writing, reading = [], []
    for size in SIZES:
        for number in range(TEXTS):
            bits = np.random.default_rng([size, number]).integers(0, 2, 8 * size, dtype=np.uint8)
            stream = Stream(bytes([number]) * 32)
            noisy = Remembering(Ngram(scale, twin=number))
            tokens = write(model, [], bits, stream, lambda _: True, agreement=agreement)
            begin = time.perf_counter()
            write(model, [], bits, stream, lambda _: True, agreement=agreement)
            writing.append((time.perf_counter() - begin) / len(tokens))
            plain += starts_with(
                bits, read(noisy, [], tokens, stream, agreement=agreement, correction=NEVER)
            )
            begin = time.perf_counter()
            tried += starts_with(bits, read(noisy, [], tokens, stream, agreement=agreement))
            reading.append((time.perf_counter() - begin) / len(tokens))
            texts, tokens_written = texts + 1, tokens_written + len(tokens)
            if number < 3:
                wrong += changed(tokens, stream, agreement, noisy)
                looked_at += len(tokens)
    return {
        "step_nats": step,
        "noise_rms": round(scale * 2**0.5, 7),
        "texts": texts,
        "bits_a_token": round(8 * sum(SIZES) * TEXTS / tokens_written, 3),
        "tables_changed": round(wrong / looked_at, 5),
        "read_without_trying": plain,
        "read": tried,
        "write_us_a_token": round(1e6 * float(np.median(writing))),
        "read_us_a_token": round(1e6 * float(np.median(reading))),
        "slowest_read_us_a_token": round(1e6 * max(reading)),
    }


def table_us() -> float:
    """Median microseconds from 49,152 logits to a coder's table."""
    rng = np.random.default_rng(0)
    rank = rng.permutation(VOCABULARY)
    logits = (12 - 1.4 * np.log1p(rank) + rng.normal(0, 1, VOCABULARY)).astype(np.float32)
    times = []
    for turn in range(300):
        begin = time.perf_counter()
        edges(Quantiser().round(logits, (turn + 0.5) / 300).weights())
        times.append(time.perf_counter() - begin)
    return round(1e6 * float(np.median(times)), 1)


def main() -> None:
    """Measure each cell."""
    cells = []
    for step in (0.125, 0.25):
        for scale in (0.5e-5, 1e-5, 2e-5):
            cells.append(cell(step, scale))
            print(cells[-1], flush=True)
    result = {**about(), "table_of_49152_us": table_us(), "bytes": SIZES, "cells": cells}
    print(result["table_of_49152_us"], "us a table")
    (ROOT / "benchmarks/results/tokens.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
