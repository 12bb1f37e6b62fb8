"""How long ``import latebra`` takes, and ``latebra --help``: medians of fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import about

RESULTS = Path(__file__).parent / "results" / "import_time.json"
RUNS = 21
LIMIT_S = 0.3


def seconds(arguments: list[str]) -> float:
    """Returns the wall-clock time of a Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measures, writes the result, and fails when importing takes longer than promised."""
    cases = {
        "python": ["-c", "pass"],
        "import": ["-c", "import latebra"],
        "help": ["-m", "latebra.cli", "--help"],
    }
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for arguments in cases.values():
        seconds(arguments)  # The first run compiles, and warms the file cache.
    for _ in range(RUNS):  # Interleaved, so that a busy moment hits all alike.
        for name, arguments in cases.items():
            spent[name].append(seconds(arguments))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    result = {
        **about(),
        "python_s": round(medians["python"], 3),
        "import_latebra_s": round(medians["import"] - medians["python"], 3),
        "help_s": round(medians["help"], 3),
        "runs": RUNS,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    if result["import_latebra_s"] > LIMIT_S:
        sys.exit(f"import latebra takes {result['import_latebra_s']} s, the limit is {LIMIT_S}")


if __name__ == "__main__":
    main()
