"""Texts with messages and without, written by real compilers, several in one batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lockstep import Lockstep
from latebra.api.language import LanguageNetwork
from latebra.api.opened import Secrets, digest_of
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.carriers.language import SALT, SIZES, Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Encoder, edges
from latebra.hiding.media.texts import settled
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.agreement import Agreement
from latebra.hiding.tokens.cached import ROOMS
from latebra.hiding.tokens.tables import Levels

ROWS = 8
KEY = Key(bytes(range(32)))
OVERHEAD = 18
"""Bytes of a frame beside the message: a count of parts, a length, and the seal's 16."""
TICK = Agreement().tick_bits
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
    rows: int = ROWS,
    rooms: tuple[int, int] = ROOMS,
) -> None:
    """Writes ``count`` texts more, ``rows`` at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    network = LanguageNetwork("smollm2", compiler, threads=threads)
    begin = time.perf_counter()
    for _ in range(-(-count // rows)):
        if time.perf_counter() - begin > seconds:
            break
        first = max([start, *(1 + line["number"] for line in written(folder, kind))])
        before = time.perf_counter()
        made = together(network, kind, numerics, first, size, rows=rows, rooms=rooms)
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
