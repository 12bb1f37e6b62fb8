"""Measure libraries: what their search finds, how fast, and what a holder of the file learns.

    python -m benchmarks.library --folder work/texts

Passages are definitions of WordNet; queries are other definitions. ``vectors.npy`` in the folder
keeps the embeddings. Writes ``benchmarks/results/library.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import about
from latebra.api.library import CANDIDATES, Library
from latebra.core.keys import Key
from latebra.hiding.audit.roc import area
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.sketch import BITS, WORDS, Sketcher, nearest
from training.identity import glosses
from training.identity.networks import run

RESULT = Path(__file__).parent / "results" / "library.json"
PASSAGES = 2_000
QUERIES = 100
MOST = 10
LARGE = 100_000


def embedded(folder: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Returns passages, then queries, and their vectors."""
    every = glosses.glosses(folder)
    drawn = np.random.default_rng(11).permutation(len(every))[: PASSAGES + QUERIES]
    texts = [every[at].text for at in drawn]
    kept = folder / "vectors.npy"
    rows = list(np.load(kept)) if kept.exists() else []
    while len(rows) < len(texts):
        rows += list(run("text", texts[len(rows) : len(rows) + 50]))
        np.save(kept, np.stack(rows))
        print(len(rows), flush=True)
    return texts, np.stack(rows)


def recall(texts: list[str], vectors: NDArray[np.float64], folder: Path) -> dict[str, Any]:
    """Returns how many of the ten most alike by plain vectors a search finds."""
    known = {text: vector.astype(np.float32) for text, vector in zip(texts, vectors, strict=True)}
    library = Library(folder / "library", Key(bytes(32)), known.__getitem__, "measured")
    start = time.perf_counter()
    numbers = library.add([(str(at), text) for at, text in enumerate(texts[:PASSAGES])])
    added = time.perf_counter() - start
    plain = vectors[PASSAGES:] @ vectors[:PASSAGES].T
    best = [set(np.array(numbers)[np.argsort(-row)[:MOST]].tolist()) for row in plain]
    library.search(texts[PASSAGES])  # What is compiled at first use is not counted.
    found: dict[str, Any] = {}
    for candidates in (MOST, 50, CANDIDATES, 200):
        start = time.perf_counter()
        hits = [
            len({each.number for each in library.search(text, candidates=candidates)} & wanted)
            for text, wanted in zip(texts[PASSAGES:], best, strict=True)
        ]
        took = (time.perf_counter() - start) / len(hits)
        found[str(candidates)] = {"recall": sum(hits) / MOST / len(hits), "ms": 1000 * took}
    return {
        "passages": PASSAGES,
        "queries": QUERIES,
        "candidates": found,
        "add_ms": 1000 * added / PASSAGES,
        "bytes_a_passage": (folder / "library").stat().st_size / PASSAGES,
    }


def speed() -> dict[str, Any]:
    """Returns how many queries a second one core answers on many entries, by sketches."""
    rng = np.random.default_rng(0)
    sketches = rng.integers(0, 2**64, (LARGE, WORDS), dtype=np.uint64)
    wanted = rng.integers(0, 2**64, (200, WORDS), dtype=np.uint64)
    nearest(sketches, wanted[0], CANDIDATES)
    taken = []
    for each in wanted:
        start = time.perf_counter()
        nearest(sketches, each, CANDIDATES)
        taken.append(time.perf_counter() - start)
    return {
        "entries": LARGE,
        "queries_a_second": 1 / float(np.median(taken)),
        "of_the_fastest_tenth": 1 / float(np.quantile(taken, 0.1)),
    }


def learned(vectors: NDArray[np.float64]) -> dict[str, Any]:
    """Returns what sketches tell their holder: which entries are alike, within one key."""
    rows = vectors[:PASSAGES]
    one, other = (Sketcher(Stream(bytes([at]) * 32), rows.shape[1]) for at in (1, 2))
    mine, theirs = (np.stack([each.sketch(row) for row in rows]) for each in (one, other))
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, len(rows), (20_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    likeness = (rows[pairs[:, 0]] * rows[pairs[:, 1]]).sum(axis=1)
    alike = likeness > np.quantile(likeness, 0.99)

    def scores(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.float64]:
        apart = np.bitwise_count(first[pairs[:, 0]] ^ second[pairs[:, 1]]).sum(axis=1)
        return -apart.astype(np.float64)

    return {
        name: str(area(found[alike], found[~alike]))
        for name, found in (
            ("within one key", scores(mine, mine)),
            ("across two keys", scores(mine, theirs)),
        )
    }


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    texts, vectors = embedded(parser.parse_args().folder)
    with TemporaryDirectory() as folder:
        found = recall(texts, vectors, Path(folder))
    written = about() | {"bits": BITS, "search": found, "speed": speed()}
    written |= {"learned": learned(vectors)}
    RESULT.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
