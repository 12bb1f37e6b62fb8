"""Modules that train into exact layers: what they compute is what the layers will, bit for bit.

Weights are kept as the ordinary ones that they stand for, so ordinary rates suit them; on the way
forwards they are whole numbers of ``2^-shift``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latebra.models.exact.attention import Attention
from latebra.models.exact.convolution import Convolution
from latebra.models.exact.embedding import Embedding, Positions
from latebra.models.exact.layer import MOST, MOST_WEIGHT, Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.norm import Norm
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Flatten, Residual, Sequence
from latebra.models.exact.softmax import CausalSoftmax
from training.exact.straight import clipped, entries, is_in_floats, rescaled, straight, whole

UNIT = 32.0
"""The usual size of what flows between layers; biases and tables are trained in units of it."""


class Part(nn.Module, ABC):
    """A module that is an exact layer in training."""

    @abstractmethod
    def exact(self) -> Layer:
        """Returns the layer with the weights as they are now."""


class Plain(Part):
    """A layer without weights: a ``Rescale`` or a ``Flatten``."""

    def __init__(self, layer: Rescale | Flatten) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if isinstance(self.layer, Flatten) else rescaled(x, self.layer)

    def exact(self) -> Layer:
        return self.layer


class Chain(Part):
    """Parts one after another."""

    def __init__(self, *parts: Part) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def exact(self) -> Sequence:
        return Sequence(tuple(part.exact() for part in self.parts))


class Skip(Part):
    """A part around which its input is added to its output."""

    def __init__(self, body: Part, most: int = MOST) -> None:
        super().__init__()
        self.body, self.most = body, most

    def forward(self, x: Tensor) -> Tensor:
        return clipped(x + self.body(x), self.most)

    def exact(self) -> Residual:
        return Residual(self.body.exact(), self.most)


class Weighted(Part):
    """Weights and biases of ``terms`` terms to a sum."""

    def __init__(self, *shape: int, terms: int, outputs: int, low: int, high: int = MOST) -> None:
        super().__init__()
        deviation = 1 / math.sqrt(terms)
        # The largest weight is some three deviations.
        self.rescale = Rescale(int(math.log2(MOST_WEIGHT / 3 / deviation)), low, high)
        self.weight = nn.Parameter(torch.randn(shape) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def held(self) -> tuple[Tensor, Tensor]:
        """Returns whole weights and biases."""
        unit = 2.0**self.rescale.shift
        return whole(self.weight * unit, MOST_WEIGHT), whole(self.bias * (UNIT * unit), MOST * unit)


class WholeLinear(Weighted):
    """Trains into ``Linear``."""

    def __init__(self, inputs: int, outputs: int, low: int = -MOST, high: int = MOST) -> None:
        super().__init__(inputs, outputs, terms=inputs, outputs=outputs, low=low, high=high)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.held()
        return rescaled(x @ weight + bias, self.rescale)

    def exact(self) -> Linear:
        return Linear(*map(_array, self.held()), self.rescale)


class WholeConvolution(Weighted):
    """Trains into ``Convolution``, padded to keep the size.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Pixels of a window, along each axis.
        low: Smallest result; 0 makes it a rectifier.
        high: Largest result.
        stride: Pixels from one window to the next.
        past: Whether a window ends with its middle pixel, in the order of reading, or before it;
            then later pixels' weights are zero.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        low: int = -MOST,
        stride: int = 1,
        *,
        high: int = MOST,
        past: Literal["with", "without"] | None = None,
    ) -> None:
        shape = (outputs, inputs, kernel, kernel)
        seen = torch.ones(kernel**2)
        if past:
            seen[kernel**2 // 2 + (past == "with") :] = 0
        terms = inputs * int(seen.sum())
        super().__init__(*shape, terms=terms, outputs=outputs, low=low, high=high)
        self.stride, self.padding = stride, kernel // 2
        self.seen = nn.Buffer(seen.view(kernel, kernel))

    def held(self) -> tuple[Tensor, Tensor]:
        weight, bias = super().held()
        return weight * self.seen, bias

    def forward(self, x: Tensor) -> Tensor:
        sums = functional.conv2d(x, *self.held(), stride=self.stride, padding=self.padding)
        return rescaled(sums, self.rescale)

    def exact(self) -> Convolution:
        return Convolution(*map(_array, self.held()), self.rescale, self.stride, self.padding)


class WholeEmbedding(Part):
    """Trains into ``Embedding``."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(tokens, width))

    def held(self) -> Tensor:
        """Returns the table in whole numbers."""
        return whole(self.table * UNIT, MOST)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.held()[tokens]

    def exact(self) -> Embedding:
        return Embedding(_array(self.held()))


class WholePositions(Part):
    """Trains into ``Positions``."""

    def __init__(self, length: int, width: int, most: int = MOST) -> None:
        super().__init__()
        self.table, self.most = nn.Parameter(torch.randn(length, width) / 4), most

    def held(self) -> Tensor:
        """Returns the table in whole numbers."""
        return whole(self.table * UNIT, MOST)

    def forward(self, x: Tensor) -> Tensor:
        return clipped(x + self.held()[: x.shape[-2]], self.most)

    def exact(self) -> Positions:
        return Positions(_array(self.held()), self.most)


class WholeNorm(Part):
    """Trains through ``Norm`` as if it divided by the root of the mean square."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        self.norm = norm
        self.factors = nn.Buffer(torch.from_numpy(norm.factors))

    def forward(self, x: Tensor) -> Tensor:
        norm, most = self.norm, self.norm.scaling.high
        smooth = x * norm.target * (x.square().mean(-1, keepdim=True) + 1).rsqrt()
        if is_in_floats():
            return smooth
        added, rescale = norm.rough
        with torch.no_grad():
            sums = rescaled(x + added, rescale).square().sum(-1, keepdim=True)
            products = x * entries(self.factors, norm.sums, sums)
            exact = rescaled(products + norm.half, norm.scaling)
        return straight(exact, smooth.clamp(-most, most))

    def exact(self) -> Norm:
        return self.norm


class WholeAttention(Part):
    """Trains into ``Attention``, through its softmax as if it were the usual one."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (WholeLinear(width, width) for _ in range(4))
        self.heads, self.softmax = heads, CausalSoftmax(length)
        # Products of random queries and keys give scores that weigh some two to one.
        deviation = UNIT**2 * math.sqrt(width / heads)
        self.scoring = Rescale(round(math.log2(deviation / self.softmax.halving)))
        self.terms = nn.Buffer(torch.from_numpy(self.softmax.terms))
        self.inverses = nn.Buffer(torch.from_numpy(self.softmax.inverses))
        self.mask = nn.Buffer(torch.from_numpy(self.softmax.mask(length)))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            each(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        weights = self.weights(rescaled(query @ key.transpose(-1, -2), self.scoring))
        mixed = rescaled(weights @ value, Rescale(self.softmax.bits))
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, scores: Tensor) -> Tensor:
        """Returns what ``CausalSoftmax`` computes from scores."""
        softmax, length = self.softmax, scores.shape[-1]
        scores = scores + self.mask[:length, :length]
        smooth = functional.softmax(scores * (math.log(2) / softmax.halving), -1)
        smooth = smooth * 2.0**softmax.bits
        if is_in_floats():
            return smooth
        with torch.no_grad():
            furthest = len(self.terms) - 1
            below = (scores - scores.amax(-1, keepdim=True)).clamp(-furthest, 0)
            terms = self.terms[(below + furthest).long()]
            sums = terms.sum(-1, keepdim=True)
            products = terms * entries(self.inverses, softmax.sums, sums)
            exact = rescaled(products + softmax.half, softmax.weighing)
        return straight(exact, smooth)

    def exact(self) -> Attention:
        parts = (each.exact() for each in (self.query, self.key, self.value, self.out))
        return Attention(*parts, self.heads, self.scoring, self.softmax)


def _array(tensor: Tensor):
    return tensor.detach().cpu().contiguous().numpy()
