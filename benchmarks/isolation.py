"""Measure what isolation costs, and end a thousand workers to see what is left of them.

    python -m benchmarks.isolation [--deaths 1000] [--parents 50] [--rounds 9]
    python -m benchmarks.isolation --only deaths --deaths 100 --seed 3 --add

Writes ``benchmarks/results/isolation.json``. Overhead is the time of a call one process away minus
the time of the same call here, in interleaved rounds. Bandwidth is bytes in and out of a network
that returns its input, against numpy copying as many: input to shared memory by the caller, output
to shared memory by the worker. Each death is drawn at random: how, and at what point.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.machine import about
from latebra.compiling.backends.onnxruntime import OnnxRuntime
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.network import ModelCard
from latebra.testing.deaths import FAULTY, Holdings, bystander, die, group_of

RESULT = Path(__file__).parents[1] / "benchmarks" / "results" / "isolation.json"
CALLS = 400
"""Calls of the empty network in one round."""
SIZES_MIB = (1, 4, 16, 64, 256)
_PARENT = f"""
import sys
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.network import ModelCard
compiler = Isolated(name={FAULTY!r}, threads=1)
print(compiler.pid, flush=True)
for name in ("assist", sys.argv[1]):
    model = Model(b"", ModelCard(name, "0" * 64, "T3", 0.0))
    compiler.load(compiler.build(model), model.card).run({{}})
"""


def identity(length: int | str) -> Model:
    """Returns a network that gives back ``length`` numbers."""
    helper = onnx.helper
    values = [helper.make_tensor_value_info(name, 1, [length]) for name in ("x", "y")]
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "identity", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 18)]
    written = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return Model(written, ModelCard("identity", "0" * 64, "T3", 0.0))


def overhead(rounds: int) -> dict[str, Any]:
    """Returns what one call of one Identity costs, here and one process away."""
    model, inputs = identity(4), {"x": np.ones(4, np.float32)}
    here = OnnxRuntime(threads=1)
    with Isolated(name="onnxruntime", threads=1) as there:
        networks = {
            "here": here.load(here.build(model), model.card),
            "isolated": there.load(there.build(model), model.card),
        }
        times: dict[str, list[float]] = {name: [] for name in networks}
        tails: dict[str, list[float]] = {name: [] for name in networks}
        for _ in range(rounds):
            for name, network in networks.items():
                each = sorted(timed(lambda network=network: network.run(inputs), CALLS))
                times[name].append(each[CALLS // 2])
                tails[name].append(each[CALLS * 99 // 100])
    found = {f"{name}_us": 1e6 * statistics.median(each) for name, each in times.items()}
    extra = [away - near for away, near in zip(times["isolated"], times["here"], strict=True)]
    return {
        **{name: round(value, 1) for name, value in found.items()},
        "isolated_99th_percentile_us": round(1e6 * statistics.median(tails["isolated"]), 1),
        "overhead_us": round(1e6 * statistics.median(extra), 1),
        "overhead_of_each_round_us": [round(1e6 * each, 1) for each in extra],
        "calls_a_round": CALLS,
    }


def timed(call: Callable[[], Any], count: int) -> list[float]:
    """Returns the seconds of each of ``count`` calls; a tenth more come first, untimed."""
    for _ in range(max(2, count // 10)):
        call()
    seconds: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def bandwidth(rounds: int) -> list[dict[str, Any]]:
    """Returns bytes a second through a network that returns its input, beside numpy's copy."""
    rows: list[dict[str, Any]] = []
    with bystander() as network:
        for size in SIZES_MIB:
            x = np.random.default_rng(size).random(size << 18, np.float32)
            room = np.empty_like(x)
            calls: list[float] = []
            copies: list[float] = []
            fresh: list[float] = []
            for _ in range(rounds):
                calls.append(statistics.median(timed(lambda x=x: network.run({"x": x}), 5)))
                copies.append(statistics.median(timed(lambda x=x, to=room: np.copyto(to, x), 5)))
                fresh.append(statistics.median(timed(x.copy, 5)))
            call, copy = statistics.median(calls), statistics.median(copies)
            rows.append(
                {
                    "array_mib": size,
                    "call_ms": round(1e3 * call, 3),
                    "in_and_out_gb_per_s": round(2 * x.nbytes / call / 1e9, 2),
                    "numpy_copy_gb_per_s": round(x.nbytes / copy / 1e9, 2),
                    "numpy_copy_to_new_memory_gb_per_s": round(
                        x.nbytes / statistics.median(fresh) / 1e9, 2
                    ),
                    "call_over_two_copies": round(
                        statistics.median(
                            call / (2 * copy) for call, copy in zip(calls, copies, strict=True)
                        ),
                        2,
                    ),
                }
            )
    return rows


