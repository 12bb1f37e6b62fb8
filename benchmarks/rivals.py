"""Published schemes beside ours, on one language model: what they carry, and who reads it.

    python -m benchmarks.rivals [--numerics float64] [--texts 20] [--bytes 64]
                                [--writer onnxruntime] [--reader xla]

Every scheme writes the same random bits after the same prompts with one compiler, a token a time.
Then the text's tokens (not its words: that is a separate failure) are read with the same compiler a
token at a time, with the same compiler 32 at a time, and with another compiler. The published ones
are written anew from their papers, in ``benchmarks/baselines``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines.arithmetic import Arithmetic
from benchmarks.baselines.discop import Discop
from benchmarks.baselines.scheme import softmax
from benchmarks.baselines.sparsamp import SparSamp
from benchmarks.machine import about
from benchmarks.text_batches import PROMPTS
from latebra.api.language import LanguageNetwork
from latebra.hiding.carriers.language import Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.cached import CachedModel

RESULT = Path(__file__).parent / "results" / "rivals.json"
SCHEMES = (Arithmetic, Discop, SparSamp)


class Watched:
    """A model that adds up the entropy of what it says, and the time that it takes to say it."""

    def __init__(self, model: CachedModel) -> None:
        self._model, self.entropy, self.seconds = model, 0.0, 0.0

    def logits(self, context: Sequence[int]) -> Any:
        start = time.perf_counter()
        logits = self._model.logits(context)
        self.seconds += time.perf_counter() - start
        shares = softmax(logits)
        self.entropy -= float(shares @ np.log2(np.maximum(shares, 1e-300)))
        return logits


def starts_with(found: np.ndarray, bits: np.ndarray) -> bool:
    return found.size >= bits.size and bool(np.array_equal(found[: bits.size], bits))


def schemes(carrier: Language, number: int) -> dict[str, tuple[Callable, Callable]]:
    """Returns how each scheme writes, and how it reads, text ``number``."""
    prompt = carrier.prompt_tokens
    told: dict[str, tuple[Callable, Callable]] = {}
    for each in SCHEMES:
        told[each.title] = (
            lambda model, bits, each=each: each(number).write(model, prompt, bits),
            lambda model, tokens, bits, each=each: starts_with(
                each(number).read(model, prompt, tokens), bits
            ),
        )
    stream = Stream(number.to_bytes(32, "little"))

    def write(model: Any, bits: np.ndarray) -> list[int]:
        return dense.write(model, prompt, bits, stream, lambda _: True, agreement=carrier.agreement)

    def read(model: Any, tokens: list[int], bits: np.ndarray) -> bool:
        readings = dense.read(
            model,
            prompt,
            tokens,
            stream,
            agreement=carrier.agreement,
            correction=carrier.correction,
        )
        return any(starts_with(each, bits) for each in readings)

    told[f"Latebra, {carrier.numerics}"] = (write, read)
    return told


def plain(model: CachedModel, prompt: Sequence[int], count: int) -> list[int]:
    """Returns tokens drawn from the model's own distribution, as any sampler does."""
    rng, context = np.random.default_rng(0), list(prompt)
    for _ in range(count):
        ends = np.cumsum(softmax(model.logits(context)))
        context.append(min(int(np.searchsorted(ends, rng.uniform())), ends.size - 1))
    return context[len(prompt) :]


def measure(numerics: str, texts: int, size: int, writer: str, reader: str) -> dict[str, Any]:
    """Returns a row for each scheme, and plain sampling's speed."""
    mine, its = (LanguageNetwork("smollm2", name, threads=1) for name in (writer, reader))
    rows: dict[str, dict[str, Any]] = {}
    sampled = []
    for number in range(texts):
        bits = np.random.default_rng([7, number]).integers(0, 2, 8 * size, dtype=np.uint8)
        told = {"prompt": PROMPTS[number % len(PROMPTS)], "numerics": numerics}
        carrier = Language.create({"model": mine}, told)
        start = time.perf_counter()
        count = len(plain(CachedModel(mine, numerics), carrier.prompt_tokens, 64))
        sampled.append((time.perf_counter() - start) / count)
        for title, (write, read) in schemes(carrier, number).items():
            row = rows.setdefault(
                title,
                dict.fromkeys(("tokens", "entropy", "in model"), 0.0)
                | dict.fromkeys(("same", "32 at a time", "another"), 0)
                | {"seconds": []},
            )
            watched = Watched(CachedModel(mine, numerics))
            start = time.perf_counter()
            tokens = write(watched, bits)
            row["seconds"].append((time.perf_counter() - start) / len(tokens))
            row["in model"] += watched.seconds / (row["seconds"][-1] * len(tokens)) / texts
            row["tokens"] += len(tokens)
            row["entropy"] += watched.entropy
            whole = [*carrier.prompt_tokens, *tokens]
            for cell, network in (("same", mine), ("32 at a time", mine), ("another", its)):
                model = CachedModel(network, numerics)
                if cell == "32 at a time":
                    model.expect(whole)
                row[cell] += read(model, tokens, bits)
        print(number, {title: row["tokens"] for title, row in rows.items()}, flush=True)
    return {
        "texts": texts,
        "bits": 8 * size,
        "writer": writer,
        "reader": reader,
        "plain_tokens_a_second": round(1 / float(np.median(sampled)), 2),
        "rows": [
            {
                "scheme": title,
                "bits_a_token": round(texts * 8 * size / row["tokens"], 3),
                "share_of_entropy": round(texts * 8 * size / row["entropy"], 4),
                "tokens_a_second": round(1 / float(np.median(row["seconds"])), 2),
                "speed_of_plain": round(
                    float(np.median(np.array(sampled) / np.array(row["seconds"]))), 3
                ),
                "share_of_time_in_model": round(row["in model"], 3),
                "read_same": row["same"],
                "read_32_at_a_time": row["32 at a time"],
                "read_another": row["another"],
            }
            for title, row in rows.items()
        ],
    }


def main() -> None:
    """Measures all with one type of floats; what the other type gave before stays."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--numerics", default="float32", choices=("float32", "float64"))
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--bytes", type=int, default=64)
    parser.add_argument("--writer", default="onnxruntime")
    parser.add_argument("--reader", default="xla")
    asked = parser.parse_args()
    found = measure(asked.numerics, asked.texts, asked.bytes, asked.writer, asked.reader)
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    kept = {name: result[name] for name in ("float32", "float64") if name in result}
    result = {**about(), **kept, asked.numerics: found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
