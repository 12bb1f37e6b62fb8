"""Measure hiding in class tables: what comes through, what it costs, who sees it, who reads it.

    python -m benchmarks.zeroshot rooms|cost|detection|matrix|classifier|locks ... [--data FOLDER]

``cost``, ``classifier`` and ``locks`` need the pictures that ``training.zeroshot.emoji`` gathers.
Each part is kept in ``benchmarks/results/zeroshot.json`` beside the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from attacks.suite import Evidence, evaluate
from benchmarks.machine import about
from latebra.api.opened import Secrets, models, open_reader
from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network
from latebra.core.errors import CompileError
from latebra.core.keys import Key
from latebra.hiding import class_lock
from latebra.hiding.carriers.zeroshot import CHANNELS, Zeroshot
from latebra.hiding.channel import jitter as jitters
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.modem import Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Shape, commit, direction, softened
from latebra.hiding.identity.locked import Embedded
from latebra.hiding.identity.turning import axes
from latebra.hiding.media import class_tables, passage
from latebra.models.named import named
from latebra.models.thing import NETWORK, prepared
from training.zeroshot.emoji import NEEDED, STYLES

RESULT = Path(__file__).parent / "results" / "zeroshot.json"
STREAM = Stream(bytes(range(32)))
TRIALS = {"float": 30, "int8": 30, "int4": 30}
TABLES, SMALL = 600, 10
"""How many tables detectors see, of how many classes."""
TABLES_COST = 20
TRAINED = [at for at, each in enumerate(STYLES.values()) if each.trained]
ENROLLED = [at for at, name in enumerate(STYLES) if name in NEEDED]
OTHERS = [at for at in range(len(STYLES)) if at not in ENROLLED]
SHOWN = 3
DESCRIBED = 40
ATTACKED = 20
HOPELESS = 0.62
JUDGED = [at for at, each in enumerate(STYLES.values()) if not each.trained]
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


def wilson(failed: int, trials: int) -> list[float]:
    """Returns Wilson's 95 % interval of a rate."""
    z, rate = 1.959964, failed / trials
    middle = rate + z * z / (2 * trials)
    spread = z * np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2))
    scale = 1 + z * z / trials
    return [max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)]


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


