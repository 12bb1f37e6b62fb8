"""Matrix products, convolutions, and windows that slide: channels first, as ONNX lays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Attributes, Type
from latebra.compiling.ir.operation import Computed, Operator, integer, integers, refuse, together

_SPATIAL: Final = 2
"""Axes before the spatial ones: batch and channels."""


def _matmul_type(types: Sequence[Type], _: Attributes) -> Type:
    a, b = types
    if a.dtype != b.dtype or min(len(a.shape), len(b.shape)) < 2 or a.shape[-1] != b.shape[-2]:
        raise refuse(f"matmul does not take {a} and {b}")
    return Type(a.dtype, (*together([a.shape[:-2], b.shape[:-2]]), a.shape[-2], b.shape[-1]))


def _matmul(arrays: Sequence[NDArray[Any]], _: Attributes) -> Computed:
    with np.errstate(all="ignore"):
        return np.matmul(*arrays)


def _lengths(
    shape: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> tuple[int, ...]:
    """Returns how many windows fit on each spatial axis."""
    rank = len(shape)
    for settings, wanted in ((kernel, rank), (strides, rank), (dilations, rank), (pads, 2 * rank)):
        if len(settings) != wanted:
            raise refuse(f"{tuple(settings)} does not suit {rank} spatial axes")
    found: list[int] = []
    for i, length in enumerate(shape):
        room = length + pads[i] + pads[rank + i] - (dilations[i] * (kernel[i] - 1) + 1)
        if room < 0:
            raise refuse(f"a window of {kernel[i]} does not fit on an axis of {length}")
        found.append(room // strides[i] + 1)
    return tuple(found)


def _conv_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, w = types
    groups = integer(attributes, "groups")
    if x.dtype != w.dtype or len(x.shape) != len(w.shape) or len(x.shape) < 3:
        raise refuse(f"conv does not take {x} and {w}")
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise refuse(f"{groups} groups of weights {w} do not suit {x}")
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    dilations = integers(attributes, "dilations")
    lengths = _lengths(x.shape[2:], w.shape[2:], strides, pads, dilations)
    return Type(x.dtype, (x.shape[0], w.shape[0], *lengths))


def _windows(
    x: NDArray[Any],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    fill: Any,
) -> Computed:
    """Returns every window: batch, channels, places, then the places within a window."""
    rank = len(kernel)
    border = [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)]
    x = np.pad(x, border, constant_values=fill)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    axes = tuple(range(_SPATIAL, _SPATIAL + rank))
    views: NDArray[Any] = sliding_window_view(x, reach, axes)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType] overloads
    places = [slice(None, None, stride) for stride in strides]
    within = [slice(None, None, dilation) for dilation in dilations]
    return views[(slice(None), slice(None), *places, *within)]


def _conv(arrays: Sequence[NDArray[Any]], attributes: Attributes) -> Computed:
    x, w = arrays
    groups = integer(attributes, "groups")
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    windows = _windows(x, w.shape[2:], strides, pads, integers(attributes, "dilations"), 0)
    rank = len(strides)
    inner = tuple(range(2 + rank, 2 + 2 * rank))
    parts: list[NDArray[Any]] = []
    for part, weights in zip(np.split(windows, groups, 1), np.split(w, groups, 0), strict=True):
        found = np.tensordot(part, weights, ((1, *inner), tuple(range(1, 2 + rank))))
        parts.append(np.moveaxis(found, -1, 1))
    return np.concatenate(parts, 1).astype(x.dtype)


def _transposed_type(types: Sequence[Type], attributes: Attributes) -> Type:
    x, w = types
    groups = integer(attributes, "groups")
    if x.dtype != w.dtype or len(x.shape) != len(w.shape) or len(x.shape) < 3:
        raise refuse(f"conv_transpose does not take {x} and {w}")
    if x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise refuse(f"{groups} groups of weights {w} do not suit {x}")
    rank = len(x.shape) - 2
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    dilations, extra = integers(attributes, "dilations"), integers(attributes, "output_padding")
    lengths = [
        strides[i] * (x.shape[2 + i] - 1)
        + dilations[i] * (w.shape[2 + i] - 1)
        + 1
        - pads[i]
        - pads[rank + i]
        + extra[i]
        for i in range(rank)
    ]
    return Type(x.dtype, (x.shape[0], w.shape[1] * groups, *lengths))


def _transposed(arrays: Sequence[NDArray[Any]], attributes: Attributes) -> Computed:
    x, w = arrays
    groups = integer(attributes, "groups")
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    dilations, extra = integers(attributes, "dilations"), integers(attributes, "output_padding")
    rank = len(strides)
    full = [
        s * (x.shape[2 + i] - 1) + d * (w.shape[2 + i] - 1) + 1 + e + max(0, -pads[rank + i])
        for i, (s, d, e) in enumerate(zip(strides, dilations, extra, strict=True))
    ]
    result = np.zeros((x.shape[0], w.shape[1] * groups, *full), x.dtype)
    outputs = np.split(result, groups, 1)  # views: adding to them adds to the result
    every = (slice(None), slice(None))
    for part, weights, out in zip(
        np.split(x, groups, 1), np.split(w, groups, 0), outputs, strict=True
    ):
        for place in np.ndindex(*w.shape[2:]):
            found = np.tensordot(part, weights[(*every, *place)], (1, 0))
            at = tuple(
                slice(k * d, k * d + s * (n - 1) + 1, s)
                for k, d, s, n in zip(place, dilations, strides, x.shape[2:], strict=True)
            )
            out[(*every, *at)] += np.moveaxis(found, -1, 1)
    cut = tuple(slice(pads[i], full[i] - pads[rank + i]) for i in range(rank))
    return result[(*every, *cut)]


def _pool_type(types: Sequence[Type], attributes: Attributes) -> Type:
    (x,) = types
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    kernel, dilations = integers(attributes, "kernel"), integers(attributes, "dilations")
    return Type(x.dtype, (*x.shape[:2], *_lengths(x.shape[2:], kernel, strides, pads, dilations)))


def lowest(dtype: np.dtype[Any]) -> Any:
    """Returns the lowest value of a type; minus infinity for floats."""
    if dtype.kind == "b":
        return False
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _pooled(arrays: Sequence[NDArray[Any]], attributes: Attributes, fill: Any) -> Computed:
    pads, strides = integers(attributes, "pads"), integers(attributes, "strides")
    kernel, dilations = integers(attributes, "kernel"), integers(attributes, "dilations")
    return _windows(arrays[0], kernel, strides, pads, dilations, fill)


def _max_pool(arrays: Sequence[NDArray[Any]], attributes: Attributes) -> Computed:
    windows = _pooled(arrays, attributes, lowest(arrays[0].dtype))
    return windows.max(tuple(range(arrays[0].ndim, windows.ndim)))


def _sum_pool(arrays: Sequence[NDArray[Any]], attributes: Attributes) -> Computed:
    windows = _pooled(arrays, attributes, 0)
    return windows.sum(tuple(range(arrays[0].ndim, windows.ndim)), dtype=arrays[0].dtype)


_SLIDING: Final = ("strides", "pads", "dilations")
OPERATORS: Final = (
    Operator(
        "matmul",
        "The matrix product of the last two axes; axes before broadcast.",
        2,
        2,
        (),
        _matmul_type,
        _matmul,
    ),
    Operator(
        "conv",
        "The correlation of (N, C, ...) with weights (M, C / groups, ...); pads are zeros, lows "
        "before highs.",
        2,
        2,
        (*_SLIDING, "groups"),
        _conv_type,
        _conv,
    ),
    Operator(
        "conv_transpose",
        "The transpose of conv as a map: weights (C, M / groups, ...) are spread, pads are cut.",
        2,
        2,
        (*_SLIDING, "groups", "output_padding"),
        _transposed_type,
        _transposed,
    ),
    Operator(
        "max_pool",
        "The largest value of each window; pads never win.",
        1,
        1,
        ("kernel", *_SLIDING),
        _pool_type,
        _max_pool,
    ),
    Operator(
        "sum_pool",
        "The sum of each window; pads are zeros.",
        1,
        1,
        ("kernel", *_SLIDING),
        _pool_type,
        _sum_pool,
    ),
)
"""Every operator of this file."""
