"""The functions of the algebra on JAX's arrays, convolutions with their channels last.

XLA's convolutions on a CPU are fast with channels last and weights that are constants, and slow
otherwise. So a value is an array together with the order in which its axes lie: what comes out of a
convolution stays channels-last through everything that goes element by element, and is put back
only where an operator looks at the axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.spelling.algebra import Algebra, Pairs
from latebra.compiling.xla.convolving import Convolving, Terms
from latebra.compiling.xla.laid import Laid, is_held

_PUTS: Final = {"none": "set", "add": "add", "mul": "multiply", "min": "min", "max": "max"}


class Arrays(Algebra):
    """JAX's functions, by NumPy's names and meanings; see ``Algebra``. Values are ``Laid``."""

    def __init__(self) -> None:
        self._jax: Any = import_module("jax")
        self._numpy: Any = import_module("jax.numpy")
        self._lax: Any = self._jax.lax
        self._convolved = Convolving(self._numpy, self._lax)

    @override
    def constant(self, array: NDArray[Any]) -> Laid:
        # Left to numpy: one that is never traced can still be put in another order at once.
        return Laid(np.asarray(array))

    @override
    def map(self, name: str, *values: Laid) -> Laid:
        last = self._agreed(values)
        arrays = [each.array for each in values]
        if last:
            rank = max(each.array.ndim for each in values)
            arrays = [self._put_last(each, rank) for each in values]
        elif any(each.last for each in values):
            arrays = [self._plain(each) for each in values]
        return Laid(self._function(name)(*arrays), last)

    @override
    def cast(self, x: Laid, dtype: np.dtype[Any]) -> Laid:
        return Laid(self._numpy.asarray(x.array).astype(dtype), x.last)

    @override
    def fold(self, name: str, x: Laid, axes: tuple[int, ...]) -> Laid:
        rank = x.array.ndim
        if x.last:
            axes = tuple(0 if axis == 0 else rank - 1 if axis == 1 else axis - 1 for axis in axes)
        settings = {"dtype": x.array.dtype} if name in ("sum", "prod") else {}
        return Laid(getattr(self._numpy, name)(x.array, axes, keepdims=True, **settings), x.last)

    @override
    def largest_place(self, x: Laid, axis: int) -> Laid:
        return Laid(self._numpy.argmax(self._plain(x), axis, keepdims=True))

    @override
    def matmul(self, a: Laid, b: Laid) -> Laid:
        return Laid(self._numpy.matmul(self._plain(a), self._plain(b), precision="highest"))

    @override
    def convolve(
        self,
        x: Laid,
        weights: Laid,
        strides: Sequence[int],
        pads: Pairs,
        dilations: Sequence[int],
        spread: Sequence[int],
        groups: int,
    ) -> Laid:
        array = self._put_last(x, x.array.ndim)
        terms = Terms(tuple(strides), tuple(pads), tuple(dilations), tuple(spread))
        return Laid(self._convolved(array, self._plain(weights), terms, groups), last=True)

    @override
    def window(
        self,
        name: str,
        x: Laid,
        kernel: Sequence[int],
        strides: Sequence[int],
        pads: Pairs,
        dilations: Sequence[int],
    ) -> Laid:
        def laid(middle: Sequence[Any], ends: Any) -> tuple[Any, ...]:
            return (ends, *middle, ends) if x.last else (ends, ends, *middle)

        kind = np.dtype(x.array.dtype)
        least = -np.inf if kind.kind == "f" else np.iinfo(kind).min if kind.kind in "iu" else 0
        start = np.array(least if name == "max" else 0, kind)
        fold = self._lax.max if name == "max" else self._lax.add
        array = self._lax.reduce_window(
            x.array,
            start,
            fold,
            laid(kernel, 1),
            laid(strides, 1),
            laid([tuple(pair) for pair in pads], (0, 0)),
            (1,) * x.array.ndim,
            laid(dilations, 1),
        )
        return Laid(array, x.last)

    @override
    def reshape(self, x: Laid, shape: Sequence[int]) -> Laid:
        if x.last and len(shape) > 2 and tuple(shape[:2]) == x.shape[:2]:
            n, c, *space = shape  # Places keep their order, so the channels may stay last.
            return Laid(x.array.reshape(n, *space, c), last=True)
        return Laid(self._plain(x).reshape(tuple(shape)))

    @override
    def transpose(self, x: Laid, order: Sequence[int]) -> Laid:
        return Laid(self._plain(x).transpose(tuple(order)))

    @override
    def broadcast(self, x: Laid, shape: Sequence[int]) -> Laid:
        return Laid(self._numpy.broadcast_to(self._plain(x), tuple(shape)))

    @override
    def concatenate(self, values: Sequence[Laid], axis: int) -> Laid:
        rank = values[0].array.ndim
        if any(each.last for each in values):
            arrays = [self._put_last(each, rank) for each in values]
            return Laid(self._numpy.concatenate(arrays, _moved(axis, rank)), last=True)
        return Laid(self._numpy.concatenate([each.array for each in values], axis))

    @override
    def cut(self, x: Laid, slices: Sequence[slice]) -> Laid:
        if x.last:
            n, c, *rest = slices
            return Laid(x.array[(n, *rest, c)], last=True)
        return Laid(x.array[tuple(slices)])

    @override
    def pad(self, x: Laid, pairs: Pairs, value: float | int) -> Laid:
        around = [tuple(pair) for pair in pairs]
        if x.last:
            n, c, *rest = around
            around = [n, *rest, c]
        return Laid(self._numpy.pad(x.array, around, constant_values=value), x.last)

    @override
    def take(self, x: Laid, at: Laid, axis: int) -> Laid:
        axis = _moved(axis, x.array.ndim) if x.last else axis
        if is_held(x.array) and is_held(at.array):
            return Laid(np.take(x.array, at.array, axis), x.last)
        return Laid(self._numpy.take(x.array, at.array, axis, mode="clip"), x.last)

    @override
    def cumulate(self, x: Laid, axis: int) -> Laid:
        return Laid(self._numpy.cumsum(self._plain(x), axis, dtype=x.array.dtype))

    @override
    def sort(self, x: Laid, axis: int, descending: bool) -> Laid:
        order = self._numpy.argsort(self._plain(x), axis, stable=True, descending=descending)
        return Laid(order.astype(np.int64))

    @override
    def put(self, x: Laid, at: Laid, updates: Laid, how: str) -> Laid:
        rows = self._numpy.asarray(self._plain(x)).at[at.array]
        return Laid(getattr(rows, _PUTS[how])(updates.array))

    def plain(self, x: Laid) -> Any:
        """Returns the array with its axes in ONNX's order."""
        return self._numpy.asarray(self._plain(x))

    def _agreed(self, values: Sequence[Laid]) -> bool:
        """Should a map of these values lie with the channels last?"""
        rank = max(each.array.ndim for each in values)
        return any(each.last and each.array.ndim == rank for each in values)

    def _plain(self, x: Laid) -> Any:
        if not x.last:
            return x.array
        return self._numpy.moveaxis(x.array, -1, 1)

    def _put_last(self, x: Laid, rank: int) -> Any:
        """Returns an array, of a lower rank perhaps, so that it meets others channels-last."""
        if x.last:
            return x.array
        array = x.array.reshape((1,) * (rank - x.array.ndim) + tuple(x.array.shape))
        move: Any = np.moveaxis if is_held(array) else self._numpy.moveaxis
        return move(array, 1, -1)

    def _exactly_divided(self, a: Any, b: Any) -> Any:
        # XLA multiplies by the reciprocal of a broadcast; the barrier hides that it is one.
        shape = np.broadcast_shapes(a.shape, b.shape)
        return self._numpy.divide(
            a, self._lax.optimization_barrier(self._numpy.broadcast_to(b, shape))
        )

    def _function(self, name: str) -> Any:
        match name:
            case "erf":
                return self._lax.erf
            case "sigmoid":
                return self._jax.nn.sigmoid
            case "trunc_divide":
                return self._lax.div
            case "exact_divide":
                return self._exactly_divided
            case _:
                return getattr(self._numpy, name)


def _moved(axis: int, rank: int) -> int:
    """Returns where an axis lies when the channels are last."""
    return 0 if axis == 0 else rank - 1 if axis == 1 else axis - 1
