"""What the picture encoder names, beside others, and what jitter takes from it."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from PIL import Image

from latebra.api.opened import models
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.hiding.channel import jitter as jitters
from latebra.hiding.media import class_tables
from latebra.models.named import named
from latebra.models.thing import NETWORK, prepared
from training.zeroshot.emoji import STYLES

TABLES_COST = 20
TRAINED = [at for at, each in enumerate(STYLES.values()) if each.trained]
JUDGED = [at for at, each in enumerate(STYLES.values()) if not each.trained]


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
