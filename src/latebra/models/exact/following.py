"""What follows a text, by an exact network that some compiler runs: the same bits with each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import Float64

from latebra.core.errors import InputError
from latebra.core.network import Network
from latebra.models.exact.graph import Graph
from latebra.models.exact.sequence import INPUT, OUTPUT
from latebra.models.exact.stepping import PLACE, empty, kept

Logits = Float64[np.ndarray, " vocabulary"]


def begin(tokens: int, length: int) -> int:
    """Returns from which of so many tokens on a network looks that takes ``length`` at most.

    Once they are too many it looks at the last half of its length, then at one more each time, so
    that a cached step need not start again at every token.
    """
    half = length // 2
    return 0 if tokens <= length else -(-(tokens - length) // half) * half


@final
class Windowed:
    """Logits by the graph of all places, which computes all of them for each token.

    Args:
        network: A graph of shape ``(batch, length)`` as a compiler opened it; the context is the
            first of the batch.
        graph: The graph.
        nats: What a step of a logit is worth.
    """

    def __init__(self, network: Network, graph: Graph, nats: float) -> None:
        self._network, self._nats = network, nats
        (given,) = graph.inputs
        self._shape = given.shape

    def logits(self, context: Sequence[int]) -> Logits:
        """Returns the logits of what follows, in nats.

        Raises:
            InputError: The context is empty.
        """
        _check(context)
        seen = context[begin(len(context), self._shape[1]) :]
        tokens = np.zeros(self._shape, np.int64)
        tokens[0, : len(seen)] = seen
        found = self._network.run({INPUT: tokens})[OUTPUT]
        return found[0, len(seen) - 1].astype(np.float64) * self._nats


@final
class Stepped:
    """Logits by the graph of one place, which keeps what it computed of earlier ones.

    Args:
        network: A stepped graph as a compiler opened it; all of its batch take the context.
        graph: The graph.
        length: The longest sequence.
        nats: What a step of a logit is worth.
    """

    def __init__(self, network: Network, graph: Graph, length: int, nats: float) -> None:
        self._network, self._graph = network, graph
        self._length, self._nats = length, nats
        self._seen: list[int] = []
        self._state, self._found = empty(graph), np.zeros(0)

    def logits(self, context: Sequence[int]) -> Logits:
        """Returns the logits of what follows, in nats.

        Raises:
            InputError: The context is empty.
        """
        _check(context)
        wanted = list(context[begin(len(context), self._length) :])
        if wanted[: len(self._seen)] != self._seen:
            self._seen, self._state = [], empty(self._graph)
        for token in wanted[len(self._seen) :]:
            self._step(token)
        return self._found

    def _step(self, token: int) -> None:
        batch = self._graph.inputs[0].shape[0]
        place = np.array([len(self._seen)])
        given = {INPUT: np.full((batch, 1), token, np.int64), PLACE: place}
        outputs = self._network.run({**given, **self._state})
        self._state = {name: each.copy() for name, each in kept(outputs).items()}
        self._found = outputs[OUTPUT][0, 0].astype(np.float64) * self._nats
        self._seen.append(token)


def _check(context: Sequence[int]) -> None:
    if not len(context):
        raise InputError("nothing follows an empty context", fix="give a prompt of a token or more")
