"""A convolution of pictures with whole weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32
from typing_extensions import override

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import Given, Layer, Whole
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.windows import windows


@dataclass(frozen=True, eq=False)
class Convolution(Layer):
    """Sums whole weights over windows, adds a bias and rescales; zeros lie beyond the edges.

    It is exact where it is computed as sums of products. Winograd's shortcut multiplies by 1/6 and
    1/24, which no 32-bit float holds; none of the compilers here was found to take it.

    Args:
        weight: Whole numbers.
        bias: Whole numbers, in the scale of the sums.
        rescale: Brings the sums back to a small range.
        stride: Pixels from one window to the next.
        padding: Pixels of zeros on each side.
    """

    weight: Float32[np.ndarray[Any, Any], "outputs inputs height width"]
    bias: Float32[np.ndarray[Any, Any], " outputs"]
    rescale: Rescale
    stride: int = 1
    padding: int = 0

    @override
    def apply(self, x: Given) -> Whole:
        kernel = (self.weight.shape[2], self.weight.shape[3])
        cut = windows(x.astype(np.float64), kernel, (self.stride,) * 2, (self.padding,) * 2)
        sums = cut @ self.weight.reshape(len(self.weight), -1).T + self.bias
        return self.rescale.apply(np.moveaxis(sums, -1, 1))

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        return self.rescale.write(draft, self.summed(draft, source, self.weight, self.bias))

    def summed(
        self,
        draft: Draft,
        source: Tensor,
        weight: Float32[np.ndarray[Any, Any], "outputs inputs height width"],
        bias: Float32[np.ndarray[Any, Any], " outputs"],
    ) -> Tensor:
        """Returns the sums before they are rescaled, written with other weights of the shape."""
        batch, _, *size = source.shape
        outputs, _, *kernel = self.weight.shape
        after = (
            (n + 2 * self.padding - k) // self.stride + 1 for n, k in zip(size, kernel, strict=True)
        )
        return draft.do(
            "Conv",
            source.name,
            draft.constant(weight),
            draft.constant(bias),
            shape=(batch, outputs, *after),
            strides=[self.stride] * 2,
            pads=[self.padding] * 4,
        )
