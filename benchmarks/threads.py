"""XLA and TVM beside ONNX Runtime on convolutional networks, with one thread and with two.

    python -m benchmarks.threads [--rounds 15] [--compilers xla tvm]

Compilers take turns within each round, each in its own process, the networks as
``latebra.testing.networks`` makes them. Given are medians of the wall-clock time and of its ratio
to ONNX Runtime's in the same round, the ratio of the shortest times, and the largest absolute
difference from the reference. Writes ``benchmarks/results/threads.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import about
from latebra.compiling.backends.reference import Reference
from latebra.compiling.isolated import Isolated
from latebra.testing.networks import NETWORKS
from latebra.testing.programs import Program

RESULT = Path(__file__).parent / "results" / "threads.json"
NAMES = ("resnet", "unet")
THREADS = (1, 2)
YARDSTICK = "onnxruntime"


def main() -> None:
    """Measures each network with each number of threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compilers", nargs="*", default=["xla", "tvm"])
    arguments = parser.parse_args()
    networks: dict[str, Any] = {}
    for name in NAMES:
        program = NETWORKS[name]()
        judge = Reference()
        exact = judge.load(judge.build(program.model), program.model.card).run(program.inputs)
        for threads in THREADS:
            row = _measured(program, exact, [YARDSTICK, *arguments.compilers], threads, arguments)
            networks.setdefault(name, {})[f"threads_{threads}"] = row
            print(name, threads, row, flush=True)
    told = {**about(), "rounds": arguments.rounds, "networks": networks}
    RESULT.write_text(json.dumps(told, indent=1) + "\n")


def _measured(
    program: Program, exact: Any, names: list[str], threads: int, arguments: Any
) -> dict[str, dict[str, float]]:
    workers = {name: Isolated(name=name, threads=threads) for name in names}
    models = {
        name: worker.load(worker.build(program.model), program.model.card)
        for name, worker in workers.items()
    }
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(arguments.rounds + 2):
        for name, model in models.items():
            start = time.perf_counter()
            model.run(program.inputs)
            if turn > 1:  # The first rounds warm up.
                times[name].append(time.perf_counter() - start)
    row: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        found = model.run(program.inputs)
        pairs = zip(times[name], times[YARDSTICK], strict=True)
        row[name] = {
            "milliseconds": round(1e3 * statistics.median(times[name]), 2),
            "ratio": round(statistics.median(own / other for own, other in pairs), 3),
            "ratio_of_minima": round(min(times[name]) / min(times[YARDSTICK]), 3),
            "error": max(float(np.abs(found[key] - wanted).max()) for key, wanted in exact.items()),
        }
    for worker in workers.values():
        worker.close()
    return row


if __name__ == "__main__":
    main()
