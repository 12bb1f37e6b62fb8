"""Exact networks with every compiler: how many outputs differ, and how many of ordinary floats do.

    python -m benchmarks.exact

Each network of ``latebra.testing.exact``, over compilers × batch {1, 3, 8} × threads {1, 2} ×
weights in their order or mirrored, so that every sum runs the other way. ``exact`` counts outputs
that differ from NumPy's definition, in all twelve cells; ``twin`` is the share of outputs that
differ in a bit between ordinary floats there and in ONNX Runtime on one thread, in the cell where
it is largest.

Writes ``benchmarks/results/exact.json``.
"""

from __future__ import annotations

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
from latebra.testing.exact import SAMPLES, Sample

RESULT = Path(__file__).parent / "results" / "exact.json"
YARDSTICK = "onnxruntime"
BATCHES = (1, 3, 8)
CELLS = tuple(product(BATCHES, (1, 2), (False, True)))


def main() -> None:
    """Runs every cell."""
    networks: dict[str, Any] = {}
    for name in SAMPLES:
        networks[name] = _row(SAMPLES[name]())
        print(name, networks[name], flush=True)
    told = {"cells": len(CELLS), "networks": networks}
    RESULT.write_text(json.dumps({**about(), **told}, indent=1) + "\n")


def _row(plain: Sample) -> dict[str, Any]:
    proof = prove(plain.model(max(BATCHES)).onnx)
    yardstick = {n: _run(plain.twin(n), YARDSTICK, 1, plain.inputs(n)) for n in BATCHES}
    exact: dict[str, int] = {}
    twin: dict[str, float] = {}
    outputs = 0
    for compiler in installed():
        exact[compiler], twin[compiler], outputs = 0, 0.0, 0
        for batch, threads, is_mirrored in CELLS:
            sample = plain.mirrored() if is_mirrored else plain
            x = sample.inputs(batch)
            found = _run(sample.model(batch), compiler, threads, x)
            wanted = plain.network.apply(plain.inputs(batch)).astype(np.int32)
            exact[compiler] += int((found != wanted).sum())
            outputs += wanted.size
            real = _run(sample.twin(batch), compiler, threads, x)
            share = float((real != yardstick[batch]).mean())
            twin[compiler] = max(twin[compiler], share)
    return {
        "bits": round(proof.bits, 2),
        "outputs": outputs,
        "exact": exact,
        "twin": twin,
    }


def _run(model: Model, compiler: str, threads: int, x: NDArray[Any]) -> NDArray[Any]:
    network = open_network(model, compiler, threads=threads, cache=None)
    (found,) = network.run({"x": x}).values()
    return found


if __name__ == "__main__":
    main()