def shown(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Returns what the bundled network makes of every picture, kept beside the pictures."""
    kept = arguments.data / "shown.npz"
    stored = dict(np.load(arguments.data / "emoji.npz"))
    if not kept.exists():
        model = Model(models.onnx(NETWORK), models[NETWORK])
        network = open_network(model, "onnxruntime", isolated=False, threads=1)
        found: dict[str, list[np.ndarray]] = {"meaning": [], "looks": []}
        for emoji in stored["pictures"]:
            outputs = network.run({"picture": prepared(on_white(emoji))})
            for name, rows in found.items():
                rows.append(outputs[name][0])
        np.savez(kept, digest=models[NETWORK].digest, **{k: np.stack(v) for k, v in found.items()})
    told = dict(np.load(kept))
    if str(told.pop("digest")) != models[NETWORK].digest:
        raise SystemExit(f"{kept} is of another network: remove it")
    return {**stored, **told}


def on_white(emoji: np.ndarray) -> np.ndarray:
    """Returns an emoji (4, 64, 64) with opacity as a picture (64, 64, 3) on white."""
    opacity = emoji[3:].astype(np.float32) / 255
    laid = emoji[:3] * opacity + 255 * (1 - opacity)
    return np.rint(laid).astype(np.uint8).transpose(1, 2, 0)


def vectors(arguments: argparse.Namespace) -> np.ndarray:
    """Returns the prototype of each class of the data."""
    told = json.loads((arguments.data / "emoji.json").read_text(encoding="utf-8"))
    places = named().places()
    return named().vectors[[places[each["name"]] for each in told]]


def hits(scores: np.ndarray, own: np.ndarray, most: int) -> float:
    """Returns the share of rows whose own column is among the ``most`` highest."""
    place = (scores >= scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return float((place <= most).mean())


def figures(meaning: np.ndarray, told: dict[str, np.ndarray], table: np.ndarray) -> dict[str, Any]:
    """Returns how often pictures are named right; ``table`` has a prototype for each class.

    Among all names, pictures are of the style that nothing was trained on, of classes that were
    trained on in other styles and of such that were not.
    """
    scores, own = unseen_scores(meaning, told, table)
    found: dict[str, Any] = {f"top{most}": hits(scores, own, most) for most in (1, 5)}
    every = np.flatnonzero(told["seen"] | told["unseen"])
    for name in ("seen", "unseen"):
        rows = np.flatnonzero(told[name][told["classes"]] & np.isin(told["styles"], JUDGED))
        scores = meaning[rows] @ table[every].T
        found[name] = hits(scores, np.searchsorted(every, told["classes"][rows]), 1)
    found["harmonic"] = (
        2 * found["seen"] * found["unseen"] / max(found["seen"] + found["unseen"], 1e-9)
    )
    return found


def unseen_scores(
    meaning: np.ndarray, told: dict[str, np.ndarray], table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what pictures of unseen classes score at those classes, and which is their own."""
    unseen = np.flatnonzero(told["unseen"])
    rows = np.flatnonzero(np.isin(told["classes"], unseen) & np.isin(told["styles"], TRAINED))
    return meaning[rows] @ table[unseen].T, np.searchsorted(unseen, told["classes"][rows])


def classifier(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the classifier beside a linear one on pixels, and chance."""
    told, table = shown(arguments), vectors(arguments)
    unseen, every = int(told["unseen"].sum()), int((told["seen"] | told["unseen"]).sum())
    chance = {"top1": 1 / unseen, "top5": 5 / unseen, "seen": 1 / every, "unseen": 1 / every}
    rows = [
        {"method": "the bundled encoder", **figures(told["meaning"], told, table)},
        {"method": "ESZSL on pixels", **figures(eszsl(told, table), told, table)},
        {"method": "chance", **chance, "harmonic": 1 / every},
    ]
    indices = np.flatnonzero(told["unseen"])
    styles = {}
    for at, name in enumerate(STYLES):
        rows_of = np.flatnonzero(np.isin(told["classes"], indices) & (told["styles"] == at))
        scores = told["meaning"][rows_of] @ table[indices].T
        styles[name] = hits(scores, np.searchsorted(indices, told["classes"][rows_of]), 1)
    return {
        "unseen_classes": unseen,
        "seen_classes": int(told["seen"].sum()),
        "parameters": models[NETWORK].about["parameters"],
        "rows": rows,
        "unseen_top1_by_style": styles,
    }


def eszsl(told: dict[str, np.ndarray], table: np.ndarray) -> np.ndarray:
    """Returns vectors by ESZSL (Romera-Paredes, Torr, ICML 2015, eq. 10) on 12 by 12 pixels.

    Its two ridges were chosen on the classes for choosing, among powers of ten.
    """
    small = np.stack([_small(emoji) for emoji in told["pictures"]])
    seen = np.flatnonzero(told["seen"])
    rows = np.flatnonzero(np.isin(told["classes"], seen) & np.isin(told["styles"], TRAINED))
    mean = small[rows].mean(axis=0)
    every = small - mean
    x, label = every[rows], np.searchsorted(seen, told["classes"][rows])
    s = table[seen].T
    targets = np.zeros((x.shape[1], len(seen)))
    np.add.at(targets.T, label, 2 * x)
    targets -= x.sum(axis=0)[:, None]
    choosing = np.flatnonzero(told["choosing"])
    judged = np.flatnonzero(np.isin(told["classes"], choosing) & np.isin(told["styles"], TRAINED))
    own = np.searchsorted(choosing, told["classes"][judged])
    best, chosen = -1.0, np.zeros(0)
    for gamma in 10.0 ** np.arange(0, 5):
        left = np.linalg.solve(x.T @ x + gamma * np.eye(x.shape[1]), targets @ s.T)
        for ridge in 10.0 ** np.arange(-2, 3):
            v = left @ np.linalg.inv(s @ s.T + ridge * np.eye(len(s)))
            share = hits(every[judged] @ v @ table[choosing].T, own, 1)
            if share > best:
                best, chosen = share, v
    return every @ chosen


def _small(emoji: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(on_white(emoji)).resize((12, 12), Image.Resampling.BOX)
    return np.asarray(picture, np.float64).ravel() / 255


def cost(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what jitter, and saving in fewer bits, take from the classifier: many tables each."""
    told, plain = shown(arguments), vectors(arguments)
    names = [str(at) for at in range(len(plain))]
    medium, rng = class_tables.ClassTables(), np.random.default_rng(4)
    scores, own = unseen_scores(told["meaning"], told, plain)
    before, named_before = hits(scores, own, 1), scores.argmax(axis=1)
    rows = []
    for jitter in (0.0, jitters.JITTER, 2 * jitters.JITTER):
        for channel in ("float", "int8", "int4"):
            lost, same = [], []
            for _ in range(TABLES_COST if jitter else 1):
                noise = rng.standard_normal(plain.shape).astype(np.float32)
                moved = plain + np.float32(jitter) * noise
                moved /= np.linalg.norm(moved, axis=1, keepdims=True)
                sent = medium.send(class_tables.table(names, moved), channel, rng)["prototype"]
                sent = sent / np.linalg.norm(sent, axis=1, keepdims=True)
                scores, own = unseen_scores(told["meaning"], told, sent)
                lost.append(before - hits(scores, own, 1))
                same.append(float((scores.argmax(axis=1) == named_before).mean()))
            rows.append(
                {
                    "jitter": jitter,
                    "saved as": channel,
                    "tables": len(lost),
                    "top1": before - float(np.mean(lost)),
                    "top1_lost": float(np.mean(lost)),
                    "top1_lost_95": float(1.96 * np.std(lost) / len(lost) ** 0.5),
                    "same": float(np.mean(same)),
                }
            )
    return {"rows": rows}


def locks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns how often locks open for their class and for every other, and what guessing costs."""
    told = shown(arguments)
    by_place = {
        (int(kind), int(style)): row
        for row, (kind, style) in enumerate(zip(told["classes"], told["styles"], strict=True))
    }
    unseen = np.flatnonzero(told["unseen"])
    every = np.flatnonzero(told["unseen"] | told["seen"] | told["choosing"])
    looks = told["looks"]

    def drawn(kind: int, styles: Sequence[int]) -> list[np.ndarray] | None:
        rows = [by_place[kind, style] for style in styles if (kind, style) in by_place]
        return [looks[row] for row in rows[:SHOWN]] if len(rows) >= SHOWN else None

    shape = Shape(**models[NETWORK].about["shape"])
    enrolled = {kind: drawn(kind, ENROLLED) for kind in every}
    others = {kind: drawn(kind, OTHERS) for kind in every}
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
        "dictionary": dictionary(unseen, enrolled, shape, arguments.words),
    }


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


def dictionary(
    unseen: np.ndarray, enrolled: Mapping[int, Any], shape: Shape, count: int
) -> dict[str, Any]:
    """Returns what an attacker gets who has locks and all public classes in the same drawings.

    First without a code word; then, with the class known, at a code word that is in a list and at
    one that is not. Words are stretched by HKDF here: Argon2id, which a lock's word goes through,
    takes longer, and changes nothing else.
    """
    rng = np.random.default_rng(7)
    public = {kind: each for kind, each in enrolled.items() if each is not None}
    chosen = [kind for kind in rng.permutation(unseen) if kind in public][:ATTACKED]
    digest = models[NETWORK].digest

    def shows(kind: int) -> Embedded:
        return Embedded("thing", digest, shape, public[kind])

    plain = sum(class_lock.opens(class_lock.lock(b"x", [shows(k)]), shows(k)) for k in chosen)
    words = [Key(hashlib.sha256(f"word {at}".encode()).digest()) for at in range(count)]
    inside = int(rng.integers(count))
    results = {}
    for name, word in (("listed", words[inside]), ("unlisted", Key.generate())):
        file = class_lock.lock(b"x", [shows(chosen[0])], code_word=word)
        found = [
            at
            for at in range(count)
            if class_lock.opens(file, shows(chosen[0]), code_word=words[at])
        ]
        results[name] = {"tried": count, "opened": len(found), "right": found == [inside]}
    return {
        "public_classes": len(public),
        "without_a_word": {"locks": len(chosen), "opened": plain},
        "with_a_word": results,
    }


def main() -> None:
    """Measures the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = {each.__name__: each for each in (rooms, detection, matrix, classifier, cost, locks)}
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="PART")
    parser.add_argument("--data", type=Path, help="what training.zeroshot.emoji wrote")
    parser.add_argument("--words", type=int, default=10_000, help="that an attacker tries")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    for part in arguments.parts:
        start = time.process_time()
        found = parts[part](arguments)
        kept = json.loads(arguments.result.read_text()) if arguments.result.exists() else {}
        kept |= about() | {part: found}
        arguments.result.write_text(json.dumps(kept, indent=1) + "\n")
        print(part, f"{time.process_time() - start:.1f} processor seconds", flush=True)


if __name__ == "__main__":
    main()
