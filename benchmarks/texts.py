"""Texts with messages: what they carry, and whether every compiler reads what every compiler wrote.

    python -m benchmarks.texts write FOLDER --compiler onnxruntime --count 40 [--numerics float64]
    python -m benchmarks.texts write FOLDER --compiler onnxruntime --count 40 --ordinary
    python -m benchmarks.texts read FOLDER --compiler iree [--layout full] [--batch 4] [--part 0/4]
    python -m benchmarks.texts report FOLDER

``write`` hides messages of 16 to 512 bytes, or all of ``--bytes``, in sealed frames under one key,
eight texts at a time in one batch, or writes as many texts from coin flips; ``--first`` is the
number of a folder's first text. ``read`` reads texts with messages that are there, a line each;
``report`` counts. All go on where they stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import about
from benchmarks.text_batches import ROWS, hidden, lines, secrets_of, write, written
from latebra.api.language import LanguageNetwork
from latebra.hiding.carriers.language import AGREEMENTS, Language
from latebra.hiding.media.texts import garbled
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.cached import ROOMS, CachedModel

ROOT = Path(__file__).parents[1]
WHOLE = 256
"""Tokens of a full pass, with the prompt; longer texts are left to the cache."""
LAYOUTS = ("step", "cached", "full")
"""How a text goes through the network: a token a time, as it was written; 32 a time, as `reveal`
does; or whole, without a cache."""


class Whole:
    """A ``TokenModel`` that puts a known text through in one pass."""

    def __init__(self, network: LanguageNetwork, batch: int) -> None:
        self._network, self._batch, self._known = network, batch, list[int]()
        self._logits: Any = None

    def expect(self, tokens: Sequence[int]) -> None:
        rows = np.zeros((self._batch, WHOLE), np.int64)
        for row in range(self._batch):
            rows[row, : len(tokens)] = np.maximum(0, np.array(tokens) - row)
        self._logits = self._network.run({"tokens": rows})["logits"][0]
        self._known = list(tokens)

    def logits(self, context: Sequence[int]) -> Any:
        assert self._known[: len(context)] == list(context)
        return self._logits[len(context) - 1]


def chosen(
    folder: Path, done: set[int], numerics: str, part: tuple[int, int], most: int
) -> list[dict[str, Any]]:
    """Returns texts to read: of each writer at most ``most``, with those that were read before."""
    todo, counts = [], defaultdict[str, int](int)
    for line in written(folder):
        if line["numerics"] != numerics or line["number"] // ROWS % part[1] != part[0]:
            continue
        if counts[line["writer"]] < most:
            counts[line["writer"]] += 1
            todo += [] if line["number"] in done else [line]
    return todo


def read(
    folder: Path,
    compiler: str,
    numerics: str,
    layout: str,
    batch: int,
    *,
    part: tuple[int, int],
    most: int,
    seconds: float,
    threads: int,
) -> None:
    """Reads the texts that this cell has not read yet."""
    path = folder / f"read-{compiler}-{layout}-{batch}.jsonl"
    todo = chosen(folder, {line["number"] for line in lines(path)}, numerics, part, most)
    network = LanguageNetwork("smollm2", compiler, threads=threads, dtype=numerics)
    begin = time.perf_counter()
    for line in todo:
        if time.perf_counter() - begin > seconds:
            break
        carrier = Language.create(
            {"model": network}, {"prompt": line["prompt"], "numerics": numerics}
        )
        stream, bits = hidden(line["number"], secrets_of(network), line["message_bytes"])
        rng = np.random.default_rng(line["number"])
        start = time.perf_counter()
        tokens = carrier.spelling.cut(garbled(line["text"], rng))
        whole = [*carrier.prompt_tokens, *tokens]
        if layout == "full" and len(whole) > WHOLE:
            continue
        model = Whole(network, batch) if layout == "full" else CachedModel(network, numerics, batch)
        if layout != "step":
            model.expect(whole)
        tried, right = 0, False
        for candidate in dense.read(
            model,
            carrier.prompt_tokens,
            tokens,
            stream,
            agreement=carrier.agreement,
            correction=carrier.correction,
        ):
            tried += 1
            right = candidate.size >= bits.size and np.array_equal(candidate[: bits.size], bits)
            if right:
                break
        took = time.perf_counter() - start
        found = {"number": line["number"], "right": bool(right), "tried": tried}
        found["seconds"] = round(took, 2)
        with path.open("a") as file:
            file.write(json.dumps(found) + "\n")
        if not right:
            print("NOT READ", found, flush=True)
    print(f"{path.name}: {len(lines(path))} texts", flush=True)


def report(folder: Path) -> dict[str, Any]:
    """Returns what was written and read."""
    texts = {line["number"]: line for line in written(folder)}
    rows = []
    for numerics in AGREEMENTS:
        mine = [line for line in texts.values() if line["numerics"] == numerics]
        if mine:
            rows.append({"numerics": numerics, **_carried(mine)})
    cells = defaultdict(lambda: [0, 0])
    for path in sorted(folder.glob("read-*.jsonl")):
        _, reader, layout, batch = path.stem.split("-")
        for line in lines(path):
            text = texts[line["number"]]
            cell = cells[text["numerics"], text["writer"], reader, layout, int(batch)]
            cell[0] += line["right"]
            cell[1] += 1
    names = ("numerics", "writer", "reader", "layout", "batch")
    told = [
        {**dict(zip(names, cell, strict=True)), "right": right, "texts": total}
        for cell, (right, total) in sorted(cells.items())
    ]
    return {"texts": len(texts), "carried": rows, "cells": told}


def _carried(mine: list[dict[str, Any]]) -> dict[str, Any]:
    tokens, bits = (sum(line[name] for line in mine) for name in ("tokens", "bits"))
    entropy = sum(line["entropy"] for line in mine)
    ticks = sum(line["tick_bits"] for line in mine)
    within = {key: sum(line["inside"][key] for line in mine) for key in ("tokens", "entropy")}
    return {
        "texts": len(mine),
        "tokens": tokens,
        "entropy_a_token": round(entropy / tokens, 3),
        "until_the_frame_ends": {
            "tokens": within["tokens"],
            "entropy_a_token": round(within["entropy"] / within["tokens"], 3),
            "bits_a_token": round((bits + ticks) / within["tokens"], 3),
            "share_of_entropy": round((bits + ticks) / within["entropy"], 4),
            "frame_bits_a_token": round(bits / within["tokens"], 3),
        },
        "frame_bits_a_token": round(bits / tokens, 3),
        "message_bits_a_token": round(8 * sum(line["message_bytes"] for line in mine) / tokens, 3),
        "tick_bits_a_token": round(ticks / tokens, 3),
    }


def parts(told: str) -> Iterator[int]:
    yield from map(int, told.split("/"))


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("write", "read", "report"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compiler", default="onnxruntime")
    parser.add_argument("--numerics", default="float32", choices=tuple(AGREEMENTS))
    parser.add_argument("--layout", default="cached", choices=LAYOUTS)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--count", type=int, default=ROWS)
    parser.add_argument("--ordinary", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--bytes", type=int)
    parser.add_argument("--rows", type=int, default=ROWS, help="texts in a batch")
    parser.add_argument("--rooms", type=int, nargs=2, default=ROOMS, help="of their caches")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--most", type=int, default=1 << 30, help="texts of each writer")
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    if asked.what == "write":
        kind = "ordinary" if asked.ordinary else "hidden"
        how = asked.folder, kind, asked.compiler, asked.numerics, asked.count, asked.seconds
        sizes = {"size": asked.bytes, "rows": asked.rows, "rooms": tuple(asked.rooms)}
        write(*how, start=asked.first, threads=asked.threads, **sizes)
    elif asked.what == "read":
        first, of = parts(asked.part)
        read(
            *(asked.folder, asked.compiler, asked.numerics, asked.layout, asked.batch),
            part=(first, of),
            most=asked.most,
            seconds=asked.seconds,
            threads=asked.threads,
        )
    else:
        result = {**about(), **report(asked.folder)}
        (ROOT / "benchmarks/results/texts.json").write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result["carried"], indent=1))


if __name__ == "__main__":
    main()
