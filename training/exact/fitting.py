"""Fit a network of parts twice from one start: in exact arithmetic, and in floats as its twin.

First in floats, at a steady rate. From there on, once in exact arithmetic and once in floats, the
same number of steps on the same examples, the rate falling to zero: so what differs in the end is
the arithmetic. Each phase is kept every 200 steps and goes on from there when it is run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from training.exact.layers import Part
from training.exact.straight import in_floats

PHASES: Final = ("start", "exact", "twin")
_KEPT_EVERY: Final = 200
_WARM_UP: Final = 50

Loss = Callable[[Part, torch.Generator], Tensor]
"""Draws examples and returns their loss in nats."""


@dataclass(frozen=True)
class Budget:
    """How long and how fast.

    Args:
        start: Seconds of processor time for the start.
        exact: Seconds of processor time in exact arithmetic.
        rate: Of AdamW.
    """

    start: float
    exact: float
    rate: float = 3e-3


def fit(
    network: Part, loss: Loss, budget: Budget, folder: Path, phases: Sequence[str] = PHASES
) -> None:
    """Runs phases; the weights of each are in ``folder`` then, with a record beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = 0
    for phase in phases:
        path = folder / f"{phase}.pt"
        if phase != "start" and not path.exists():
            network.load_state_dict(torch.load(folder / "start.pt")["network"])
        limit = {"start": budget.start, "exact": budget.exact, "twin": float("inf")}[phase]
        done = _run(network, loss, budget, phase, path, limit, steps)
        steps = done["steps"]
        record = {**asdict(budget), **done}
        (folder / f"{phase}.json").write_text(json.dumps(record, indent=1) + "\n")


def _run(
    network: Part, loss: Loss, budget: Budget, phase: str, path: Path, limit: float, steps: int
) -> dict[str, float]:
    """Returns steps and seconds of one phase; the twin's takes the steps it is told."""
    optimiser = torch.optim.AdamW(network.parameters(), budget.rate, (0.9, 0.98), weight_decay=0.01)
    step, spent, mean = 0, 0.0, 0.0
    if path.exists():
        kept = torch.load(path)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        step, spent, mean = kept["step"], kept["spent"], kept["mean"]
    began = time.process_time() - spent
    while True:
        spent = time.process_time() - began
        share = step / steps if phase == "twin" else min(1.0, spent / limit)
        if step % _KEPT_EVERY == 0 or share >= 1:
            print(f"{phase} {step} steps {spent:.0f} s loss {mean:.4f}", flush=True)
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**state, "step": step, "spent": spent, "mean": mean}, path)
        if share >= 1:
            return {"steps": step, "seconds": round(spent)}
        rate = budget.rate * min(1.0, (step + 1) / _WARM_UP)
        if phase != "start":
            rate *= 1 - share
        for group in optimiser.param_groups:
            group["lr"] = rate
        # A step draws the same examples in every run of a phase, and in both arithmetics.
        drawn = torch.Generator().manual_seed(step + (0 if phase == "start" else 1 << 32))
        with nullcontext() if phase == "exact" else in_floats():
            found = loss(network, drawn)
        optimiser.zero_grad()
        found.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        mean = found.item() if step == 0 else 0.98 * mean + 0.02 * found.item()
        step += 1
