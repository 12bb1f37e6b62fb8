"""Convolutions with channels last: XLA's own, or what is faster in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.spelling.algebra import Pairs
from latebra.compiling.xla.laid import is_held

_SPATIAL: Final = "DHW"
_SMALL: Final = 64
"""Results of a convolution, in one picture, up to which a product of matrices is faster.

Measured on a ResNet (1.4 times ONNX Runtime's time with 64, 2.2 with none) and on two U-Nets,
which 256 makes slower.
"""
_MOST_PARTS: Final = 8
"""Groups of channels up to which a convolution for each beats the vendor's for all."""
_MOST_TAPS: Final = 121
"""Numbers of a kernel up to which each is a slice of its own: more take seconds to build.

Measured on 16 channels of 40x40, own against the vendor's, in ms: 25 taps 0.41 and 0.89; 49 taps
0.30 and 0.77; 121 taps 0.65 and 0.76; 225 taps 0.88 and 0.75; 961 taps 1.06 and 0.82, and 5.65 s
rather than 0.18 s to build. As products, the 256 taps of a network that listens to music took
minutes to build, and twice as long to run.
"""
_FEW: Final = 8
"""Channels below which a convolution leaves vectors half empty, and a product does not."""


@dataclass(frozen=True)
class Terms:
    """How a kernel moves over what it is convolved with: one number an axis of space.

    Args:
        strides: From one result to the next.
        pads: Zeros before and after.
        dilations: Between the numbers of the kernel.
        spread: Between the elements of what it moves over; 1 but for transposed convolutions.
    """

    strides: tuple[int, ...]
    pads: Pairs
    dilations: tuple[int, ...]
    spread: tuple[int, ...]


@dataclass(frozen=True)
class Convolving:
    """Convolutions on the vendor's arrays.

    Args:
        numpy: The vendor's functions by NumPy's names.
        lax: The vendor's own functions.
    """

    numpy: Any
    lax: Any

    def __call__(self, array: Any, weights: Any, terms: Terms, groups: int) -> Any:
        """Returns a convolution, shape ``(batch, *space, out)``.

        Args:
            array: Shape ``(batch, *space, channels)``.
            weights: Shape ``(out, channels / groups, *kernel)``.
            terms: How the kernel moves.
            groups: Into how many parts the channels fall.
        """
        out, channels, *lengths = weights.shape
        close = all(step == 1 for step in terms.spread) and prod(lengths) <= _MOST_TAPS
        if close and 1 < groups == out and channels == 1:
            return self._each_channel(array, weights, terms)
        if 1 < groups <= _MOST_PARTS:
            parts = zip(_split(array, groups, -1), _split(weights, groups, 0), strict=True)
            return self.numpy.concatenate([self(a, b, terms, 1) for a, b in parts], -1)
        if groups == 1 and close:
            space = zip(array.shape[1:-1], terms.strides, strict=True)
            results = prod(n // step for n, step in space)
            if results <= _SMALL or prod(lengths) == 1 or channels < _FEW:
                return self._multiplied(array, weights, terms)
        axes = _SPATIAL[-len(terms.strides) :]
        # (out, in, ...) becomes (..., in, out); a constant here, and not at every run.
        turned = _moved(self.numpy, weights, (0, 1), (-1, -2))
        return self.lax.conv_general_dilated(
            array,
            np.ascontiguousarray(turned) if is_held(turned) else turned,
            terms.strides,
            [tuple(pair) for pair in terms.pads],
            terms.spread,
            terms.dilations,
            (f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            groups,
            precision="highest",
        )

    def _multiplied(self, array: Any, weights: Any, terms: Terms) -> Any:
        """Returns a convolution as a product: what lies under the kernel, times its numbers."""
        out, channels, *lengths = weights.shape
        parts = self._shifted(array, lengths, terms)
        rows = parts[0] if len(parts) == 1 else self.numpy.concatenate(parts, -1)
        rows = rows.reshape(-1, prod(lengths) * channels)
        # (out, in, ...) becomes (... in, out).
        columns = _moved(self.numpy, weights, (0, 1), (-1, -2)).reshape(-1, out)
        found = self.numpy.matmul(rows, columns, precision="highest")
        return found.reshape(*parts[0].shape[:-1], out)

    def _each_channel(self, array: Any, weights: Any, terms: Terms) -> Any:
        """Returns a convolution of each channel alone.

        The vendor's takes 8 to 27 times ONNX Runtime's time where kernels are small.
        """
        _, _, *lengths = weights.shape
        numbers = _moved(self.numpy, weights[:, 0], 0, -1).reshape(prod(lengths), -1)
        parts = self._shifted(array, lengths, terms)
        total = parts[0] * numbers[0]
        for part, number in zip(parts[1:], numbers[1:], strict=True):
            total = total + part * number
        return total

    def _shifted(self, array: Any, lengths: Sequence[int], terms: Terms) -> list[Any]:
        """Returns what lies under each number of a kernel."""
        if any(any(pair) for pair in terms.pads):
            room = [(0, 0, 0), *((*pair, 0) for pair in terms.pads), (0, 0, 0)]
            array = self.lax.pad(array, np.array(0, array.dtype), room)
        space = zip(array.shape[1:-1], lengths, terms.strides, terms.dilations, strict=True)
        whole = [(n - gap * (k - 1) - 1) // step + 1 for n, k, step, gap in space]
        parts: list[Any] = []
        for place in np.ndindex(*lengths):
            starts = [at * gap for at, gap in zip(place, terms.dilations, strict=True)]
            cuts = [
                slice(start, start + (n - 1) * step + 1, step)
                for start, n, step in zip(starts, whole, terms.strides, strict=True)
            ]
            parts.append(array[(slice(None), *cuts)])
        return parts


def _moved(vendor: Any, array: Any, source: Any, target: Any) -> Any:
    return (np if is_held(array) else vendor).moveaxis(array, source, target)


def _split(array: Any, count: int, axis: int) -> list[Any]:
    """Returns equal parts along an axis; views of a constant are constants."""
    length = array.shape[axis] // count
    at: list[Any] = [slice(None)] * array.ndim
    parts: list[Any] = []
    for number in range(count):
        at[axis] = slice(number * length, (number + 1) * length)
        parts.append(array[tuple(at)])
    return parts
