"""Exact networks with every compiler: how many outputs differ, and how many of ordinary floats do.

    python -m benchmarks.exact [COMPILER ...] [--networks NETWORK ...]

Each network of ``latebra.testing.exact``, those with random weights and the two that were trained,
over compilers × batch {1, 3, 8} × threads {1, 2} ×
weights in their order or mirrored, so that every sum runs the other way. ``exact`` counts outputs
that differ from NumPy's definition, in all twelve cells; ``twin`` is the share of outputs that
differ in a bit between ordinary floats on one thread and in ONNX Runtime, weights in their order,
for the batch and order where it is largest. ``by_place`` counts what differs when a transformer
runs one place at a time, keys and values kept, from NumPy's definition of the whole.

Writes ``benchmarks/results/exact.json``.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import about
from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network
from latebra.models.exact.proof import prove
from latebra.testing.exact import SAMPLES, TRAINED, Sample, run_by_place

RESULT = Path(__file__).parent / "results" / "exact.json"
YARDSTICK = "onnxruntime"
NETWORKS = {**SAMPLES, **TRAINED}
BATCHES = (1, 3, 8)
ORDERS = (False, True)
CELLS = tuple(product(BATCHES, (1, 2), ORDERS))


def main() -> None:
    """Runs every cell, and keeps what was measured of compilers that are not named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("compilers", nargs="*", default=installed())
    parser.add_argument("--networks", nargs="+", default=[*NETWORKS], choices=[*NETWORKS])
    arguments = parser.parse_args()
    chosen = arguments.compilers
    kept = json.loads(RESULT.read_text())["networks"] if RESULT.exists() else {}
    networks: dict[str, Any] = {name: kept[name] for name in NETWORKS if name in kept}
    for name in arguments.networks:
        plain = NETWORKS[name]()
        yardstick = {n: _run(plain.twin(n), YARDSTICK, 1, plain.inputs(n)) for n in BATCHES}
        row: dict[str, Any] = kept.get(name, {"exact": {}, "twin": {}})
        row["bits"] = round(prove(plain.model(max(BATCHES)).onnx).bits, 2)
        row["outputs"] = sum(yardstick[batch].size for batch, _, _ in CELLS)
        for compiler in chosen:
            row["exact"][compiler] = sum(_differing(plain, compiler, *cell) for cell in CELLS)
            row["twin"][compiler] = max(
                _share(plain, compiler, order, yardstick[batch])
                for batch, order in product(BATCHES, ORDERS)
            )
            if plain.tokens:
                row.setdefault("by_place", {})[compiler] = _differing_by_place(plain, compiler)
            print(name, compiler, row["exact"][compiler], row["twin"][compiler], flush=True)
        networks[name] = row
        ordered = {each: networks[each] for each in NETWORKS if each in networks}
        told = {"cells": len(CELLS), "networks": ordered}
        RESULT.write_text(json.dumps({**about(), **told}, indent=1) + "\n")


def _differing(plain: Sample, compiler: str, batch: int, threads: int, is_mirrored: bool) -> int:
    """Returns how many outputs of one cell are not what NumPy defines."""
    sample = plain.mirrored() if is_mirrored else plain
    found = sample.results(_run(sample.model(batch), compiler, threads, sample.inputs(batch)))
    return int((found != plain.network.apply(plain.inputs(batch)).astype(np.int32)).sum())


def _differing_by_place(plain: Sample, compiler: str) -> int:
    """Returns how many outputs of a cached step are not what NumPy defines of the whole."""
    batch = max(BATCHES)
    graph, model = plain.stepped(batch)
    network = open_network(model, compiler, threads=2, cache=None)
    tokens = plain.inputs(batch)
    found = run_by_place(network, graph, tokens)
    return int((found != plain.network.apply(tokens).astype(np.int32)).sum())


def _share(plain: Sample, compiler: str, is_mirrored: bool, yardstick: NDArray[Any]) -> float:
    """Returns the share of a twin's outputs that are not the yardstick's."""
    sample = plain.mirrored() if is_mirrored else plain
    batch = len(yardstick)
    found = sample.results(_run(sample.twin(batch), compiler, 1, sample.inputs(batch)))
    return float((found != yardstick).mean())


def _run(model: Model, compiler: str, threads: int, x: NDArray[Any]) -> NDArray[Any]:
    network = open_network(model, compiler, threads=threads, cache=None)
    (found,) = network.run({"x": x}).values()
    return found


if __name__ == "__main__":
    main()
