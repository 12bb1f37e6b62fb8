"""Frames in class tables: what comes through, who sees them, who reads them."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from attacks.suite import Evidence, evaluate
from benchmarks.intervals import wilson
from latebra.api.opened import Secrets, open_reader
from latebra.compiling.opening import installed
from latebra.core.errors import CompileError
from latebra.hiding.carriers.zeroshot import CHANNELS, Zeroshot
from latebra.hiding.channel import jitter as jitters
from latebra.hiding.channel.modem import Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media import class_tables

STREAM = Stream(bytes(range(32)))
TRIALS = {"float": 30, "int8": 30, "int4": 30}
TABLES, SMALL = 2_000, 10
"""How many tables detectors see, of how many classes."""
STRANGE = (
    "a letter that was never sent",
    "smoke over the harbour",
    "three hens and a ladder",
    "the last tram of the night",
    "snow on a tin roof",
    "a chess player thinking",
    "rust",
    "an orchard after rain",
    "children at a fair",
    "the smell of bread",
    "a broken oar",
    "morning traffic",
)
"""Names that no emoji has, so that the network makes their vectors."""


def rooms(_: argparse.Namespace) -> dict[str, Any]:
    """Returns how often a frame in each room comes back, at the first try."""
    carrier = open_reader("zeroshot", "onnxruntime", {}).carrier
    assert isinstance(carrier, Zeroshot)
    usual, rng = carrier.usual(), np.random.default_rng(1)
    found: dict[str, Any] = {}
    for channel, trials in TRIALS.items():
        largest = carrier.rooms(channel, usual)[-1]
        for room in carrier.rooms(channel, usual):
            count = trials if room == largest else trials // 3
            exact = 0
            start = time.process_time()
            for _ in range(count):
                frame, salt = rng.bytes(room), rng.bytes(carrier.salt_bytes(channel))
                made = carrier.embed(frame, salt, STREAM, channel, cover=usual)
                received = carrier.medium.send(made, channel, rng)
                reads = [each.frame for each in carrier.extract(received, STREAM, [channel])]
                exact += reads == [frame]
            found[f"{channel}-{room}"] = {
                "channel": channel,
                "frame_bits": 8 * room,
                "tables": count,
                "exact": exact,
                "failure_rate": 1 - exact / count,
                "failure_rate_95": wilson(count - exact, count),
                "processor_seconds": round((time.process_time() - start) / count, 3),
            }
    shape = list(usual["prototype"].shape)
    return {"table": shape, "jitter": jitters.JITTER, "channels": found}


def detection(_: argparse.Namespace) -> dict[str, Any]:
    """Returns what the attacks make of tables with a frame, beside tables with honest jitter."""
    carrier = open_reader("zeroshot", "onnxruntime", {}).carrier
    assert isinstance(carrier, Zeroshot)
    usual, rng = carrier.usual()[:SMALL], np.random.default_rng(2)
    form = jitters.table("float", usual["prototype"].size)
    room = form.rooms[-2]  # The largest one's code has no checks of few bits, which are attacked.
    modem = Modem(form, STREAM.child("float"))
    dims, planes = modem.layout(room)
    sent, stego, honest, covers = [], [], [], []
    for _ in range(TABLES):
        frame, salt = rng.bytes(room.size), rng.bytes(form.word.salt_bytes)
        sent.append(modem.modulate(frame, salt))
        stego.append(jitters.jittered(usual, sent[-1]))
        honest.append(rng.standard_normal(usual["prototype"].size, np.float32))
        covers.append(jitters.jittered(usual, honest[-1]))
    arrays = {
        "stego_noise": np.stack(sent),
        "cover_noise": np.stack(honest),
        "stego_latents": carrier.latents(stego),
        "cover_latents": carrier.latents(covers),
        "message_bits": np.asarray(8 * room.size),
        "coded_dims": dims,
        "coded_planes": planes,
        "coded_depths": form.depths[dims],
    }
    return evaluate(Evidence(arrays, 1), 0.0)


def matrix(_: argparse.Namespace) -> dict[str, Any]:
    """Returns who reads what whom wrote, where the text network makes the prototypes."""
    told: dict[str, np.ndarray] = {}
    refused: dict[str, str] = {}
    for name in installed():
        try:
            tower = open_reader("zeroshot", name, {}).networks[0]
            told[name] = tower.run({"names": np.asarray(STRANGE)})["prototypes"]
        except CompileError as error:
            refused[name] = str(error)
    secrets = Secrets("zeroshot", "", b"benchmarks/zeroshot")
    stream = secrets.stream(None)
    rng = np.random.default_rng(3)
    cells: dict[str, Any] = {writer: {} for writer in told}
    apart = {}
    for writer, prototypes in told.items():
        first = next(iter(told.values()))
        apart[writer] = float(np.abs(prototypes - first).max())
        own = class_tables.table(STRANGE, prototypes)
        carrier = Zeroshot({}, own)
        for channel in CHANNELS:
            room = carrier.rooms(channel, own)[-1]
            frame, salt = rng.bytes(room), rng.bytes(carrier.salt_bytes(channel))
            for _ in range(8):
                made = carrier.embed(frame, salt, stream, channel, cover=own)
                received = carrier.medium.send(made, channel, rng)
                if list(carrier.extract(received, stream, [channel])):
                    break
                salt = rng.bytes(carrier.salt_bytes(channel))
            for reader, theirs in told.items():
                other = Zeroshot({}, class_tables.table(STRANGE, theirs))
                found = [each.frame for each in other.extract(received, stream, [channel])]
                cell = cells[writer].setdefault(reader, {"frames": 0, "exact": 0})
                cell["frames"] += 1
                cell["exact"] += found == [frame]
    return {"cells": cells, "largest_difference": apart, "refused": refused}
