"""Measure hiding in class tables: what comes through, what it costs, who sees it, who reads it.

    python -m benchmarks.zeroshot rooms|cost|detection|matrix|classifier|locks|dictionary ...

``cost``, ``classifier``, ``locks`` and ``dictionary`` need the pictures that
``training.zeroshot.emoji`` gathers (``--data``). Each part is kept in
``benchmarks/results/zeroshot.json`` beside the others.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.class_frames import detection, matrix, rooms
from benchmarks.class_locks import dictionary, locks
from benchmarks.class_names import classifier, cost
from benchmarks.machine import about

RESULT = Path(__file__).parent / "results" / "zeroshot.json"


def main() -> None:
    """Measures the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = (rooms, detection, matrix, classifier, cost, locks, dictionary)
    parts = {each.__name__: each for each in every}
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="PART")
    parser.add_argument("--data", type=Path, help="what training.zeroshot.emoji wrote")
    parser.add_argument("--words", type=int, default=10_000, help="that an attacker tries")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    for part in arguments.parts:
        start = time.process_time()
        found = parts[part](arguments)
        kept = json.loads(arguments.result.read_text()) if arguments.result.exists() else {}
        kept |= about() | {part: found}
        arguments.result.write_text(json.dumps(kept, indent=1) + "\n")
        print(part, f"{time.process_time() - start:.1f} processor seconds", flush=True)


if __name__ == "__main__":
    main()
