"""Every compiler on real networks: who runs what, who is right, how fast each is.

    python -m benchmarks.zoo FOLDER [--only NAME ...] [--compilers ID ...] [--rounds 9]
                                    [--turns 20] [--timeout 300] [--again]

FOLDER keeps the packages that carry the networks. All compilers take turns within each round, each
in a process of its own, once with one thread (CPU time) and once with two (wall time). The error is
the difference from the reference in 64-bit floats. Then ``choose`` names one compiler for each
network, and that one takes turns with ONNX Runtime again, so that the choice is not judged by the
numbers it was made from. Writes ``benchmarks/results/zoo.json`` after each network, and goes on
from there: ``--again`` starts anew.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import median
from typing import Any

import latebra as lb
from benchmarks.machine import about
from benchmarks.zoo_files import ZOO, load
from latebra.compiling.judge import compare, contenders
from latebra.compiling.question import Question
from latebra.compiling.report import ratio
from latebra.compiling.trial import Patience
from latebra.core.errors import LatebraError

RESULT = Path(__file__).parent / "results" / "zoo.json"
YARDSTICK = "onnxruntime"


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what every compiler makes of one network, and what choosing brings."""
    model = load(name, arguments.folder)
    question = Question(
        shapes=ZOO[name].shapes,
        threads=arguments.threads,
        batch=1,
        rounds=arguments.rounds,
        patience=Patience(arguments.timeout, arguments.timeout, arguments.turns),
    )
    report = compare(model, arguments.compilers or contenders(), question)
    plain = report.as_dict()
    for row in plain["rows"]:
        row["cpu_ratio"] = _against(report, row["compiler"], "cpu_s")
        row["wall_ratio"] = _against(report, row["compiler"], "wall_s")
    return {
        "kind": ZOO[name].kind,
        "package": ZOO[name].package,
        "megabytes": round(len(model.onnx) / 1e6, 2),
        **plain,
        "choice": _chosen(report, model, question),
    }


def _against(report: lb.Report, name: str, times: str) -> float | None:
    """Returns the median ratio to the yardstick's time in the same round."""
    own, other = getattr(report[name], times), getattr(report[YARDSTICK], times)
    return ratio(own, other) if own and other else None


def _chosen(report: lb.Report, model: lb.Model, question: Question) -> dict[str, Any] | None:
    """Returns the choice for latency, and its time against the yardstick's, measured anew."""
    try:
        choice = lb.choose(report)
    except LatebraError:
        return None
    found = {"compiler": choice.compiler, "reason": choice.reason}
    if choice.compiler == YARDSTICK:
        return {**found, "ratio": 1.0}
    if not report[YARDSTICK].wall_s:
        return {**found, "ratio": None}
    again = compare(model, [choice.compiler, YARDSTICK], question)
    return {**found, "ratio": _against(again, choice.compiler, "wall_s")}


def summary(networks: dict[str, Any]) -> dict[str, Any]:
    """Returns coverage, and the geometric means of ratios to the yardstick."""
    ids = dict.fromkeys(row["compiler"] for each in networks.values() for row in each["rows"])
    compilers: dict[str, Any] = {}
    for name in ids:
        rows = [
            row for each in networks.values() for row in each["rows"] if row["compiler"] == name
        ]
        right = [row for row in rows if row["outcome"] == "ok"]
        words = [row["outcome"] for row in rows]
        errors = [row["error"]["relative"] for row in right if row["error"]]
        compilers[name] = {
            "outcomes": {word: words.count(word) for word in dict.fromkeys(words)},
            "ok": len(right),
            "of": len(rows),
            "cpu_ratio": _mean([row["cpu_ratio"] for row in right]),
            "wall_ratio": _mean([row["wall_ratio"] for row in right]),
            "relative_error": median(errors) if errors else None,
            "same_bits": sum(False not in row["same"].values() for row in right),
        }
    ratios = [each["choice"]["ratio"] for each in networks.values() if each["choice"]]
    known = [each for each in ratios if each is not None]
    return {
        "compilers": compilers,
        "choice": {
            "networks": len(known),
            "ratio": _mean(known),
            "slower": sum(each > 1.0 for each in known),
            "slowest": max(known, default=None),
        },
    }


def _mean(ratios: list[float | None]) -> float | None:
    known = [each for each in ratios if each]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None


def main() -> None:
    """Measures every network that has no result yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where packages are kept")
    parser.add_argument("--only", nargs="+", default=list(ZOO), choices=list(ZOO))
    parser.add_argument("--compilers", nargs="+")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=float, default=20.0, help="seconds a compiler and network")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a build or run")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    networks: dict[str, Any] = {}
    if arguments.result.exists() and not arguments.again:
        networks = json.loads(arguments.result.read_text())["networks"]
    for name in arguments.only:
        if name in networks:
            continue
        start = time.monotonic()
        networks[name] = measure(name, arguments)
        networks[name]["seconds"] = round(time.monotonic() - start, 1)
        told = {row["compiler"]: row["outcome"] for row in networks[name]["rows"]}
        print(f"{name}: {networks[name]['seconds']} s, {told}", flush=True)
        result = {
            **about(),
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "summary": summary(networks),
            "networks": networks,
        }
        arguments.result.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
