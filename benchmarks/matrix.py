"""Hide with each compiler, reveal with each: how many messages come back, word for word.

    python -m benchmarks.matrix [--carrier ID] [--count 200] [--compilers ID ...] [--seconds S]

Every message is random and fills a picture through one channel. Each compiler paints from the
same salt and reads every picture; nothing is verified while it is hidden, and nothing is painted
twice. Where two compilers paint the same bytes, a reader reads them once, and both count what it
read. Labelled variants take part as they are, their golden check relaxed to what their precision
explains.

Writes ``benchmarks/results/matrix.json``, or ``matrix_ID.json`` for other carriers than diffusion,
as it goes and goes on from there: ``--seconds`` ends a turn, ``--again`` starts anew.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
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

RESULTS = Path(__file__).parent / "results"
KEY = lb.Key(bytes(range(32)))
AT_ONCE = 2
"""Compilers that work at the same time, each in its own process with one thread."""


@dataclass(frozen=True)
class Way:
    """How the messages travel.

    Args:
        carrier: A carrier's id.
        channel: What the pictures go through.
        options: The carrier's.
    """

    carrier: str
    channel: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def secrets(self) -> Secrets:
        """What both ends derive from the key."""
        names = carriers[self.carrier].models(self.options).values()
        digest = digest_of(models[name] for name in names)
        return Secrets(self.carrier, digest, b"benchmarks/matrix")

    @property
    def result(self) -> Path:
        """Where it is written."""
        usual = self.carrier == next(iter(WAYS))
        return RESULTS / ("matrix.json" if usual else f"matrix_{self.carrier}.json")


WAYS = {
    way.carrier: way
    for way in (
        Way("diffusion", "png", {"kind": "bark"}),
        Way("pixels", "png"),
        Way("gan", "jpeg75", {"kind": "stone"}),
    )
}


def contenders(carrier: str) -> list[str]:
    """Returns what is installed, and after each its variants, unless the carrier's nets are exact.

    Of exact networks a variant computes something else, and says so.
    """
    exact = all(models[name].tier == "T1" for name in carriers[carrier].roles.values())
    if exact:
        return installed()
    return [
        name
        for here in installed()
        for name in (here, *(f"{here}:{variant}" for variant in lb.compilers[here].variants))
    ]


def opened(way: Way, compiler: str) -> Reader:
    """Returns the carrier with its networks opened; a variant only has to be as right as it says.

    Args:
        way: Whose carrier.
        compiler: An id, or ``id:variant``.
    """
    plugin, plain = carriers[way.carrier], make(compiler, 1)
    variant = plain.variants.get(plain.variant)
    networks = {}
    for role, name in plugin.roles.items():
        model = lb.Model(lb.models.onnx(name), lb.models[name])
        golden = model.card.golden
        if variant and golden:
            bare = replace(model, card=replace(model.card, golden=None))
            model = vouched(bare, golden, variant.bound)
        networks[role] = open_network(model, compiler, threads=1)
    carrier = plugin.create(networks, way.options)
    return Reader(carrier, compiler, way.secrets.digest, (*networks.values(),))


def message(way: Way, number: int, room: int, salt_bytes: int) -> tuple[bytes, bytes, bytes]:
    """Returns a random message, the salt of its picture, and its sealed frame."""
    rng = np.random.default_rng([1, number])
    text, salt = rng.bytes(held(way)), rng.bytes(salt_bytes)
    sealed = frame.seal(
        parts.split(text, len(text) + 1)[0],
        way.secrets.binding(salt),
        key=KEY,
        profile=Profile.COMPACT,
        room=room,
    )
    return text, salt, sealed


def held(way: Way) -> int:
    """Returns how many bytes of message fill a picture."""
    return lb.capacity(carrier=way.carrier, channel=way.channel, **way.options)


def revealed(way: Way, reader: Reader, picture: np.ndarray) -> bytes | None:
    """Returns the message that a picture carries, or None."""
    secrets = way.secrets
    for found in reader.carrier.extract(picture, secrets.stream(KEY), [way.channel]):
        try:
            opened = frame.unseal(
                found.frame, secrets.binding(found.salt), key=KEY, profile=Profile.COMPACT
            )
        except NothingRevealed:
            continue
        return parts.join([opened.message])
    return None


def passed(
    way: Way, number: int, readers: Sequence[Reader], pool: ThreadPoolExecutor
) -> dict[str, Any]:
    """Returns who read what each wrote of one message, and how many pictures were distinct."""
    carrier, channel = readers[0].carrier, way.channel
    room, salt_bytes = carrier.rooms(channel)[-1], carrier.salt_bytes(channel)
    text, salt, sealed = message(way, number, room, salt_bytes)

    def write(writer: Reader) -> np.ndarray:
        return np.asarray(writer.carrier.embed(sealed, salt, way.secrets.stream(KEY), channel))

    pictures = list(pool.map(write, readers))
    arrived = {
        each.tobytes(): np.asarray(
            carrier.medium.send(each, channel, np.random.default_rng([2, number]))
        )
        for each in pictures
    }

    def read(reader: Reader) -> dict[bytes, bool]:
        return {name: revealed(way, reader, each) == text for name, each in arrived.items()}

    found = list(pool.map(read, readers))
    right = {
        writer.compiler: {
            reader.compiler: told[picture.tobytes()]
            for reader, told in zip(readers, found, strict=True)
        }
        for writer, picture in zip(readers, pictures, strict=True)
    }
    return {"right": right, "distinct": len(arrived)}


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
    parser.add_argument("--carrier", default="diffusion", choices=[*WAYS])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--compilers", nargs="+", help="what is installed, unless told")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--result", type=Path, help="another file than the usual one")
    arguments = parser.parse_args()
    way = WAYS[arguments.carrier]
    arguments.result = arguments.result or way.result
    arguments.compilers = arguments.compilers or contenders(way.carrier)
    start = time.monotonic()
    result = _kept(way, arguments)
    before = result["seconds"]
    readers = [opened(way, name) for name in arguments.compilers]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while result["messages"] < arguments.count:
            number = result["messages"]
            counted(result, passed(way, number, readers, pool))
            spent = time.monotonic() - start
            result["seconds"] = round(before + spent)
            arguments.result.write_text(json.dumps({**about(), **result}, indent=1) + "\n")
            print(f"{number + 1} of {arguments.count}: {spent:.0f} s", flush=True)
            if spent > arguments.seconds:
                break


def _kept(way: Way, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the result to go on from."""
    if arguments.result.exists() and not arguments.again:
        kept: dict[str, Any] = json.loads(arguments.result.read_text())
        if kept.get("compilers") == arguments.compilers:
            return kept
    return {
        "message_bits": 8 * held(way),
        "before_verification": True,
        "compilers": arguments.compilers,
        "seconds": 0,
        "messages": 0,
        "distinct_pictures": 0,
        "cells": {},
    }


if __name__ == "__main__":
    main()
