"""Measure vaults behind a voice, a text or a picture: who opens them, and what breaks them.

    python -m benchmarks.voices --folder work/voices                # once, some minutes
    python -m benchmarks.identity voice --folder work/voices
    python -m benchmarks.identity text --folder work/texts
    python -m benchmarks.identity picture --folder work/photos
    python -m benchmarks.identity attacks --folder work/voices
    python -m benchmarks.identity dictionary --folder work/voices
    python -m benchmarks.identity telling --folder work/voices      # after benchmarks.library

Each adds its part to ``benchmarks/results/identity.json``. Definitions and photographs are others
than those that the whitening was made of (``training/identity``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.identity_attacks import (
    TOGETHER,
    attacks,
    dictionary,
    opens,
    told_by_spread,
    wrapped,
)
from benchmarks.machine import about
from benchmarks.trials import Enrolment, Probe, Trials, over_subjects, rated, run, summary
from benchmarks.voices import SAME, centre, embeddings, people
from latebra.api.opened import chosen
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.core.keys import Key
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import lock
from latebra.models.embedders.catalogue import facts, find
from training.identity import glosses, pictures

RESULT = Path(__file__).parent / "results" / "identity.json"
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "identity.png"
TEXTS = 80
STRANGE_TEXTS = 300
ROUNDS = 300
TELLING_VAULTS = 60


def voice(folder: Path) -> dict[str, Any]:
    """Tries six seconds on vaults enrolled with three times six, no prompt in both.

    Embeddings are centred for each pair of people by the mean of the others, so that neither of
    the two had a part in it; for strangers, who have no part at all, by the mean of all but one.
    """
    shape = Shape(**facts("voice")["shape"])
    tested, strangers = embeddings(folder, tested=True), embeddings(folder, tested=False)
    everybody = people(folder)
    first = {name: rows for name, rows in tested.items() if name not in SAME}
    parts: list[list[Trials]] = []
    for number, one in enumerate(first):
        parts.append([])
        for other in first:
            middle = centre(everybody, {one, other})
            probes = [Probe(other, [row]) for row in halves(first[other], middle)[1]]
            parts[-1].append(run(enrolled(one, first[one], middle), probes, shape, seed=number))
        middle = centre(everybody, {one})
        probes = [Probe(name, [row - middle]) for name, rows in strangers.items() for row in rows]
        parts[-1].append(run(enrolled(one, first[one], middle), probes, shape, seed=number))
        print(one, flush=True)
    trials = joined(parts)
    middle = centre(everybody, {"allison-en"})
    spanish = [Probe("allison-en", [row - middle]) for row in tested["allison-es"]]
    english = enrolled("allison-en", tested["allison-en"], middle)
    across = run(english, spanish, shape, seed=2)
    draw(trials)
    return {
        **summary(trials),
        "people": len(first),
        "over_subjects": over_subjects(trials, 1e-3, ROUNDS, seed=3),
        "english_opened_in_spanish": rated(across.opened[across.genuine] == 1),
        "voices": {name: len(rows) for name, rows in tested.items()},
        "strangers": {"voices": len(strangers), "stretches": sum(map(len, strangers.values()))},
        "decode_ms": decode_ms(shape),
    }


def halves(rows: NDArray[Any], middle: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns what enrols and what is tried, centred."""
    half = len(rows) // 2 // TOGETHER * TOGETHER
    return rows[:half] - middle, rows[half:] - middle


def enrolled(name: str, rows: NDArray[Any], middle: NDArray[Any]) -> list[Enrolment]:
    """Returns a person's enrolments, of three stretches each."""
    first = halves(rows, middle)[0]
    return [Enrolment(name, first[at : at + TOGETHER]) for at in range(0, len(first), TOGETHER)]


def joined(parts: list[list[Trials]]) -> Trials:
    """Returns trials of each person's vaults with each person's probes as one."""
    parts = [row for row in parts if row[0].vaults]

    def block(name: str) -> NDArray[Any]:
        return np.block([[getattr(each, name) for each in row] for row in parts])

    return Trials(
        block("scores"),
        block("genuine"),
        block("opened"),
        [name for row in parts for name in row[0].vaults],
        [name for each in parts[0] for name in each.probes],
    )


def embedded(kind: str, samples: Sequence[Any]) -> list[NDArray[np.float32]]:
    """Returns samples as vaults take them."""
    embedder = find(kind)
    network = open_network(Model(embedder.onnx, embedder.card), chosen("auto")[0], threads=1)
    found: list[NDArray[np.float32]] = []
    for sample in samples:
        outputs = [network.run(given) for given in embedder.inputs(sample)]
        found.append(embedder.whitening.apply(embedder.pooled(outputs, sample)))
    return found


