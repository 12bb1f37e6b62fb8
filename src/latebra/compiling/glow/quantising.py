"""Quantise a graph: products with constant weights become products of bytes, which are exact.

Activations are bytes with one scale a tensor, profiled; weights are bytes with one scale a column
or channel. Between products, everything is computed in floats. Source: Rotem et al. 2018, Glow,
arXiv:1805.00907, section 4.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.lowering import Step, Steps
from latebra.compiling.glow.profiling import LEVELS, SMALLEST, Scale, profiled
from latebra.compiling.glow.target import Target

_LARGEST: Final = 127
"""The largest weight; -128 is left out, so that a weight and its negative are alike."""
_MOST_TERMS: Final = (2**31 - 1) // (LEVELS * _LARGEST)
"""A sum of so many products fits 32 bits, whatever they are."""


def quantised(graph: Steps, inputs: Iterable[Mapping[str, NDArray[Any]]], target: Target) -> Steps:
    """Returns a graph whose products are those of bytes, with scales profiled on some inputs.

    Args:
        graph: A graph of floats.
        inputs: What it is profiled on, one mapping a run; at least one.
        target: The processor that runs it.

    Raises:
        NotImplementedError: It has no product that could be quantised.
    """
    names = read_as_bytes(graph)
    if not names:
        raise NotImplementedError("product with constant weights to quantise")
    return with_bytes(graph, profiled(graph, names, inputs, target))


def read_as_bytes(graph: Steps) -> list[str]:
    """Returns the names of the tensors that products would read as bytes."""
    return list(dict.fromkeys(s.inputs[0] for s in graph.steps if _can(graph, s)))


def with_bytes(graph: Steps, scales: Mapping[str, Scale]) -> Steps:
    """Returns a graph whose products are those of bytes, where the scale of what they read is told.

    Args:
        graph: A graph of floats.
        scales: By the name of a tensor.
    """
    constants = dict(graph.constants)
    steps: list[Step] = []
    held: set[str] = set()
    for step in graph.steps:
        scale = scales.get(step.inputs[0]) if step.inputs else None
        if scale is None or not _can(graph, step):
            steps.append(step)
            continue
        x, weights = step.inputs
        if x not in held:
            told = {"scale": scale.scale, "zero": scale.zero}
            steps.append(Step("Quantise", (x,), f"{x}:bytes", told))
            held.add(x)
        steps += _by_bytes(step, scale, graph.constants[weights], constants)
    read = {name for step in steps for name in step.inputs} | set(graph.outputs)
    kept = {name: array for name, array in constants.items() if name in read}
    return replace(graph, constants=kept, steps=steps)


def _can(graph: Steps, step: Step) -> bool:
    """Is it a product with constant weights whose sums fit? Both factors vary in attention."""
    if step.name not in ("Conv", "MatMul") or step.inputs[0] in graph.constants:
        return False
    weights = graph.constants.get(step.inputs[1])
    if weights is None or weights.dtype != np.float32 or not np.isfinite(weights).all():
        return False
    if step.name == "MatMul":
        return weights.ndim == 2 and 0 < weights.shape[0] <= _MOST_TERMS
    # One channel at a time has too few products to gain from bytes.
    return 1 < prod(weights.shape[1:]) <= _MOST_TERMS and weights.shape[1] > 1


def _by_bytes(
    step: Step, scale: Scale, weights: NDArray[Any], constants: dict[str, NDArray[Any]]
) -> list[Step]:
    """The steps of a product of bytes: the sums, less what zero stands for, times both scales."""
    product = step.name == "MatMul"
    summed = (0,) if product else tuple(range(1, weights.ndim))
    shape = (-1,) if product else (-1, *(1,) * (weights.ndim - 2))
    largest = np.abs(weights).max(axis=summed, keepdims=True)
    each = largest / np.float32(_LARGEST)
    each = np.where(each >= SMALLEST, each, np.float32(1))
    held = np.rint(weights / each).astype(np.int8)
    y = step.output
    constants[f"{y}:weights"] = held
    constants[f"{y}:scales"] = (each * np.float32(scale.scale)).reshape(shape)
    offsets = -scale.zero * held.sum(axis=summed, dtype=np.int32)
    constants[f"{y}:offsets"] = offsets.astype(np.int32).reshape(shape)
    told = step.told if product else {**step.told, "fill": scale.zero}
    return [
        Step(step.name, (f"{step.inputs[0]}:bytes", f"{y}:weights"), f"{y}:sums", told),
        Step("Add", (f"{y}:sums", f"{y}:offsets"), f"{y}:whole"),
        Step("Cast", (f"{y}:whole",), f"{y}:float", {"to": "float32"}),
        Step("Mul", (f"{y}:float", f"{y}:scales"), y),
    ]
