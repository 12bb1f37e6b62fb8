"""What breaks helpers in the clear, tried on vaults: regression, linking, telling, guessing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.template import read_as_helper, recovered
from benchmarks.voices import SAME, centre, embeddings, people
from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.hiding.audit.roc import area
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Shape, commit, direction, recover
from latebra.hiding.identity.locked import Embedded, helper_under, lock, unlock
from latebra.hiding.identity.turning import axes
from latebra.models.embedders.catalogue import facts

TOGETHER = 3
"""Stretches that a voice is enrolled with."""
WORDS = 3_000


def attacks(folder: Path) -> dict[str, Any]:
    """Tries to get embeddings out of helpers, to link vaults, and to guess words."""
    rows, shape = _voices(folder)
    return {
        "regression": regression(rows, shape),
        "linking": linking(rows, shape),
        "second_factor": even(rows, shape),
    }


def _voices(folder: Path) -> tuple[dict[str, list[NDArray[np.float32]]], Shape]:
    """Returns stretches of those who have enough for two sets of six enrolments."""
    middle = centre(people(folder))
    rows = {
        name: list(raw - middle)
        for name, raw in embeddings(folder, tested=True).items()
        if len(raw) >= 2 * 6 * TOGETHER and name not in SAME
    }
    return rows, Shape(**facts("voice")["shape"])


def regression(rows: dict[str, list[NDArray[np.float32]]], shape: Shape) -> dict[str, Any]:
    """Finds embeddings from helpers in the clear, and from vaults."""
    found: dict[str, Any] = {}
    for count in (1, 2, 4, 6):
        cosines: dict[str, list[float]] = {"clear": [], "vault": []}
        opened: dict[str, list[bool]] = {"clear": [], "vault": []}
        for number, vectors in enumerate(rows.values()):
            parts = [vectors[at * TOGETHER : (at + 1) * TOGETHER] for at in range(count)]
            mean = np.mean([v / np.linalg.norm(v) for v in vectors[: count * TOGETHER]], axis=0)
            for name, vaults in cleared_and_sealed(parts, shape, number).items():
                vector = recovered(*vaults[:2], shape)
                cosines[name].append(abs(float(vector @ mean / np.linalg.norm(mean))))
                opened[name].append(any(vaults[2](s * vector) for s in (1, -1)))
        found[str(count)] = {
            name: {"cosine": float(np.mean(cosines[name])), "opened": sum(opened[name])}
            | {"people": len(rows)}
            for name in cosines
        }
    return found


def cleared_and_sealed(
    parts: list[list[NDArray[np.float32]]], shape: Shape, number: int
) -> dict[str, Any]:
    """Returns helpers in the clear, what can be taken for helpers of vaults, and what opens each.

    The first of the parts is the one that is to be opened.
    """
    rng = np.random.default_rng(number)
    key = Key(rng.bytes(32))
    seeds = [rng.bytes(32) for _ in parts]
    secrets = [Stream(rng.bytes(32)).bits(shape.secret_bits) for _ in parts]
    helpers = [
        commit(part, secret, shape, Stream(seed), Stream(rng.bytes(32)))
        for part, secret, seed in zip(parts, secrets, seeds, strict=True)
    ]
    vaults = [lock(b"content", wrapped(part, shape), factor=key) for part in parts]
    read = [read_as_helper(vault, shape) for vault in vaults]
    first = Stream(seeds[0])

    def opens_clear(vector: NDArray[np.float64]) -> bool:
        got = recover([vector.astype(np.float32)], helpers[0], shape, first)
        return got is not None and bool((got == secrets[0]).all())

    def opens_vault(vector: NDArray[np.float64]) -> bool:
        return opens(vaults[0], vector.astype(np.float32), shape, key)

    return {
        "clear": (helpers, seeds, opens_clear),
        "vault": ([each[0] for each in read], [each[1] for each in read], opens_vault),
    }


def linking(rows: dict[str, list[NDArray[np.float32]]], shape: Shape) -> dict[str, Any]:
    """Links two sets of vaults of one person, by what helpers give and by their bits."""
    names = sorted(rows)
    scores: dict[str, dict[bool, list[float]]] = {
        name: {True: [], False: []} for name in ("clear", "vault", "bits")
    }
    made = {
        name: [
            cleared_and_sealed(
                [rows[name][(half * 6 + at) * TOGETHER :][:TOGETHER] for at in range(6)],
                shape,
                17 * number + half,
            )
            for half in range(2)
        ]
        for number, name in enumerate(names)
    }
    guessed = {
        name: [{key: recovered(*each[key][:2], shape) for key in each} for each in halves]
        for name, halves in made.items()
    }
    rng = np.random.default_rng(0)
    for one in names:
        for other in names:
            for key in ("clear", "vault"):
                score = abs(float(guessed[one][0][key] @ guessed[other][1][key]))
                scores[key][one == other].append(score)
    for number in range(400):
        is_same = number % 2 == 0
        one, other = rng.choice(names, 2, replace=False)
        first, second = (
            np.unpackbits(
                np.frombuffer(
                    lock(b"content", wrapped(rows[name][:TOGETHER], shape), factor=Key(bytes(32))),
                    np.uint8,
                )
            )
            for name in (one, one if is_same else other)
        )
        scores["bits"][is_same].append(float((first == second).mean()))
    return {
        name: {
            "linkability": linkability(np.array(each[True]), np.array(each[False])),
            "mated": len(each[True]),
            "others": len(each[False]),
        }
        for name, each in scores.items()
    }


def linkability(mated: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Returns D_sys of Gomez-Barrero et al., IEEE Trans. Inf. Forensics Secur. 13(6), 2018.

    The two densities are histograms over six cells of equal numbers of all scores; what chance
    alone gives for so many scores, drawn from one population, is taken off.
    """
    raw = _global(mated, others)
    rng = np.random.default_rng(1)
    pooled = np.concatenate([mated, others])
    chance = []
    for _ in range(200):
        mixed = rng.permutation(pooled)
        chance.append(_global(mixed[: len(mated)], mixed[len(mated) :]))
    return max(0.0, raw - float(np.mean(chance)))


