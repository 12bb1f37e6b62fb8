"""Hide with each compiler, reveal with each: how many messages come back, word for word.

    python -m benchmarks.matrix [--count 200] [--compilers ID ...] [--seconds S] [--again]

Every message is random and fills a picture through PNG. Each compiler paints the same noise and
reads every picture; nothing is verified while it is hidden, and nothing is painted twice. Where two
compilers paint the same bytes, a reader reads them once, and both count what it read. Labelled
variants take part as they are, their golden check relaxed to what their precision explains.

Writes ``benchmarks/results/matrix.json`` as it goes and goes on from there: ``--seconds`` ends a
turn, ``--again`` starts anew.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import latebra as lb
from benchmarks.machine import about
from latebra.api.opened import Reader, Secrets, carriers, digest_of, models
from latebra.compiling.golden import vouched
from latebra.compiling.opening import installed, open_network
from latebra.compiling.worker import make
from latebra.core.errors import NothingRevealed
from latebra.hiding import frame, parts
from latebra.hiding.frame import Profile

RESULT = Path(__file__).parent / "results" / "matrix.json"
CARRIER, CHANNEL = "diffusion", "png"
OPTIONS = {"kind": "bark"}
DIGEST = digest_of(models[name] for name in carriers[CARRIER].roles.values())
SECRETS = Secrets(CARRIER, DIGEST, b"benchmarks/matrix")
KEY = lb.Key(bytes(range(32)))
AT_ONCE = 2
"""Compilers that work at the same time, each in its own process with one thread."""


def contenders() -> list[str]:
    """Returns what is installed, and after each its variants."""
    return [
        name
        for here in installed()
        for name in (here, *(f"{here}:{variant}" for variant in lb.compilers[here].variants))
    ]


def opened(compiler: str) -> Reader:
    """Returns the carrier with its networks opened; a variant only has to be as right as it says.

    Args:
        compiler: An id, or ``id:variant``.
    """
    plugin, plain = carriers[CARRIER], make(compiler, 1)
    variant = plain.variants.get(plain.variant)
    networks = {}
    for role, name in plugin.roles.items():
        model = lb.Model(lb.models.onnx(name), lb.models[name])
        golden = model.card.golden
        if variant and golden:
            bare = replace(model, card=replace(model.card, golden=None))
            model = vouched(bare, golden, variant.bound)
        networks[role] = open_network(model, compiler, threads=1)
    return Reader(plugin.create(networks, OPTIONS), compiler, SECRETS.digest, (*networks.values(),))


def message(number: int, room: int, salt_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Returns a random message, the salt of its picture, and its sealed frame."""
    rng = np.random.default_rng([1, number])
    text, salt = rng.bytes(lb.capacity(channel=CHANNEL, **OPTIONS)), rng.bytes(salt_bytes)
    sealed = frame.seal(
        parts.split(text, len(text) + 1)[0],
        SECRETS.binding(salt),
        key=KEY,
        profile=Profile.COMPACT,
        room=room,
    )
    return text, salt, sealed


def revealed(reader: Reader, picture: np.ndarray) -> bytes | None:
    """Returns the message that a picture carries, or None."""
    for found in reader.carrier.extract(picture, SECRETS.stream(KEY), [CHANNEL]):
        try:
            held = frame.unseal(
                found.frame, SECRETS.binding(found.salt), key=KEY, profile=Profile.COMPACT
            )
        except NothingRevealed:
            continue
        return parts.join([held.message])
    return None


def passed(number: int, readers: Sequence[Reader], pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Returns who read what each wrote of one message, and how many pictures were distinct."""
    carrier = readers[0].carrier
    room, salt_bytes = carrier.rooms(CHANNEL)[-1], carrier.salt_bytes(CHANNEL)
    text, salt, sealed = message(number, room, salt_bytes)

    def write(writer: Reader) -> np.ndarray:
        return writer.carrier.embed(sealed, salt, SECRETS.stream(KEY), CHANNEL)

    pictures = list(pool.map(write, readers))
    distinct = {picture.tobytes(): picture for picture in pictures}

    def read(reader: Reader) -> dict[bytes, bool]:
        return {held: revealed(reader, each) == text for held, each in distinct.items()}

    found = list(pool.map(read, readers))
    right = {
        writer.compiler: {
            reader.compiler: told[picture.tobytes()]
            for reader, told in zip(readers, found, strict=True)
        }
        for writer, picture in zip(readers, pictures, strict=True)
    }
    return {"right": right, "distinct": len(distinct)}


def counted(result: dict[str, Any], found: dict[str, Any]) -> None:
    """Adds one message to the cells."""
    for writer, told in found["right"].items():
        for reader, right in told.items():
            cell = (
                result["cells"]
                .setdefault(writer, {})
                .setdefault(reader, {"messages": 0, "exact": 0})
            )
            cell["messages"] += 1
            cell["exact"] += right
    result["messages"] += 1
    result["distinct_pictures"] += found["distinct"]


def main() -> None:
    """Fills the matrix, as far as there is time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--compilers", nargs="+", default=contenders())
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    start = time.monotonic()
    result = _kept(arguments)
    before = result["seconds"]
    readers = [opened(name) for name in arguments.compilers]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while result["messages"] < arguments.count:
            number = result["messages"]
            counted(result, passed(number, readers, pool))
            spent = time.monotonic() - start
            result["seconds"] = round(before + spent)
            arguments.result.write_text(json.dumps({**about(), **result}, indent=1) + "\n")
            print(f"{number + 1} of {arguments.count}: {spent:.0f} s", flush=True)
            if spent > arguments.seconds:
                break


def _kept(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the result to go on from."""
    if arguments.result.exists() and not arguments.again:
        kept: dict[str, Any] = json.loads(arguments.result.read_text())
        if kept.get("compilers") == arguments.compilers:
            return kept
    return {
        "message_bits": 8 * lb.capacity(channel=CHANNEL, **OPTIONS),
        "before_verification": True,
        "compilers": arguments.compilers,
        "seconds": 0,
        "messages": 0,
        "distinct_pictures": 0,
        "cells": {},
    }


if __name__ == "__main__":
    main()
