"""One evaluation of the bundled network with each compiler: time against ONNX Runtime's, error.

    python -m benchmarks.compilers [--rounds 25]

Compilers take turns within each round, each in its own process with one thread; medians of the
ratios to ONNX Runtime's time in the same round. The error is the largest absolute difference from
the golden vector, which was computed in 64-bit floats. Writes
``benchmarks/results/compilers.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import latebra as lb
from benchmarks.machine import about
from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network
from latebra.core.network import check_golden

RESULT = Path(__file__).parent / "results" / "compilers.json"
NAME = "small_photographs"
YARDSTICK = "onnxruntime"


def main() -> None:
    """Measures every compiler that is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    card = lb.models[NAME]
    model = Model(lb.models.onnx(NAME), card)
    networks = {name: open_network(model, name, threads=1) for name in installed()}
    golden = card.golden
    assert golden is not None
    times: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(arguments.rounds + 2):
        for name, network in networks.items():
            start = time.perf_counter()
            network.run(golden.inputs)
            if turn > 1:  # The first rounds warm up.
                times[name].append(time.perf_counter() - start)
    rows = {
        name: {
            "milliseconds": round(1e3 * statistics.median(times[name]), 2),
            "ratio": round(
                statistics.median(
                    own / other for own, other in zip(times[name], times[YARDSTICK], strict=True)
                ),
                2,
            ),
            "error": check_golden(networks[name], name),
        }
        for name in networks
    }
    result = {
        **about(),
        "rounds": arguments.rounds,
        "threads": 1,
        "bound": card.bound,
        "rows": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
