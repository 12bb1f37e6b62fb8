"""How long it takes to hide and to reveal one picture, and how much of that the network takes.

    python -m benchmarks.speed [--rounds 15]

Compilers take turns within each round; medians and quartiles over rounds, networks already open.
Hiding includes reading back with two compilers, as users get it. A profile of the fastest compiler
says where the time goes. Writes ``benchmarks/results/speed.json``.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import time
from pathlib import Path

import latebra as lb
from benchmarks.machine import about
from latebra.api.opened import open_reader
from latebra.compiling.opening import installed

RESULT = Path(__file__).parent / "results" / "speed.json"
MESSAGE = b"meet at nine"
PARTS = {
    "network": ("opening.py run",),
    "code": ("ldpc.py encode", "ldpc.py decode"),
    "Gaussian sampling and its inverse": ("gaussian.py sample", "gaussian.py soften"),
    "basis": ("basis.py forward", "basis.py inverse"),
    "keyed orders and masks": ("modem.py layout", "modem.py _word_order", "stream.py bits"),
    "synchronisation": ("sync.py write", "sync.py search"),
    "frame": ("frame.py seal", "frame.py unseal"),
}
"""Parts of the work, and the functions whose time with all that they call is theirs."""


def spread(values: list[float]) -> dict[str, float]:
    """Returns the median and the quartiles, rounded to milliseconds."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": round(middle, 3), "lower": round(low, 3), "upper": round(high, 3)}


def profile(compiler: str, rounds: int) -> dict[str, float]:
    """Returns each part's share of the time that hiding and revealing one picture takes."""
    key = lb.Key.generate()
    recorder = cProfile.Profile()
    for _ in range(rounds):
        recorder.enable()
        stego = lb.hide(MESSAGE, key=key, compiler=compiler)
        lb.reveal(stego, key=key, compiler=compiler)
        recorder.disable()
    found = pstats.Stats(recorder)
    spent: dict[str, float] = {}
    for (file, _, function), row in found.stats.items():
        name = f"{Path(file).name} {function}"
        spent[name] = spent.get(name, 0.0) + row[3]
    shares = {
        part: round(sum(spent.get(name, 0.0) for name in names) / found.total_tt, 4)
        for part, names in PARTS.items()
    }
    return {**shares, "the rest": round(1 - sum(shares.values()), 4)}


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
    fastest = min(names, key=lambda name: measured[name]["both"]["median"])
    shares = {"compiler": fastest, "shares": profile(fastest, arguments.rounds)}
    result = {**about(), "rounds": arguments.rounds, "seconds": measured, "profile": shares}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps([measured, shares], indent=1))


if __name__ == "__main__":
    main()
