"""Locks that a class opens: for whom they do, and what an attacker gets."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.class_names import on_white, shown
from benchmarks.intervals import wilson
from latebra.api.opened import models
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.core.keys import Key
from latebra.hiding import class_lock
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Shape, commit, direction, softened
from latebra.hiding.identity.locked import Embedded
from latebra.hiding.identity.turning import axes
from latebra.hiding.media import passage
from latebra.models.named import named
from latebra.models.thing import NETWORK, prepared
from training.zeroshot.emoji import NEEDED, STYLES

TRAINED = [at for at, each in enumerate(STYLES.values()) if each.trained]
ENROLLED = [at for at, name in enumerate(STYLES) if name in NEEDED]
OTHERS = [list(STYLES).index(name) for name in ("flat", "blobs", "emojione", "openmoji")]
SHOWN = 3
DESCRIBED = 40
ATTACKED = 20
HOPELESS = 0.62


def locks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns how often locks open for their class and for every other, and what guessing costs."""
    told = shown(arguments)
    unseen = np.flatnonzero(told["unseen"])
    every = np.flatnonzero(told["unseen"] | told["seen"] | told["choosing"])
    by_place, enrolled, others = drawings(told)
    shape = Shape(**models[NETWORK].about["shape"])
    network = open_network(
        Model(models.onnx(NETWORK), models[NETWORK]), "onnxruntime", isolated=False, threads=1
    )
    rng = np.random.default_rng(5)
    changed: dict[int, list[np.ndarray] | None] = dict.fromkeys(every)
    for kind in unseen:
        rows = [by_place[kind, style] for style in ENROLLED if (kind, style) in by_place]
        pictures = [altered(told["pictures"][row], rng) for row in rows]
        changed[kind] = [network.run({"picture": prepared(each)})["looks"][0] for each in pictures]
    rows = [
        opened("three drawings by others", unseen, enrolled, others, shape),
        opened("the enrolled drawings, changed", unseen, enrolled, changed, shape, others),
    ]
    names = dict(enumerate(named().vectors[:, None, :]))
    words = Shape(**models[NETWORK].about["description_shape"])
    chosen = np.random.default_rng(6).permutation(len(names))[:DESCRIBED]
    rows.append(opened("the description", chosen, names, names, words))
    return {
        "rows": rows,
        "shape": vars(shape),
    }


def drawings(
    told: Mapping[str, np.ndarray],
) -> tuple[dict[tuple[int, int], int], dict[int, Any], dict[int, Any]]:
    """Returns where each drawing stands, and looks of three that enrol and of three by others."""
    by_place = {
        (int(kind), int(style)): row
        for row, (kind, style) in enumerate(zip(told["classes"], told["styles"], strict=True))
    }
    every = np.flatnonzero(told["unseen"] | told["seen"] | told["choosing"])

    def drawn(kind: int, styles: Sequence[int]) -> list[np.ndarray] | None:
        rows = [by_place[kind, style] for style in styles if (kind, style) in by_place]
        return [told["looks"][row] for row in rows[:SHOWN]] if len(rows) >= SHOWN else None

    enrolled = {kind: drawn(kind, ENROLLED) for kind in every}
    return by_place, enrolled, {kind: drawn(kind, OTHERS) for kind in every}