def text(folder: Path) -> dict[str, Any]:
    """Tries other wordings, and other texts, on vaults of definitions."""
    every = glosses.glosses(folder)
    rng = np.random.default_rng(5)
    drawn = [every[at] for at in rng.permutation(len(every))[: TEXTS + STRANGE_TEXTS]]
    other = glosses.synonyms(every)
    wordings = [glosses.wordings(each.text, other, rng) for each in drawn[:TEXTS]]
    own = embedded("text", [each.text for each in drawn])
    shape = Shape(**facts("text")["shape"])
    enrolments = [Enrolment(str(at), [vector]) for at, vector in enumerate(own[:TEXTS])]
    strangers = [Probe(f"stranger {at}", [row]) for at, row in enumerate(own[TEXTS:])]
    found: dict[str, Any] = {}
    changed = {name: embedded("text", [each[name] for each in wordings]) for name in wordings[0]}
    probes = [Probe(str(at), [row]) for rows in changed.values() for at, row in enumerate(rows)]
    trials = run(enrolments, probes + strangers, shape, seed=6)
    found = summary(trials)
    del found["by_subject"]
    opened = trials.opened[trials.genuine].reshape(TEXTS, len(changed)) == 1
    found["wordings"] = {name: rated(opened[:, at]) for at, name in enumerate(changed)}
    return found


def picture(folder: Path) -> dict[str, Any]:
    """Tries copies, and other pieces of photographs, on vaults of pieces."""
    photographs = pictures.photographs(folder)[1::2]  # The others made the whitening.
    pieces = [piece for path in photographs for piece in pictures.pieces(path)]
    own = embedded("picture", pieces)
    shape = Shape(**facts("picture")["shape"])
    enrolments = [Enrolment(str(at), [vector]) for at, vector in enumerate(own)]
    probes = [Probe(str(at), [vector]) for at, vector in enumerate(own)]
    copied = [pictures.copies(piece) for piece in pieces]
    changed = {name: embedded("picture", [each[name] for each in copied]) for name in copied[0]}
    trials = run(enrolments, probes, shape, seed=7)
    found = summary(trials)
    del found["by_subject"]
    found["photographs"] = len(photographs)
    found["copies"] = {}
    for name, rows in changed.items():
        same = [
            run([enrolment], [Probe(enrolment.subject, [row])], shape, seed=8).opened[0, 0] == 1
            for enrolment, row in zip(enrolments, rows, strict=True)
        ]
        found["copies"][name] = rated(np.array(same))
    return found


def telling(folder: Path) -> dict[str, Any]:
    """Tells second factors without a sample, for each kind.

    Args:
        folder: Of voices; photographs and texts lie in ``photos`` beside it.
    """
    other = folder.parent / "photos"
    everybody = people(folder)
    voices = np.concatenate(list(everybody.values())) - centre(everybody)
    pieces = [piece for path in pictures.photographs(other) for piece in pictures.pieces(path)]
    whitening = find("text").whitening
    texts = np.stack([whitening.apply(row) for row in np.load(other / "vectors.npy")])
    samples = {"voice": voices, "text": texts, "picture": np.stack(embedded("picture", pieces))}
    return {
        kind: told_by_spread(each.astype(np.float64), Shape(**facts(kind)["shape"]), TELLING_VAULTS)
        for kind, each in samples.items()
    }


def decode_ms(shape: Shape) -> float:
    """Returns how long one try takes, a stranger's, without the network and Argon2id."""
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, shape.dims)).astype(np.float32)
    key = Key(bytes(32))
    vault = lock(b"content", wrapped([one], shape), factor=key)
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        opens(vault, other, shape, key)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def draw(trials: Trials) -> None:
    """Draws misses against false matches, on the scales of normal deviates."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt
    from scipy.stats import norm

    figure, axis = plt.subplots(figsize=(5.2, 4.6), constrained_layout=True)
    vaults = np.array(trials.vaults)
    for subject in [None, *sorted(set(trials.vaults))]:
        rows = slice(None) if subject is None else vaults == subject
        genuine = trials.scores[rows][trials.genuine[rows]]
        strangers = trials.scores[rows][~trials.genuine[rows]]
        cuts = np.sort(np.concatenate([genuine, strangers]))
        misses = np.searchsorted(np.sort(genuine), cuts) / genuine.size
        matches = 1 - np.searchsorted(np.sort(strangers), cuts) / strangers.size
        low = 0.5 / max(genuine.size, strangers.size)
        shown = [norm.ppf(np.clip(each, low, 1 - low)) for each in (matches, misses)]
        style = {"color": "black", "linewidth": 2, "label": "all"} if subject is None else {}
        axis.plot(*shown, **({"linewidth": 0.8, "label": subject} | style))
    opened, wrong = (trials.opened[mask] == 1 for mask in (trials.genuine, ~trials.genuine))
    point = [np.clip(each, 1e-5, 0.5) for each in (wrong.mean(), 1 - opened.mean())]
    axis.plot(*norm.ppf(point), "o", color="black", label="vaults")
    ticks = np.array([1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.4])
    for name, side in (("false matches", "x"), ("misses", "y")):
        getattr(axis, f"set_{side}ticks")(norm.ppf(ticks), [f"{100 * each:g} %" for each in ticks])
        getattr(axis, f"set_{side}label")(name)
        getattr(axis, f"set_{side}lim")(norm.ppf(2e-5), norm.ppf(0.45))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)
    figure.savefig(PICTURE, dpi=130)


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "voice": voice,
    "text": text,
    "picture": picture,
    "attacks": attacks,
    "dictionary": dictionary,
    "telling": telling,
}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    measured = PARTS[options.part](options.folder)
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found |= about() | {options.part: measured}
    RESULT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
