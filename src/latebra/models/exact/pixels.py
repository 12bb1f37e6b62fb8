"""A causal network of pictures, a few pixels at a time, given what earlier pixels came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32

from latebra.core.errors import InputError
from latebra.models.exact.convolution import Convolution
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.exact.layer import Layer
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Residual, Sequence, cast

EARLIER: Final = "earlier"
"""Inputs: what the convolutions, from 0, see of the pixels before, in the order of reading."""
HELD: Final = "held"
"""Outputs: what the convolutions, from 1, see of the pixels themselves."""


def drafted_pixels(network: Layer, pixels: int) -> Graph:
    """Returns the graph that computes some pixels of a picture, none of which sees another.

    Each convolution of k by k pixels has an input ``earlier0``, ``earlier1``, … of shape
    ``(pixels, k² // 2 · channels)``: what it sees above its middle pixel and left of it, pixel
    after pixel, zeros beyond the edges. For the first that is the picture, for the others what the
    same graph gave as ``held1``, ``held2``, … of shape ``(pixels, channels)`` when those pixels
    were computed. ``y`` is, bit for bit, what the whole network gives there.

    Args:
        network: Of convolutions, all but the first with or without skips around them.
        pixels: How many.

    Raises:
        InputError: A layer looks ahead, or in a way that is not known here.
    """
    step = _Step(Draft(), pixels)
    result = step.of(network, None)
    if result is None:
        raise InputError("the network looks at no pixel before", fix="use a masked convolution")
    return step.draft.done(tuple(step.earlier), (cast(step.draft, result), *step.held))


def windows_of(graph: Graph) -> list[list[int]]:
    """Returns the side and the channels of each window that a graph of ``drafted_pixels`` takes."""
    channels = [graph.inputs[0].shape[1], *(each.shape[1] for each in graph.outputs[1:])]
    found: list[list[int]] = []
    for place, (given, width) in enumerate(zip(graph.inputs, channels, strict=True)):
        width = 1 if place == 0 else width
        found.append([int((2 * given.shape[1] // width + 1) ** 0.5), width])
    return found


@dataclass
class _Step:
    draft: Draft
    pixels: int
    earlier: list[Tensor] = field(default_factory=list[Tensor])
    held: list[Tensor] = field(default_factory=list[Tensor])
    most: int = 0
    """The largest magnitude of what flows."""

    def of(self, layer: Layer, x: Tensor | None) -> Tensor | None:
        match layer:
            case Sequence(layers):
                for each in layers:
                    x = self.of(each, x)
                return x
            case Residual(body, most) if x is not None and (added := self.of(body, x)) is not None:
                self.most = most
                return layer.add(self.draft, x, added)
            case Rescale(low=low, high=high):
                self.most = max(abs(low), high)
                return x if x is None else layer.write(self.draft, x)
            case Convolution(stride=1) if layer.weight.shape[2] == 2 * layer.padding + 1:
                return self.convolution(layer, x)
            case _:
                raise InputError(
                    f"{type(layer).__name__} is not computed pixel by pixel",
                    fix="use convolutions that keep the size, after a Rescale",
                )

    def convolution(self, layer: Convolution, x: Tensor | None) -> Tensor:
        outputs, channels, side, _ = layer.weight.shape
        by_pixel = layer.weight.reshape(outputs, channels, side**2).transpose(2, 1, 0)
        before, here, after = np.split(by_pixel, [side**2 // 2, side**2 // 2 + 1])
        if after.any() or (x is None and here.any()):
            raise InputError(
                "a convolution looks at pixels that are not known yet", fix="mask its weights"
            )
        sums: list[Tensor] = []
        if side > 1:
            shape = (self.pixels, before.shape[0] * channels)
            given = Tensor(f"{EARLIER}{len(self.earlier)}", shape)
            if self.earlier and x is not None:
                name = f"{HELD}{len(self.earlier)}"
                low, high = self.draft.scalar(-self.most), self.draft.scalar(self.most)
                self.held.append(self.draft.do("Clip", x.name, low, high, shape=x.shape, name=name))
            self.earlier.append(given)
            whole = Rescale(0, -self.most, self.most).write(self.draft, given)
            sums.append(self.product(whole, before.reshape(-1, outputs)))
        if x is not None:
            sums.append(self.product(x, here[0]))
        total = sums[0].name
        for each in (*(sum.name for sum in sums[1:]), self.draft.constant(layer.bias)):
            total = self.draft.do("Add", total, each, shape=(self.pixels, outputs)).name
        self.most = max(abs(layer.rescale.low), layer.rescale.high)
        return layer.rescale.write(self.draft, Tensor(total, (self.pixels, outputs)))

    def product(self, x: Tensor, weight: Float32[np.ndarray, "inputs outputs"]) -> Tensor:
        held = self.draft.constant(np.ascontiguousarray(weight))
        return self.draft.do("MatMul", x.name, held, shape=(self.pixels, weight.shape[1]))
