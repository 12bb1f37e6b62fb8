"""The functions of the algebra on torch's tensors, and a module that computes a graph with them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.ir.graph import Graph
from latebra.compiling.spelling.algebra import Algebra, Pairs
from latebra.compiling.spelling.walk import compute
from latebra.core.errors import Unsupported

_NAMES: Final = {
    "equal": "eq",
    "exact_divide": "div",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "less": "lt",
    "power": "pow",
}
"""What torch calls otherwise than NumPy does."""
_PUTS: Final = {"mul": "prod", "min": "amin", "max": "amax"}


class Tensors(Algebra):
    """Torch's functions, by NumPy's names and meanings; see ``Algebra``.

    Constants are kept in the order in which a graph asks for them, so that a second computation
    finds them made: while torch traces, none can be.
    """

    def __init__(self) -> None:
        self._torch: Any = import_module("torch")
        self.made: list[Any] = []
        self.at = -1
        """The next constant to find; below zero they are made."""

    @override
    def constant(self, array: NDArray[Any]) -> Any:
        if self.at < 0:
            self.made.append(self._torch.from_numpy(np.array(array)))
            return self.made[-1]
        self.at += 1
        return self.made[self.at - 1]

    @override
    def map(self, name: str, *values: Any) -> Any:
        if name == "trunc_divide":
            return self._torch.div(*values, rounding_mode="trunc")
        return getattr(self._torch, _NAMES.get(name, name))(*values)

    @override
    def cast(self, x: Any, dtype: np.dtype[Any]) -> Any:
        try:
            return x.to(getattr(self._torch, dtype.name))
        except AttributeError as error:
            raise Unsupported(f"torch has no {dtype}", fix="choose another compiler") from error

    @override
    def fold(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        match name:
            case "sum":
                return self._torch.sum(x, axes, keepdim=True, dtype=x.dtype)
            case "prod":
                for axis in axes:  # It takes one axis at a time.
                    x = self._torch.prod(x, axis, keepdim=True, dtype=x.dtype)
                return x
            case _:
                return self._torch.amax(x, axes, keepdim=True)

    @override
    def largest_place(self, x: Any, axis: int) -> Any:
        return self._torch.argmax(x, axis, keepdim=True)

    @override
    def matmul(self, a: Any, b: Any) -> Any:
        return self._torch.matmul(a, b)

    @override
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
        functions: Any = self._torch.nn.functional
        for axis, step in enumerate(spread, 2):
            if step > 1:
                x = self._spread(x, axis, step)
        padding: Any = [before for before, _ in pads]
        if any(before != after or before < 0 for before, after in pads):
            x = functions.pad(x, _backwards(pads))
            padding = 0
        convolve = getattr(functions, f"conv{len(strides)}d")
        return convolve(x, weights, None, list(strides), padding, list(dilations), groups)

    @override
    def window(
        self,
        name: str,
        x: Any,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Pairs,
        dilations: Sequence[int],
    ) -> Any:
        functions: Any = self._torch.nn.functional
        if any(before or after for before, after in pads):
            neutral: float = 0
            if name == "max":
                whole = not x.dtype.is_floating_point
                neutral = self._torch.iinfo(x.dtype).min if whole else float("-inf")
            x = functions.pad(x, _backwards(pads), value=neutral)
        if name == "max" and len(kernel) == 2 and x.dtype.is_floating_point:
            return functions.max_pool2d(x, list(kernel), list(strides), 0, list(dilations))
        for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True), 2):
            x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
        last = tuple(range(-len(kernel), 0))
        return self._torch.amax(x, last) if name == "max" else self._torch.sum(x, last)

    @override
    def reshape(self, x: Any, shape: Sequence[int]) -> Any:
        return x.reshape(tuple(shape))

    @override
    def transpose(self, x: Any, order: Sequence[int]) -> Any:
        return x.permute(tuple(order))

    @override
    def broadcast(self, x: Any, shape: Sequence[int]) -> Any:
        return x.expand(tuple(shape)).contiguous()

    @override
    def concatenate(self, values: Sequence[Any], axis: int) -> Any:
        return self._torch.cat(list(values), axis)

    @override
    def cut(self, x: Any, slices: Sequence[slice]) -> Any:
        return x[tuple(slices)]

    @override
    def pad(self, x: Any, pairs: Pairs, value: float | int) -> Any:
        return self._torch.nn.functional.pad(x, _backwards(pairs), value=value)

    @override
    def take(self, x: Any, at: Any, axis: int) -> Any:
        return x.index_select(axis, at)

    @override
    def cumulate(self, x: Any, axis: int) -> Any:
        return self._torch.cumsum(x, axis, dtype=x.dtype)

    @override
    def sort(self, x: Any, axis: int, descending: bool) -> Any:
        return self._torch.argsort(x, dim=axis, descending=descending, stable=True)

    @override
    def put(self, x: Any, at: Any, updates: Any, how: str) -> Any:
        match how:
            case "none":
                return x.index_copy(0, at, updates)
            case "add":
                return x.index_add(0, at, updates)
            case _:
                return x.index_reduce(0, at, updates, _PUTS[how])

    def _spread(self, x: Any, axis: int, step: int) -> Any:
        """Returns the data with ``step - 1`` zeros between elements along an axis."""
        length = x.shape[axis]
        parted = x.unsqueeze(axis + 1)
        pairs = [(0, 0)] * parted.ndim
        pairs[axis + 1] = (0, step - 1)
        wide = self._torch.nn.functional.pad(parted, _backwards(pairs))
        return wide.flatten(axis, axis + 1).narrow(axis, 0, (length - 1) * step + 1)


def module(graph: Graph, inputs: Sequence[Any]) -> Any:
    """Returns a ``torch.nn.Module`` that computes a graph.

    Args:
        graph: The graph.
        inputs: One tensor for each input, to find the constants with.
    """
    torch: Any = import_module("torch")
    tensors = Tensors()
    compute(graph, tensors, inputs)

    class Computed(torch.nn.Module):
        def forward(self, *values: Any) -> tuple[Any, ...]:
            tensors.made = list(computed.buffers())
            tensors.at = 0
            return compute(graph, tensors, values)

    computed: Any = Computed()
    for number, tensor in enumerate(tensors.made):
        computed.register_buffer(f"held{number}", tensor)
    return computed.eval()


def _backwards(pairs: Pairs) -> list[int]:
    """Returns pairs as torch wants them: the last axis first."""
    return [each for pair in reversed(list(pairs)) for each in pair]