def altered(emoji: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a picture turned, moved, made larger or smaller, lighter or darker, and JPEG."""
    image = Image.fromarray(on_white(emoji)).resize((96, 96), Image.Resampling.BICUBIC)
    turned = image.rotate(float(rng.uniform(-10, 10)), Image.Resampling.BICUBIC, fillcolor="white")
    scale, left, top = rng.uniform(0.9, 1.2), *rng.uniform(-6, 6, 2)
    side = 96 * scale
    box = (48 + left - side / 2, 48 + top - side / 2, 48 + left + side / 2, 48 + top + side / 2)
    moved = turned.transform((96, 96), Image.Transform.EXTENT, box, fillcolor="white")
    light = np.clip(np.asarray(moved) * rng.uniform(0.85, 1.0), 0, 255).astype(np.uint8)
    return passage.jpeg(light, 60)


def opened(
    name: str,
    kinds: np.ndarray,
    enrolled: Mapping[int, Any],
    probes: Mapping[int, Any],
    shape: Shape,
    impostors: Mapping[int, Any] | None = None,
) -> dict[str, Any]:
    """Returns how often locks of ``kinds`` open for themselves and for all other kinds."""
    strangers = {k: direction(v) for k, v in (impostors or probes).items() if v is not None}
    every = np.stack(list(strangers.values()))
    place = np.asarray(list(strangers))
    decoder = code(shape.secret_bits, shape.bits)
    trials = genuine = others = false = 0
    for number, kind in enumerate(kinds):
        if enrolled[kind] is None or probes[kind] is None:
            continue
        stream = Stream(number.to_bytes(32, "little"))
        secret = stream.child("secret").bits(shape.secret_bits)
        helper = commit(enrolled[kind], secret, shape, stream, stream.child("fresh"))
        turned = axes(stream, shape.dims)

        def reads(direction: np.ndarray) -> bool:
            found = decoder.decode(softened(turned @ direction, helper, shape))  # noqa: B023  # Called here.
            return found is not None and bool(np.array_equal(found, secret))  # noqa: B023  # Called here.

        trials += 1
        genuine += reads(direction(probes[kind]))
        # Signs that agree no more often than this have never been decoded; the rest are tried.
        chosen = helper.chosen(shape.bits)
        word = decoder.encode(secret) ^ helper.masked[chosen]
        agree = (((every @ turned[chosen].T) > 0) == (word > 0)).mean(axis=1)
        for at in np.flatnonzero((agree > HOPELESS) & (place != kind)):
            false += reads(every[at])
        others += int((place != kind).sum())
    low, high = wilson(trials - genuine, trials)
    return {
        "shown": name,
        "locks": trials,
        "opened": genuine,
        "open_rate": genuine / trials,
        "open_rate_95": [1 - high, 1 - low],
        "others": others,
        "false": false,
        "false_match_rate": false / others,
        "false_match_rate_95": wilson(false, others)[1],
    }


def dictionary(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what an attacker gets who has locks, the networks and everything public.

    First without a code word: all public classes in the drawings that enrolled, and all public
    names as descriptions. Then, with the class known, at a code word: all words of a list, of which
    one is right. Words are stretched by HKDF here: Argon2id, which a lock's word goes through,
    takes longer, and changes nothing else.
    """
    stored = dict(np.load(arguments.data / "emoji.npz"))
    rows = np.flatnonzero(np.isin(stored["styles"], ENROLLED))
    network = open_network(
        Model(models.onnx(NETWORK), models[NETWORK]), "onnxruntime", isolated=False, threads=1
    )
    looks: dict[int, list[np.ndarray]] = {}
    for row in rows:
        outputs = network.run({"picture": prepared(on_white(stored["pictures"][row]))})
        looks.setdefault(int(stored["classes"][row]), []).append(outputs["looks"][0])
    public = {kind: each for kind, each in looks.items() if len(each) >= SHOWN}
    names = dict(enumerate(named().vectors[:, None, :]))
    card = models[NETWORK].about
    shape, of_names = Shape(**card["shape"]), Shape(**card["description_shape"])
    rng = np.random.default_rng(7)
    unseen = rng.permutation(np.flatnonzero(stored["unseen"]))
    chosen = np.asarray([kind for kind in unseen if kind in public][:ATTACKED])
    called = rng.permutation(len(names))[:ATTACKED]
    shows = Embedded("thing", models[NETWORK].digest, shape, public[int(chosen[0])])
    words = [Key(hashlib.sha256(f"word {at}".encode()).digest()) for at in range(arguments.words)]
    inside = int(rng.integers(len(words)))
    file = class_lock.lock(b"x", [shows], code_word=words[inside])
    opening = [at for at, word in enumerate(words) if class_lock.opens(file, shows, code_word=word)]
    return {
        "public_classes": len(public),
        "public_names": len(names),
        "without_a_word": {
            "pictures": opened("all public classes", chosen, public, public, shape),
            "names": opened("all public names", called, names, names, of_names),
        },
        "with_a_word": {
            "wrong": len(words) - 1,
            "opened_by_wrong": sum(at != inside for at in opening),
            "opened_by_right": int(inside in opening),
        },
    }
