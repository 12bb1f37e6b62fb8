"""A causal network one place at a time: keys and values of earlier places are kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError
from latebra.models.exact.attention import Attention
from latebra.models.exact.embedding import Positions
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.exact.layer import MOST, Layer
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import INPUT, Residual, Sequence, cast

PLACE: Final = "place"
"""The input that says which place it is, from 0: one 64-bit integer."""
_NEXT: Final = "_next"


def drafted_step(network: Layer, batch: int, length: int) -> Graph:
    """Returns the graph that computes one place of a network of tokens from what was kept.

    Its inputs are ``x`` of shape ``(batch, 1)``, ``place`` of shape ``(1,)``, and what is kept,
    which starts as ``empty`` gives it. Its outputs are ``y``, with one place, and what is to be
    kept: ``kept`` finds it. What ``y`` holds is, bit for bit, what the whole network gives there.

    Args:
        network: Of tokens, with an axis of places and one of channels.
        batch: How many sequences.
        length: The longest sequence.

    Raises:
        InputError: A layer looks at other places in a way that is not known here.
    """
    draft = Draft()
    token, place = Tensor(INPUT, (batch, 1), "int64"), Tensor(PLACE, (1,), "int64")
    step = _Step(draft, batch, length, place)
    result = cast(draft, step.of(network, token))
    return draft.done((token, place, *step.before), (result, *step.after))


def empty(graph: Graph) -> dict[str, NDArray[Any]]:
    """Returns what is kept before the first place, by the names of a step's inputs."""
    return {
        each.name: np.zeros(each.shape, np.float32)
        for each in graph.inputs
        if each.name not in (INPUT, PLACE)
    }


def kept(outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Returns what one step hands to the next, by the names of its inputs."""
    return {
        name.removesuffix(_NEXT): each for name, each in outputs.items() if name.endswith(_NEXT)
    }


@dataclass(frozen=True)
class _Step:
    draft: Draft
    batch: int
    length: int
    place: Tensor
    before: list[Tensor] = field(default_factory=list[Tensor])
    after: list[Tensor] = field(default_factory=list[Tensor])

    def of(self, layer: Layer, x: Tensor) -> Tensor:
        match layer:
            case Sequence(layers):
                for each in layers:
                    x = self.of(each, x)
                return x
            case Residual():
                return layer.add(self.draft, x, self.of(layer.body, x))
            case Positions():
                row = self.row(layer.table[: self.length], 1, 1, -1)
                return layer.add(self.draft, x, row)
            case Attention():
                return self.attention(layer, x)
            case _ if layer.is_by_place:
                return layer.write(self.draft, x)
            case _:
                raise InputError(
                    f"{type(layer).__name__} is not computed place by place",
                    fix="use causal layers between tokens and logits",
                )

    def attention(self, layer: Attention, x: Tensor) -> Tensor:
        query, key, value = (
            layer.by_head(self.draft, each.write(self.draft, x)) for each in layer.projections
        )
        keys, values = self.filled("keys", key), self.filled("values", value)
        mask = self.row(layer.softmax.mask(self.length), 1, 1, 1, self.length)
        return layer.attend(self.draft, query, keys, values, mask)

    def filled(self, name: str, new: Tensor) -> Tensor:
        """Returns what was kept under this name, with ``new`` in its place."""
        shape = (*new.shape[:2], self.length, new.shape[3])
        held = Tensor(f"{name}{len(self.before) // 2}", shape)
        here = np.eye(self.length, dtype=np.float32)
        kept = Rescale(0).write(self.draft, held)
        kept = self.times(kept, self.row(1 - here, 1, 1, self.length, 1), shape)
        new = self.times(new, self.row(here, 1, 1, self.length, 1), shape)
        total = self.draft.do("Add", kept.name, new.name, shape=shape).name
        low, high = self.draft.scalar(-MOST), self.draft.scalar(MOST)
        filled = self.draft.do("Clip", total, low, high, shape=shape, name=held.name + _NEXT)
        self.before.append(held)
        self.after.append(filled)
        return filled

    def times(self, a: Tensor, b: Tensor, shape: tuple[int, ...]) -> Tensor:
        return self.draft.do("Mul", a.name, b.name, shape=shape)

    def row(self, table: NDArray[np.float32], *shape: int) -> Tensor:
        """Returns the row of a table for this place, in a shape."""
        held = self.draft.constant(table)
        row = self.draft.do("Gather", held, self.place.name, shape=(1, table.shape[1]))
        return self.draft.reshape(row, *shape)
