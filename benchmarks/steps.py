"""How many Runge-Kutta steps: bit errors after a round trip through eight-bit pixels.

    python -m benchmarks.steps [--count 24]

Writes ``benchmarks/results/steps.json``: for each number of steps, the share of signs that come
back wrong from a PNG, the median error of the latents, and the distance in grey levels from the
picture that 16 steps paint.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.machine import about
from latebra.api.opened import open_reader
from latebra.hiding.carriers import diffusion
from latebra.hiding.channel import basis

RESULT = Path(__file__).parent / "results" / "steps.json"
STEPS = (2, 3, 4, 6, 8)
FINE = 16


def main() -> None:
    """Measures the default kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=24)
    arguments = parser.parse_args()
    carrier = open_reader("diffusion", "ngraph", {}).carrier
    assert isinstance(carrier, diffusion.Diffusion)
    rng = np.random.default_rng(3)
    shape = (arguments.count, 3, diffusion.SIDE, diffusion.SIDE)
    noise = rng.standard_normal(shape, np.float32)
    sent, kind = basis.forward(noise), diffusion.DEFAULT
    rows: dict[str, dict[str, float]] = {}
    painted: dict[int, np.ndarray] = {}
    chosen = diffusion.STEPS
    for steps in (FINE, *STEPS):
        diffusion.STEPS = steps  # type: ignore[misc]
        painted[steps] = carrier.paint(noise, kind)
        received = basis.forward(carrier.invert(painted[steps], kind))
        rows[str(steps)] = {
            "sign_errors": round(float(((received > 0) != (sent > 0)).mean()), 5),
            "median_error": round(float(np.median(np.abs(received - sent))), 5),
            "levels_from_16_steps": round(
                float(np.abs(painted[steps].astype(float) - painted[FINE]).mean()), 3
            ),
            "evaluations": 8 * steps,
        }
        print(steps, rows[str(steps)], flush=True)
    result = {**about(), "pictures": arguments.count, "chosen": chosen, "steps": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
