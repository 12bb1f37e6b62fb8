"""Profile a graph: which bytes stand for which numbers, seen on inputs it was run on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.bundle import compiled
from latebra.compiling.glow.lowering import Steps
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import Target

LEVELS: Final = 255
SMALLEST: Final = float(np.finfo(np.float32).tiny)
"""The smallest scale: normal, and so is its reciprocal."""
_SAMPLES: Final = 1 << 15
"""Numbers of one tensor and one run that are kept to weigh errors on."""
_SHARES: Final = np.linspace(1.0, 0.4, 25)
"""Shares of the range that are tried."""


@dataclass(frozen=True)
class Scale:
    """Which numbers the bytes of a tensor stand for: ``scale * (byte - zero)``.

    Args:
        scale: From one byte to the next.
        zero: The byte that stands for 0, which is exact.
    """

    scale: float
    zero: int


def profiled(
    graph: Steps,
    names: Collection[str],
    inputs: Iterable[Mapping[str, NDArray[Any]]],
    target: Target,
) -> dict[str, Scale]:
    """Returns the scale of each tensor named, as the graph computes it in floats.

    Args:
        graph: The graph.
        names: Inputs of the graph, or results of its steps.
        inputs: What to run it on, one mapping a run; at least one.
        target: The processor that runs it.
    """
    inner = [name for name in dict.fromkeys(names) if name not in graph.inputs]
    run: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]] = dict
    if inner:
        run = Runner(compiled(replace(graph, outputs=inner), target, "profile"), 1)
    seen: dict[str, list[NDArray[Any]]] = {}
    for each in inputs:
        found = {**each, **run(each)}
        for name in names:
            seen.setdefault(name, []).append(_sampled(found[name]))
    return {name: fitted(np.concatenate(arrays)) for name, arrays in seen.items()}


def fitted(values: NDArray[Any]) -> Scale:
    """Returns the scale with the least squared error on some numbers.

    A range narrower than theirs moves the few that are beyond it to its ends, and brings all others
    nearer to their bytes. Numbers that are not finite are left out. A range too narrow for steps
    that are normal 32-bit floats counts as 0: their reciprocals would be infinite.
    """
    values = values[np.isfinite(values)].astype(np.float64)
    low, high = min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)
    if (high - low) * _SHARES.min() / LEVELS < SMALLEST:
        return Scale(1.0, 0)
    tried = [_over(low * share, high * share) for share in _SHARES]
    return min(tried, key=lambda scale: _error(values, scale))


def _over(low: float, high: float) -> Scale:
    scale = float(np.float32((high - low) / LEVELS))
    return Scale(scale, int(np.rint(-low / scale)))


def _error(values: NDArray[Any], scale: Scale) -> float:
    held = np.clip(np.rint(values / scale.scale), -scale.zero, LEVELS - scale.zero) * scale.scale
    return float(np.square(held - values).sum())


def _sampled(values: NDArray[Any]) -> NDArray[Any]:
    """Every n-th number, and both ends."""
    flat = values.reshape(-1)
    step = max(1, flat.size // _SAMPLES) | 1  # An even step could meet the same channels only.
    return np.concatenate([flat[::step], [flat.min(initial=0.0), flat.max(initial=0.0)]])
