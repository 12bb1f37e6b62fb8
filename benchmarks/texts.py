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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lockstep import Lockstep
from benchmarks.machine import about
from latebra.api.language import LanguageNetwork
from latebra.api.opened import Secrets, digest_of
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.carriers.language import AGREEMENTS, SALT, SIZES, Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Encoder, edges
from latebra.hiding.media.texts import garbled, settled
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.agreement import Agreement
from latebra.hiding.tokens.cached import ROOMS, CachedModel
from latebra.hiding.tokens.tables import Levels

ROOT = Path(__file__).parents[1]
ROWS = 8
KEY = Key(bytes(range(32)))
OVERHEAD = 18
"""Bytes of a frame beside the message: a count of parts, a length, and the seal's 16."""
TICK = Agreement().tick_bits
WHOLE = 256
"""Tokens of a full pass, with the prompt; longer texts are left to the cache."""
LAYOUTS = ("step", "cached", "full")
"""How a text goes through the network: a token a time, as it was written; 32 a time, as `reveal`
does; or whole, without a cache."""
PROMPTS = (
    "Write a long letter to an old friend about an ordinary week.",
    "Tell the story of a lighthouse keeper and the stranger who came in winter.",
    "Describe a walk through a market town on a rainy morning.",
    "Explain to a curious child how bread is made.",
    "Write a travel diary from a train through the mountains.",
    "Write about a family dinner where everybody talks at once.",
    "Describe an old house, room by room.",
    "Write a short story about two rival gardeners.",
)


@dataclass
class Tally:
    """What the tables of one text held, and how many ticks were among its bits.

    Args:
        bits: Of salt and frame.
    """

    bits: int
    entropy: float = 0.0
    tokens: int = 0
    ticks: int = 0
    inside: dict[str, float] | None = None
    """The same up to the token that settled the last bit of the frame; the text then goes on to
    the end of a sentence, and carries coin flips there."""
    due: int = 0
    encoder: Encoder = field(default_factory=Encoder)
    last: Levels | None = None

    def follow(self, levels: Levels, context: Sequence[int], every: int) -> None:
        """Takes note of a table, and of what was chosen from the last one."""
        if self.last is not None:
            chosen = int(np.searchsorted(self.last.tokens, context[-1]))
            self.encoder.push(edges(self.last.weights()), chosen)
        if self.inside is None and self.encoder.settled >= self.bits + TICK * self.ticks:
            self.close()
        if self.encoder.taken >= (self.due or every):
            self.due = self.encoder.taken + every
            if self.encoder.taken < self.bits + TICK * self.ticks:
                self.ticks += 1
        self.tokens += 1
        weights = levels.weights()
        shares = weights[weights > 0] / weights.sum()
        self.entropy -= float(shares @ np.log2(shares))
        self.last = levels

    def close(self) -> dict[str, float]:
        """Returns what was inside the frame; all of it, where its last bit came with the last."""
        self.inside = self.inside or {"tokens": self.tokens, "entropy": round(self.entropy, 2)}
        return self.inside


@dataclass(frozen=True)
class Counting(Agreement):
    """An agreement that takes note of its tables."""

    tally: Tally = field(default_factory=lambda: Tally(0))

    def levels(self, model: Any, context: Sequence[int], dither: float) -> Levels:
        levels = super().levels(model, context, dither)
        self.tally.follow(levels, context, self.every)
        return levels