def _global(mated: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    edges = np.quantile(np.concatenate([mated, others]), np.linspace(0, 1, 7))
    edges[0], edges[-1] = -np.inf, np.inf
    p, q = (np.histogram(each, edges)[0] / len(each) for each in (mated, others))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(q > 0, p / q, np.inf)
    local = np.where(ratio <= 1, 0.0, np.where(np.isinf(ratio), 1.0, 2 * ratio / (1 + ratio) - 1))
    return float((p * local).sum())


def even(rows: dict[str, list[NDArray[np.float32]]], shape: Shape) -> dict[str, Any]:
    """Tells the right second factor from a wrong one by whether sizes are spread evenly.

    The control stores sizes of a vector of length one, as they are.
    """
    scores: dict[str, tuple[list[float], list[float]]] = {"energy": ([], []), "control": ([], [])}
    for number in range(200):
        vectors = list(rows.values())[number % len(rows)]
        at = number // len(rows) * TOGETHER % (len(vectors) - TOGETHER)
        rng = np.random.default_rng(number)
        key = Key(rng.bytes(32))
        vault = lock(b"content", wrapped(vectors[at : at + TOGETHER], shape), factor=key)
        for factor, found in zip((key, Key(bytes(32))), scores["energy"], strict=True):
            sizes = helper_under(vault, shape, factor=factor)[0].sizes.astype(float)
            found.append(-abs(float(((sizes - 127.5) ** 2).mean()) - (256**2 - 1) / 12))
        seen = axes(Stream(rng.bytes(32)), shape.dims) @ direction(vectors[at : at + TOGETHER])
        noise = rng.standard_normal(shape.dims)
        for vector, found in zip((seen * shape.dims**0.5, noise), scores["control"], strict=True):
            found.append(-abs(float((vector**2).mean()) - 1))
    return {
        name: str(area(np.array(right), np.array(wrong))) for name, (right, wrong) in scores.items()
    }


def told_by_spread(samples: NDArray[np.float64], shape: Shape, vaults: int) -> dict[str, Any]:
    """Tells the right second factor from a wrong one by who knows how samples are spread.

    The analyst knows the covariance of all samples; sizes along an axis are held against what is
    usual along it.
    """
    unit = samples / np.linalg.norm(samples, axis=1, keepdims=True)
    spread = unit.T @ unit / len(unit)
    scores: tuple[list[float], list[float]] = ([], [])
    for number in range(vaults):
        key = Key(np.random.default_rng(number).bytes(32))
        one = unit[number * len(unit) // vaults].astype(np.float32)
        vault = lock(b"content", wrapped([one], shape), factor=key)
        for factor, found in zip((key, Key(bytes(32))), scores, strict=True):
            helper, seed = helper_under(vault, shape, factor=factor)
            looks = axes(Stream(seed), shape.dims)
            usual = np.einsum("ij,jk,ik->i", looks, spread, looks, optimize=True)
            found.append(float(np.corrcoef(helper.sizes.astype(float), usual)[0, 1]))
    found = area(np.array(scores[0]), np.array(scores[1]))
    return {"text": str(found), "value": found.value, "low": found.low, "vaults": vaults}


def dictionary(folder: Path) -> dict[str, Any]:
    """Tries words on a vault with a stranger's voice, then with the right one.

    Words stand for keys that Argon2id has already made of them: what is measured is whether any
    opens, not what stretching costs.
    """
    rows, shape = _voices(folder)
    names = sorted(rows)
    words = [np.random.default_rng(number).bytes(32) for number in range(WORDS)]
    right = WORDS // 3
    mine, stranger = rows[names[0]], rows[names[1]]
    vault = lock(b"content", wrapped(mine[:TOGETHER], shape), factor=Key(words[right]))
    start = time.perf_counter()
    opened = sum(opens(vault, stranger[0], shape, Key(word)) for word in words)
    took = time.perf_counter() - start
    own = sum(
        opens(vault, mine[TOGETHER + 1], shape, Key(word)) for word in words[right - 20 :][:40]
    )
    start = time.perf_counter()
    Key.from_passphrase("five words that were drawn").root(bytes(16))
    return {
        "words": WORDS,
        "opened_by_stranger": opened,
        "control_words": 40,
        "control_opened": own,
        "try_ms": 1000 * took / WORDS,
        "argon2id_ms": 1000 * (time.perf_counter() - start),
    }


def wrapped(samples: Sequence[NDArray[np.float32]], shape: Shape) -> Embedded:
    """Returns samples as vaults take them."""
    return Embedded("voice", "measured", shape, samples)


def opens(vault: bytes, vector: NDArray[np.float32], shape: Shape, key: Key) -> bool:
    """Returns whether a vault opens."""
    try:
        unlock(vault, wrapped([vector], shape), factor=key)
    except NothingRevealed:
        return False
    return True
