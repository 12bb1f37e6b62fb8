"""A network that somebody compiled: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import NumericsMismatch

Arrays = Mapping[str, NDArray[Any]]
Tier = Literal["T1", "T2", "T3"]


@dataclass(frozen=True)
class Golden:
    """One input and the output it must give, checked whenever a network is opened.

    Args:
        inputs: Arrays by input name.
        outputs: The reference's outputs by name, computed in float64 and stored as float32.
    """

    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class ModelCard:
    """What is known about a network before it runs.

    Args:
        name: The id it is found by, ``[a-z][a-z0-9_]*``.
        digest: SHA-256 of its canonical weights, 64 hexadecimal digits: it is bound into every
            frame, and is the same whichever compiler runs the network.
        tier: How far two compilers may differ: T1 not at all, T2 float and autoregressive, T3
            noise.
        bound: Largest absolute difference from ``golden`` that is accepted.
        golden: The golden vector, or None for a network that nobody has vouched for.
        about: Free facts by name: data, recipe, budget, licence.
    """

    name: str
    digest: str
    tier: Tier
    bound: float
    golden: Golden | None = None
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Network(Protocol):
    """A network that somebody compiled: arrays in, arrays out."""

    @property
    def card(self) -> ModelCard:
        """What is known about the network."""
        ...

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name for one set of inputs."""
        ...


def check_golden(network: Network, compiler: str) -> float:
    """Returns the largest absolute error on the golden vector; zero where there is none.

    Raises:
        NumericsMismatch: The error is above the card's bound, or is not a number.
    """
    card = network.card
    if card.golden is None:
        return 0.0
    got = network.run(card.golden.inputs)
    error = 0.0
    for name, wanted in card.golden.outputs.items():
        difference = np.abs(np.asarray(got[name], np.float64) - np.asarray(wanted, np.float64))
        largest = float(difference.max(initial=0.0))
        error = max(error, largest) if np.isfinite(largest) else float("inf")
    if error > card.bound:
        raise NumericsMismatch(
            f"{card.name} compiled by {compiler} is off its golden vector by {error:.2e}, "
            f"the bound is {card.bound:.2e}",
            error=error,
            bound=card.bound,
            fix="force 32-bit floats in this compiler, or choose another compiler",
        )
    return error
