"""How long it takes to hide and to reveal one picture, and how much of that the network takes.

    python -m benchmarks.speed [--rounds 15]

Compilers take turns within each round; medians and quartiles over rounds, networks already open.
Hiding includes reading back with two compilers, as users get it. Writes
``benchmarks/results/speed.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import latebra as lb
from benchmarks.machine import about
from latebra.api.opened import open_reader
from latebra.compiling.opening import installed

RESULT = Path(__file__).parent / "results" / "speed.json"
MESSAGE = b"meet at nine"


def spread(values: list[float]) -> dict[str, float]:
    """Returns the median and the quartiles, rounded to milliseconds."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": round(middle, 3), "lower": round(low, 3), "upper": round(high, 3)}


def main() -> None:
    """Measures every compiler but the reference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    names = [name for name in installed() if name != "reference"]
    key = lb.Key.generate()
    rows: dict[str, dict[str, list[float]]] = {
        name: {"hide": [], "reveal": [], "both": [], "share": []} for name in names
    }
    for turn in range(arguments.rounds + 1):
        for name in names:
            start = time.perf_counter()
            stego = lb.hide(MESSAGE, key=key, compiler=name)
            middle = time.perf_counter()
            reader = open_reader("diffusion", name, {})
            inside = reader.seconds_inside
            lb.reveal(stego, key=key, compiler=name)
            end = time.perf_counter()
            within = stego.report.seconds_in_network + reader.seconds_inside - inside
            if turn:  # The first round compiles and warms up.
                rows[name]["hide"].append(middle - start)
                rows[name]["reveal"].append(end - middle)
                rows[name]["both"].append(end - start)
                rows[name]["share"].append(within / (end - start))
    measured = {
        name: {what: spread(values) for what, values in row.items()} for name, row in rows.items()
    }
    result = {**about(), "rounds": arguments.rounds, "seconds": measured}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
