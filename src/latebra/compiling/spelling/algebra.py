"""The functions on arrays in which core operators are spelt; a vendor has one class of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pairs = Sequence[tuple[int, int]]
"""What comes before and after, for each axis."""


class Algebra(ABC):
    """Functions on a vendor's arrays, of static shapes; names and meanings are NumPy's.

    A value is the vendor's, whatever that is; ``constant`` makes one.
    """

    @abstractmethod
    def constant(self, array: NDArray[Any]) -> Any:
        """Returns a value that holds an array."""

    @abstractmethod
    def map(self, name: str, *values: Any) -> Any:
        """Returns NumPy's function ``name`` of each element, after broadcasting.

        Also ``erf`` and ``sigmoid``; ``trunc_divide``, the quotient of whole numbers rounded
        towards zero; and ``exact_divide``, a quotient of floats that is right to the last bit,
        where ``divide`` may multiply by a reciprocal.
        """

    @abstractmethod
    def cast(self, x: Any, dtype: np.dtype[Any]) -> Any:
        """Returns the values as another type; fractions are cut off."""

    @abstractmethod
    def fold(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        """Returns ``sum``, ``prod`` or ``max`` over axes, which keep the length one."""

    @abstractmethod
    def largest_place(self, x: Any, axis: int) -> Any:
        """Returns where the largest element is, the first of equals; the axis is kept."""

    @abstractmethod
    def matmul(self, a: Any, b: Any) -> Any:
        """Returns the product of matrices, batches broadcast."""

    @abstractmethod
    def convolve(
        self,
        x: Any,
        weights: Any,
        strides: Sequence[int],
        pads: Pairs,
        dilations: Sequence[int],
        spread: Sequence[int],
        groups: int,
    ) -> Any:
        """Returns the correlation of ``(n, c, ...)`` with weights ``(o, c / groups, ...)``.

        Args:
            x: The data; ``spread - 1`` zeros are put between its elements along each axis first.
            weights: The kernel, not flipped.
            strides: Steps between results, for each spatial axis.
            pads: Zeros around; less than none cuts off.
            dilations: Steps between the kernel's elements.
            spread: Steps between the data's elements.
            groups: Into how many equal parts the channels are split.
        """

    @abstractmethod
    def window(
        self,
        name: str,
        x: Any,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Pairs,
        dilations: Sequence[int],
    ) -> Any:
        """Returns ``max`` or ``sum`` over windows of ``(n, c, ...)``; what is padded is neutral."""

    @abstractmethod
    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        """Returns the elements in another shape."""

    @abstractmethod
    def transpose(self, x: Any, order: Sequence[int]) -> Any:
        """Returns the axes in another order."""

    @abstractmethod
    def broadcast(self, x: Any, shape: Sequence[int]) -> Any:
        """Returns the value repeated to fill a shape."""

    @abstractmethod
    def concatenate(self, values: Sequence[Any], axis: int) -> Any:
        """Returns values one after the other."""

    @abstractmethod
    def cut(self, x: Any, slices: Sequence[slice]) -> Any:
        """Returns a part; there is one slice for each axis, steps are at least one."""

    @abstractmethod
    def pad(self, x: Any, pairs: Pairs, value: float | int) -> Any:
        """Returns the value with a constant around it; no pair is negative."""

    @abstractmethod
    def take(self, x: Any, at: Any, axis: int) -> Any:
        """Returns elements along an axis by their places, none of them negative."""

    @abstractmethod
    def cumulate(self, x: Any, axis: int) -> Any:
        """Returns running sums along an axis."""

    @abstractmethod
    def sort(self, x: Any, axis: int, descending: bool) -> Any:
        """Returns where the elements of an axis are in order; equal ones keep theirs."""

    @abstractmethod
    def put(self, x: Any, at: Any, updates: Any, how: str) -> Any:
        """Returns rows of ``(n, k)`` with others written, or combined, at places.

        Args:
            x: The rows.
            at: The place of each update, whole numbers ``(m,)`` of 64 bits.
            updates: Rows ``(m, k)``.
            how: ``none``, ``add``, ``mul``, ``min`` or ``max``.
        """
