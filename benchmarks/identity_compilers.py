"""Enrol with one compiler, open with another: every pair, for each kind of sample.

    python -m benchmarks.identity_compilers picture [--compilers onnxruntime,ngraph,ngraph:bf16]

``thing`` is what a small picture looks like, which class locks open for. Adds to
``benchmarks/results/identity_compilers.json``: how far embeddings are from the first compiler's,
and which pairs opened. A variant in 16 bits is only tried where it is named.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import about
from latebra.api.opened import models
from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network
from latebra.core.errors import LatebraError, NothingRevealed
from latebra.core.keys import Key
from latebra.core.network import ModelCard, Network
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import Embedded, lock, unlock
from latebra.models.embedders import sound
from latebra.models.embedders.catalogue import find
from latebra.models.embedders.contract import Embedder
from latebra.models.thing import NETWORK, prepared
from training.identity.pictures import copies

RESULT = Path(__file__).parent / "results" / "identity_compilers.json"
PEOPLE = 4


def samples(kind: str, seed: int) -> tuple[Any, Any]:
    """Returns what enrols and what opens: like, and not the same."""
    rng = np.random.default_rng(seed)
    if kind == "text":
        words = ("harbour", "engine", "garden", "winter")
        text = f"The {words[seed]} is closed on Sundays, and opens again at nine on Monday."
        return text, text.upper().replace(",", " -")
    if kind == "voice":
        at = np.arange(6 * sound.RATE_HZ) / sound.RATE_HZ
        pitch = 2 * np.pi * np.cumsum((90 + 40 * seed) + 15 * np.sin(2 * at)) / sound.RATE_HZ
        weights = rng.random(30) / np.arange(1, 31)
        spoken = sum(w * np.sin(n * pitch) for n, w in enumerate(weights, start=1))
        heard = spoken + 0.05 * np.abs(spoken).max() * rng.standard_normal(len(spoken))
        return (spoken, sound.RATE_HZ), (heard, sound.RATE_HZ)
    small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)  # A thing or a picture.
    picture = np.kron(small, np.ones((32, 32, 1))).astype(np.uint8)
    return picture, copies(picture)["half, jpeg30"]


@dataclass(frozen=True)
class Things:
    """The encoder of small pictures, in the form of an embedder."""

    card: ModelCard = field(default_factory=lambda: models[NETWORK])
    onnx: bytes = field(default_factory=lambda: models.onnx(NETWORK), repr=False)

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.card.about

    def embedded(self, network: Network, sample: NDArray[np.uint8]) -> NDArray[np.float32]:
        return network.run({"picture": prepared(sample)})["looks"][0]


@dataclass(frozen=True)
class Whitened:
    """An embedder of voices, texts or pictures."""

    embedder: Embedder

    @property
    def card(self) -> ModelCard:
        return self.embedder.card

    @property
    def onnx(self) -> bytes:
        return self.embedder.onnx

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.embedder.facts

    def embedded(self, network: Network, sample: Any) -> NDArray[np.float32]:
        outputs = [network.run(each) for each in self.embedder.inputs(sample)]
        return self.embedder.whitening.apply(self.embedder.pooled(outputs, sample))


def measured(kind: str, names: list[str]) -> dict[str, Any]:
    """Returns drift and pairs of compilers, or why one is not there."""
    embedder = Things() if kind == "thing" else Whitened(find(kind))
    shape = Shape(**embedder.facts["shape"])
    given = [samples(kind, seed) for seed in range(PEOPLE)]
    vectors: dict[str, list[tuple[NDArray[np.float32], ...]]] = {}
    found: dict[str, Any] = {"drift": {}, "opened": {}, "absent": {}}
    for name in names:
        try:
            # A variant would be refused by the golden vector; here its noise is what is measured.
            bound = 1.0 if ":" in name else embedder.card.bound
            card = replace(embedder.card, bound=bound)
            network = open_network(Model(embedder.onnx, card), name, threads=1)
        except LatebraError as error:
            found["absent"][name] = error.what
            continue
        print(name, flush=True)
        vectors[name] = [tuple(embedder.embedded(network, one) for one in pair) for pair in given]
    first = next(iter(vectors))
    for name, each in vectors.items():
        apart = np.array(each) - np.array(vectors[first])
        found["drift"][name] = float(np.abs(apart).max())
    key = Key(bytes(32))
    for writer, enrolled in vectors.items():
        vaults = [
            lock(b"content", Embedded(kind, "", shape, [one]), factor=key) for one, _ in enrolled
        ]
        found["opened"][writer] = {
            reader: sum(
                _opens(vault, Embedded(kind, "", shape, [shown]), key)
                for vault, (_, shown) in zip(vaults, read, strict=True)
            )
            for reader, read in vectors.items()
        }
    return found | {"samples": PEOPLE}


def _opens(vault: bytes, shown: Embedded, key: Key) -> bool:
    try:
        unlock(vault, shown, factor=key)
    except NothingRevealed:
        return False
    return True


def main() -> None:
    """Measure one kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("voice", "text", "picture", "thing"))
    parser.add_argument("--compilers", default="")
    options = parser.parse_args()
    names = options.compilers.split(",") if options.compilers else [*installed(), "ngraph:bf16"]
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found |= about() | {options.kind: measured(options.kind, names)}
    RESULT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
