"""Exact networks with random weights to try compilers on, and their sums in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.core.network import ModelCard
from latebra.models.exact.layer import MOST, MOST_WEIGHT, Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.onnx_file import to_onnx
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Sequence, drafted


@dataclass(frozen=True)
class Sample:
    """An exact network, and what one item of a batch looks like.

    Args:
        network: The network.
        shape: Of one item.
        tokens: How many tokens there are; 0 for a network of numbers.
    """

    network: Sequence
    shape: tuple[int, ...]
    tokens: int = 0

    @property
    def dtype(self) -> str:
        """Of the input."""
        return "int64" if self.tokens else "float32"

    def inputs(self, batch: int, seed: int = 0) -> NDArray[Any]:
        """Returns so many random items."""
        rng = np.random.default_rng(seed)
        if self.tokens:
            return rng.integers(0, self.tokens, (batch, *self.shape))
        return rng.normal(0, 60, (batch, *self.shape)).astype(np.float32)

    def model(self, batch: int) -> Model:
        """Returns the network as an ONNX model for so many items."""
        graph = drafted(self.network, (batch, *self.shape), self.dtype)
        return as_model(to_onnx(graph), "T1")


def as_model(file: bytes, tier: Any) -> Model:
    """Returns an ONNX file with a card that vouches for nothing."""
    return Model(file, ModelCard("exact", hashlib.sha256(file).hexdigest(), tier, np.inf))


def mlp() -> Sample:
    """Three layers: 64 numbers, 96, 96 and 40."""
    rng = np.random.default_rng(21)
    layers = (
        Rescale(0),
        _linear(rng, 64, 96, 8, low=0),
        _linear(rng, 96, 96, 7, low=0),
        _linear(rng, 96, 40, 7),
    )
    return Sample(Sequence(layers), (64,))


SAMPLES: Final[Mapping[str, Callable[[], Sample]]] = {"mlp": mlp}


def mirrored(sample: Sample) -> Sample:
    """Returns the same network with every sum in the opposite order; its input is mirrored too."""
    *first, last = sample.network.layers
    layers = (*map(_mirrored, first), _mirrored(last, outputs=False))
    return replace(sample, network=Sequence(layers))


def _mirrored(layer: Layer, *, outputs: bool = True) -> Layer:
    match layer:
        case Linear(weight, bias):
            weight = weight[::-1]
            if outputs:
                weight, bias = weight[:, ::-1], bias[::-1]
            return replace(layer, weight=weight.copy(), bias=bias.copy())
        case _:
            return layer


def _linear(
    rng: np.random.Generator, inputs: int, outputs: int, shift: int, *, low: int = -MOST
) -> Linear:
    weight = rng.integers(-MOST_WEIGHT, MOST_WEIGHT + 1, (inputs, outputs)).astype(np.float32)
    bias = rng.integers(-(2**shift), 2**shift + 1, outputs).astype(np.float32)
    return Linear(weight, bias, Rescale(shift, low))
