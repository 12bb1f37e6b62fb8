"""Time the Glow compiler beside ONNX Runtime, and measure its error and its compile time."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.machine import about
from latebra.compiling.backends.glow import steps_of
from latebra.compiling.backends.reference import Reference
from latebra.compiling.glow.bundle import compiled
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import host
from latebra.testing.networks import NETWORKS

RESULTS = Path(__file__).parent / "results" / "glow.json"
THREADS = (1, 2)
ROUNDS = 25


def session(written, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work by spinning would hold a processor through the other's turn: that
    # doubled the other's time. The compiler called onnxruntime does the same.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(written, options, providers=["CPUExecutionProvider"])


def timed(runs, clock):
    """Seconds of each run in interleaved rounds, after one that does not count."""
    times = [[] for _ in runs]
    for number in range(ROUNDS + 1):
        for run, kept in zip(runs, times, strict=True):
            start = clock()
            run()
            if number:
                kept.append(clock() - start)
    return times


def error(program, got):
    judge = Reference()
    exact = judge.load(judge.build(program.model), program.model.card).run(program.inputs)
    return max(float(np.abs(got[name] - wanted).max()) for name, wanted in exact.items())


def measured(name):
    program = NETWORKS[name]()
    graph = steps_of(program.model.onnx)
    start, cpu = time.perf_counter(), time.process_time()
    bundle = compiled(graph, host(), name)
    row = {
        "compile_s": time.perf_counter() - start,
        "compile_cpu_s": time.process_time() - cpu,
        "object_bytes": len(bundle.code),
        "weights_bytes": len(bundle.weights),
        "arena_bytes": bundle.sizes.activations,
    }
    for threads in THREADS:
        ours, theirs = Runner(bundle, threads), session(program.model.onnx, threads)
        if threads == 1:
            row["error"] = error(program, ours(program.inputs))
            names = [each.name for each in theirs.get_outputs()]
            found = theirs.run(None, dict(program.inputs))
            row["onnxruntime_error"] = error(program, dict(zip(names, found, strict=True)))
        runs = [partial(theirs.run, None, dict(program.inputs)), partial(ours, program.inputs)]
        # One thread: time on the processor, which other processes do not lengthen much.
        clock = time.thread_time if threads == 1 else time.perf_counter
        slow, fast = timed(runs, clock)
        row[f"threads_{threads}"] = {
            "onnxruntime_ms": 1e3 * float(np.median(slow)),
            "glow_ms": 1e3 * float(np.median(fast)),
            "ratio": float(np.median(np.array(fast) / np.array(slow))),
            "ratio_of_minima": min(fast) / min(slow),
        }
    return row


def main():
    chosen = sys.argv[1:] or list(NETWORKS)
    rows = {}
    for name in chosen:
        rows[name] = measured(name)
        print(name, json.dumps(rows[name]), flush=True)
    if chosen == list(NETWORKS):
        result = {**about(), "target": host().name, "rounds": ROUNDS, "networks": rows}
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