def prompt_of(number: int) -> str:
    return PROMPTS[number // ROWS % len(PROMPTS)]


def message_of(number: int, size: int | None = None) -> bytes:
    """Returns a message of ``size`` bytes, or else of 16 to 512; those of one batch are as long."""
    size = size or round(16 * 32 ** np.random.default_rng([2026, number // ROWS]).uniform())
    return (b"message %d, " % number * size)[:size]


def secrets_of(network: LanguageNetwork) -> Secrets:
    return Secrets("language", digest_of([network.card]), b"benchmarks/texts")


def hidden(number: int, secrets: Secrets, size: int | None = None) -> tuple[Stream, np.ndarray]:
    """Returns a text's stream, and its salt and sealed frame as bits."""
    message, salt = message_of(number, size), np.random.default_rng([2027, number]).bytes(SALT)
    room = next(size for size in SIZES if size >= len(message) + OVERHEAD)
    sealed = frame.seal(
        message, secrets.binding(salt), key=KEY, profile=frame.Profile.COMPACT, room=room
    )
    return secrets.stream(KEY).child("copied"), np.unpackbits(
        np.frombuffer(salt + sealed, np.uint8)
    )


def ordinary(number: int, secrets: Secrets, size: int | None = None) -> tuple[Stream, np.ndarray]:
    """Returns a stream of nobody's, and coin flips, as many as ``hidden`` has bits."""
    rng = np.random.default_rng([2028, number])
    coins = rng.integers(0, 2, hidden(number, secrets, size)[1].size, dtype=np.uint8)
    return Stream(rng.bytes(32)), coins


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def written(folder: Path, kind: str = "hidden") -> list[dict[str, Any]]:
    return [line for path in sorted(folder.glob(f"{kind}-*.jsonl")) for line in lines(path)]


def write(
    folder: Path,
    kind: str,
    compiler: str,
    numerics: str,
    count: int,
    seconds: float,
    *,
    start: int = 0,
    size: int | None = None,
    threads: int = 2,
) -> None:
    """Writes ``count`` texts more, eight at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    network = LanguageNetwork("smollm2", compiler, threads=threads)
    begin = time.perf_counter()
    for _ in range(-(-count // ROWS)):
        if time.perf_counter() - begin > seconds:
            break
        first = max([start, *(1 + line["number"] for line in written(folder, kind))])
        before = time.perf_counter()
        made = together(network, kind, numerics, first, size)
        batch = [{**line, "writer": compiler} for line in made]
        took = time.perf_counter() - before
        with (folder / f"{kind}-{compiler}-{numerics}.jsonl").open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in batch)
        total = sum(line["tokens"] for line in batch)
        print(f"{first}: {total} tokens, {total / took:.1f} a second", flush=True)


def together(
    network: LanguageNetwork,
    kind: str,
    numerics: str,
    first: int,
    size: int | None = None,
    *,
    rows: int = ROWS,
    rooms: tuple[int, int] = ROOMS,
    wrap: Callable[[int, Sequence[int], Any], Any] = lambda number, prompt, model: model,
) -> list[dict[str, Any]]:
    """Returns texts that are written in one batch.

    Args:
        network: Writes them.
        kind: ``hidden`` or ``ordinary``.
        numerics: Of the carrier.
        first: Number of the first.
        size: Bytes of each message; without it they differ.
        rows: How many texts.
        rooms: Of the cache, see ``Lockstep``.
        wrap: Makes another model of each text's number, its prompt's tokens and its model.
    """
    prompt = prompt_of(first)
    carrier = Language.create({"model": network}, {"prompt": prompt, "numerics": numerics})
    secrets, bits_of = secrets_of(network), {"hidden": hidden, "ordinary": ordinary}[kind]
    before = carrier.prompt_tokens

    def made(number: int, model: Any) -> dict[str, Any]:
        stream, bits = bits_of(number, secrets, size)
        tally = Tally(int(bits.size))
        tokens = dense.write(
            wrap(number, before, model),
            before,
            bits,
            stream,
            carrier.spelling.ends,
            agreement=Counting(**vars(carrier.agreement), tally=tally),
            most=ROOMS[-1] - len(before),
        )
        return {
            "number": number,
            "numerics": numerics,
            "prompt": prompt,
            "message_bytes": len(message_of(number, size)),
            "bits": int(bits.size),
            "tokens": len(tokens),
            "entropy": round(tally.entropy, 2),
            "tick_bits": TICK * tally.ticks,
            "inside": tally.close(),
            "text": settled(carrier.spelling.text(tokens)),
        }

    lockstep = Lockstep(network, rows, before, numerics, rooms)
    return lockstep.write([partial(made, first + row) for row in range(rows)])


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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--most", type=int, default=1 << 30, help="texts of each writer")
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    if asked.what == "write":
        kind = "ordinary" if asked.ordinary else "hidden"
        how = asked.folder, kind, asked.compiler, asked.numerics, asked.count, asked.seconds
        write(*how, start=asked.first, size=asked.bytes, threads=asked.threads)
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
