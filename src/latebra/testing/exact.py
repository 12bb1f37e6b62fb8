"""Exact networks to try compilers on, and their sums in another order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.core.network import ModelCard, Network
from latebra.models.exact.attention import Attention
from latebra.models.exact.convolution import Convolution
from latebra.models.exact.embedding import Embedding, Positions
from latebra.models.exact.graph import Graph
from latebra.models.exact.layer import MOST, MOST_WEIGHT, Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.norm import Norm
from latebra.models.exact.onnx_file import to_onnx
from latebra.models.exact.proof import exported
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Flatten, Residual, Sequence, drafted
from latebra.models.exact.softmax import CausalSoftmax
from latebra.models.exact.stepping import drafted_step, empty, kept
from latebra.models.exact.twin import drafted_twin
from latebra.models.learned import TEXTS, TILES, learned


@dataclass(frozen=True)
class Sample:
    """An exact network, and what one item of a batch looks like.

    Args:
        network: The network.
        shape: Of one item.
        tokens: How many tokens there are; 0 for a network of numbers.
        is_mirrored: Does it take its numbers in the opposite order?
    """

    network: Sequence
    shape: tuple[int, ...]
    tokens: int = 0
    is_mirrored: bool = False

    @property
    def dtype(self) -> str:
        """Of the input."""
        return "int64" if self.tokens else "float32"

    def inputs(self, batch: int, seed: int = 0) -> NDArray[Any]:
        """Returns so many random items; the same ones to a mirrored network, mirrored."""
        rng = np.random.default_rng(seed)
        if self.tokens:
            return rng.integers(0, self.tokens, (batch, *self.shape))
        x = rng.normal(0, 60, (batch, *self.shape)).astype(np.float32)
        axes = tuple(range(1, x.ndim)) if self.is_mirrored else ()
        return np.ascontiguousarray(np.flip(x, axes))

    def model(self, batch: int) -> Model:
        """Returns the network as an ONNX model for so many items, proven exact."""
        return _model(exported(drafted(self.network, (batch, *self.shape), self.dtype)), "T1")

    def stepped(self, batch: int) -> tuple[Graph, Model]:
        """Returns a network of tokens one place at a time, as a graph and as a model."""
        graph = drafted_step(self.network, batch, *self.shape)
        return graph, _model(exported(graph), "T1")

    def twin(self, batch: int) -> Model:
        """Returns the network in ordinary floats."""
        return _model(to_onnx(drafted_twin(self.network, (batch, *self.shape), self.dtype)), "T3")

    def results(self, found: NDArray[Any]) -> NDArray[Any]:
        """Returns outputs in the usual order: a mirrored network gives pictures mirrored."""
        return np.flip(found, (1, 2, 3)) if self.is_mirrored and found.ndim == 4 else found

    def mirrored(self) -> Sample:
        """Returns the same network with every sum in the opposite order."""
        *first, last = self.network.layers
        layers = (*map(_mirrored, first), _mirrored(last, outputs=False))
        return replace(self, network=Sequence(layers), is_mirrored=not self.is_mirrored)


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


def cnn() -> Sample:
    """Three convolutions, one around a skip and one of stride 2, and a layer of 20 numbers."""
    rng = np.random.default_rng(22)
    layers = (
        Rescale(0, 0),
        _convolution(rng, 3, 16, 7, low=0),
        Residual(_convolution(rng, 16, 16, 8)),
        _convolution(rng, 16, 24, 8, low=0, stride=2),
        Flatten(),
        _linear(rng, 24 * 7 * 7, 20, 9),
    )
    return Sample(Sequence(layers), (3, 13, 13))


def transformer() -> Sample:
    """Two causal blocks of four heads over 24 tokens of 64, in 48 channels."""
    rng = np.random.default_rng(23)
    width, length, tokens, wide = 48, 24, 64, 8 * MOST
    softmax = CausalSoftmax(length)

    def table(rows: int) -> NDArray[np.float32]:
        return rng.integers(-100, 101, (rows, width)).astype(np.float32)

    def attention() -> Attention:
        query, key, value, out = (_linear(rng, width, width, 7) for _ in range(4))
        return Attention(query, key, value, out, 4, Rescale(7), softmax)

    def block() -> tuple[Layer, Layer]:
        norm = Norm(width, wide)
        hidden = _linear(rng, width, 2 * width, 7, low=0)
        back = _linear(rng, 2 * width, width, 7)
        first = Residual(Sequence((norm, attention())), wide)
        return first, Residual(Sequence((norm, hidden, back)), wide)

    layers = (
        Embedding(table(tokens)),
        Positions(table(length), wide),
        *block(),
        *block(),
        Norm(width, wide),
        _linear(rng, width, tokens, 7),
    )
    return Sample(Sequence(layers), (length,), tokens)


def texts() -> Sample:
    """The bundled language model, on random tokens."""
    found = learned(TEXTS)
    return Sample(found.network, found.shape, len(found.pieces))


def tiles() -> Sample:
    """The bundled model of small pictures, on noise."""
    found = learned(TILES)
    return Sample(found.network, found.shape)


def run_by_place(network: Network, graph: Graph, tokens: NDArray[np.int64]) -> NDArray[np.int32]:
    """Returns what a stepped network gives for each place of some sequences.

    Args:
        network: The graph as a compiler opened it.
        graph: What ``Sample.stepped`` returned.
        tokens: Shape ``(batch, length)``.
    """
    state, results = empty(graph), list[NDArray[np.int32]]()
    for place in range(tokens.shape[1]):
        token = np.ascontiguousarray(tokens[:, place : place + 1])
        outputs = network.run({"x": token, "place": np.array([place]), **state})
        state = {name: each.copy() for name, each in kept(outputs).items()}
        results.append(outputs["y"].copy())
    return np.concatenate(results, 1)


SAMPLES: Final[Mapping[str, Callable[[], Sample]]] = {
    "mlp": mlp,
    "cnn": cnn,
    "transformer": transformer,
}
"""Small networks with random weights."""
TRAINED: Final[Mapping[str, Callable[[], Sample]]] = {TEXTS: texts, TILES: tiles}
"""The bundled ones."""


def _model(file: bytes, tier: Any) -> Model:
    return Model(file, ModelCard("exact", hashlib.sha256(file).hexdigest(), tier, np.inf))


def _mirrored(layer: Layer, *, outputs: bool = True) -> Layer:
    match layer:
        case Linear(weight, bias):
            if not outputs:
                return replace(layer, weight=_flipped(weight, 0))
            return replace(layer, weight=_flipped(weight), bias=_flipped(bias))
        case Convolution(weight, bias):
            return replace(layer, weight=_flipped(weight), bias=_flipped(bias))
        case Embedding(table) | Positions(table):
            return replace(layer, table=_flipped(table, 1))
        case Residual(body):
            return replace(layer, body=_mirrored(body))
        case Sequence(layers):
            return Sequence(tuple(map(_mirrored, layers)))
        case Attention():
            names = ("query", "key", "value", "out")
            parts: dict[str, Any] = {name: _mirrored(getattr(layer, name)) for name in names}
            return replace(layer, **parts)
        case _:  # Of all elements alike.
            return layer


def _flipped(array: NDArray[Any], axis: int | None = None) -> NDArray[Any]:
    return np.ascontiguousarray(np.flip(array, axis))


def _linear(
    rng: np.random.Generator, inputs: int, outputs: int, shift: int, *, low: int = -MOST
) -> Linear:
    weight, bias = _weights(rng, shift, inputs, outputs), _weights(rng, shift, outputs)
    return Linear(weight, bias, Rescale(shift, low))


def _convolution(
    rng: np.random.Generator,
    inputs: int,
    outputs: int,
    shift: int,
    *,
    low: int = -MOST,
    stride: int = 1,
) -> Convolution:
    weight, bias = _weights(rng, shift, outputs, inputs, 3, 3), _weights(rng, shift, outputs)
    return Convolution(weight, bias, Rescale(shift, low), stride, 1)


def _weights(rng: np.random.Generator, shift: int, *shape: int) -> NDArray[np.float32]:
    """Returns weights, or for one axis biases of the size of a step of the result."""
    most = MOST_WEIGHT if len(shape) > 1 else 2**shift
    return rng.integers(-most, most + 1, shape).astype(np.float32)