def deaths(count: int, seed: int) -> dict[str, Any]:
    """Ends ``count`` workers at random; returns how often each end had each word, and what is left.

    Raises:
        AssertionError: One ended without a word, or something else was lost with it.
    """
    rng = np.random.default_rng(seed)
    start = time.monotonic()
    outcomes: collections.Counter[str] = collections.Counter()
    ends: dict[str, collections.Counter[str]] = {}
    with bystander() as beside:
        die(rng, beside)  # Whatever is made once is made now.
        before = Holdings.now()
        for number in range(count):
            death = die(rng, beside)
            outcomes[death.outcome] += 1
            ends.setdefault(death.how, collections.Counter())[f"{death.verb}: {death.outcome}"] += 1
            if number % 50 == 49:
                print(f"{number + 1} of {count} deaths", flush=True)
        after = Holdings.now()
    assert before == after, f"{before} became {after}"
    return {
        "count": count,
        "seeds": [seed],
        "minutes": round((time.monotonic() - start) / 60, 1),
        "without_a_word": 0,
        "held_before": vars(before),
        "held_after": vars(after),
        "outcomes": dict(sorted(outcomes.items())),
        "by_end": {how: dict(sorted(words.items())) for how, words in sorted(ends.items())},
    }


def added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Returns two runs of deaths as one: counts are added, the later holdings are kept."""
    total = {**one, **other}
    for name in ("count", "seeds", "minutes", "without_a_word"):
        total[name] = one[name] + other[name]
    total["minutes"] = round(total["minutes"], 1)
    total["outcomes"] = _sum(one["outcomes"], other["outcomes"])
    ends = {**one["by_end"], **other["by_end"]}
    total["by_end"] = {
        how: _sum(one["by_end"].get(how, {}), other["by_end"].get(how, {})) for how in sorted(ends)
    }
    return total


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return dict(sorted((collections.Counter(one) + collections.Counter(other)).items()))


def parents(count: int) -> dict[str, Any]:
    """Kills ``count`` parents at random; returns how many left a process behind, and how fast."""
    rng = np.random.default_rng(1)
    shared = Path("/dev/shm")  # noqa: S108 where POSIX shared memory has its names
    named = sum(1 for _ in shared.iterdir())
    orphans, seconds = 0, list[float]()
    for _ in range(count):
        command = [sys.executable, "-c", _PARENT, str(rng.choice(["hang", "seize"]))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            time.sleep(float(rng.uniform(0, 0.8)))
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            start = time.monotonic()
            while group_of(pid) and time.monotonic() < start + 10:
                time.sleep(0.002)
            orphans += bool(group_of(pid))
            seconds.append(time.monotonic() - start)
    return {
        "count": count,
        "left_a_process": orphans,
        "left_a_name_in_shared_memory": sum(1 for _ in shared.iterdir()) - named,
        "gone_after_ms_median": round(1e3 * statistics.median(seconds), 1),
        "gone_after_ms_most": round(1e3 * max(seconds), 1),
    }


def main() -> None:
    """Measures all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=1000)
    parser.add_argument("--parents", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=["speed", "deaths"], default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--add", action="store_true", help="add deaths to those of earlier runs")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if RESULT.exists():
        result = json.loads(RESULT.read_text())
    result |= about()
    result["load_average_at_start"] = [round(each, 2) for each in os.getloadavg()]
    if options.only != "deaths":
        result["overhead"] = overhead(options.rounds)
        result["bandwidth"] = bandwidth(options.rounds)
        print(json.dumps([result["overhead"], *result["bandwidth"]], indent=1))
    if options.only != "speed":
        if not options.add:
            result["parents"] = parents(options.parents)
            print(result["parents"])
        found = deaths(options.deaths, options.seed)
        result["deaths"] = added(result["deaths"], found) if options.add else found
        print(result["deaths"])
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
