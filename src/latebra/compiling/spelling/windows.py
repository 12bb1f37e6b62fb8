"""Operators that look through a window: convolutions, pools, resizing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.spelling.node import Entry, Node
from latebra.compiling.spelling.resizing import weights_of
from latebra.core.errors import Unsupported


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    return {
        "AveragePool": _average_pool,
        "Conv": _convolve,
        "ConvTranspose": _deconvolve,
        "MaxPool": _max_pool,
        "Resize": _resize,
        "Upsample": _resize,
    }


def _pads(
    node: Node, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """Returns what is put before and after each spatial axis."""
    lengths = node.shape()[2:]
    match node.text("auto_pad", "NOTSET"):
        case "NOTSET":
            told = node.get("pads", [0] * (2 * len(lengths)))
            return list(zip(told[: len(lengths)], told[len(lengths) :], strict=True))
        case "VALID":
            return [(0, 0)] * len(lengths)
        case word:
            pairs: list[tuple[int, int]] = []
            for n, k, s, d in zip(lengths, kernel, strides, dilations, strict=True):
                total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
                small, large = total // 2, total - total // 2
                pairs.append((large, small) if word == "SAME_LOWER" else (small, large))
            return pairs


def _biased(node: Node, found: Any) -> Any:
    bias = node.optional(2)
    if bias is None:
        return found
    shape = (1, node.shape(2)[0], *[1] * (len(node.shape()) - 2))
    return node.map("add", found, node.algebra.reshape(bias, shape))


def _convolve(node: Node) -> Any:
    ones = [1] * (len(node.shape()) - 2)
    strides, dilations = node.get("strides", ones), node.get("dilations", ones)
    pads = _pads(node, node.shape(1)[2:], strides, dilations)
    x, weights = node.inputs[:2]
    groups = node.get("group", 1)
    found = node.algebra.convolve(x, weights, strides, pads, dilations, ones, groups)
    return _biased(node, found)


def _deconvolve(node: Node) -> Any:
    """A convolution of data that was spread by the strides, with the kernel flipped."""
    rank = len(node.shape()) - 2
    ones = [1] * rank
    strides, dilations = node.get("strides", ones), node.get("dilations", ones)
    extra, groups = node.get("output_padding", [0] * rank), node.get("group", 1)
    inputs, outputs, *kernel = node.shape(1)
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    told = node.get("pads", [0] * (2 * rank))
    pads: list[tuple[int, int]] = list(zip(told[:rank], told[rank:], strict=True))
    wanted: list[int] | None = node.get("output_shape", None)
    word = node.text("auto_pad", "NOTSET")
    if wanted is not None or word.startswith("SAME"):
        wanted = wanted or [n * s for n, s in zip(node.shape()[2:], strides, strict=True)]
        pads = []
        for n, s, r, e, w in zip(node.shape()[2:], strides, reach, extra, wanted, strict=True):
            total = s * (n - 1) + e + r - w
            small, large = total // 2, total - total // 2
            pads.append((small, large) if word == "SAME_UPPER" else (large, small))
    around = [
        (r - 1 - before, r - 1 - after + e)
        for r, (before, after), e in zip(reach, pads, extra, strict=True)
    ]
    weights = node.inputs[1]
    for axis, length in enumerate(kernel, 2):
        back = node.algebra.constant(np.arange(length)[::-1].copy())
        weights = node.algebra.take(weights, back, axis)
    # (in, out / groups, ...) becomes (out, in / groups, ...).
    parts = node.algebra.reshape(weights, (groups, inputs // groups, outputs, *kernel))
    parts = node.algebra.transpose(parts, (0, 2, 1, *range(3, 3 + rank)))
    weights = node.algebra.reshape(parts, (groups * outputs, inputs // groups, *kernel))
    found = node.algebra.convolve(node.inputs[0], weights, ones, around, dilations, strides, groups)
    return _biased(node, found)


def _pool(node: Node) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:
    kernel = node.told["kernel_shape"]
    ones = [1] * len(kernel)
    strides, dilations = node.get("strides", ones), node.get("dilations", ones)
    pads = _pads(node, kernel, strides, dilations)
    if node.get("ceil_mode", 0):
        for at, n in enumerate(node.shape()[2:]):
            before, after = pads[at]
            reach = dilations[at] * (kernel[at] - 1) + 1
            count = ceil((n + before + after - reach) / strides[at]) + 1
            if (count - 1) * strides[at] >= n + before:  # A window must begin on the data.
                count -= 1
            pads[at] = (before, max(after, (count - 1) * strides[at] + reach - n - before))
    return kernel, strides, pads, dilations


def _max_pool(node: Node) -> Any:
    if node.outputs > 1:
        raise Unsupported("MaxPool that also returns places", fix="export without them")
    kernel, strides, pads, dilations = _pool(node)
    return node.algebra.window("max", node.inputs[0], kernel, strides, pads, dilations)


def _average_pool(node: Node) -> Any:
    kernel, strides, pads, dilations = _pool(node)
    total = node.algebra.window("sum", node.inputs[0], kernel, strides, pads, dilations)
    told = node.get("pads", [0] * (2 * len(kernel)))
    counted = bool(node.get("count_include_pad", 0)) and node.text("auto_pad", "NOTSET") == "NOTSET"
    counts: NDArray[Any] = np.ones((), np.float64)
    for at, n in enumerate(node.shape()[2:]):
        before, after = pads[at]
        real = np.zeros(before + n + after)
        # Padding that the file asks for counts when it says so, rounding up never does.
        first = 0 if counted else before
        last = before + n + (told[len(kernel) + at] if counted else 0)
        real[first:last] = 1
        places = np.arange(kernel[at]) * dilations[at]
        steps = np.arange(node.algebra.shape(total)[2 + at])[:, None] * strides[at]
        counts = counts[..., None] * real[steps + places].sum(1)
    kind = node.algebra.dtype(total)
    return node.map("divide", total, node.algebra.constant(counts.astype(kind)))


def _resize(node: Node) -> Any:
    x, shape = node.inputs[0], node.shape()
    rank = len(shape)
    at_scales = 1 if node.operator == "Upsample" or node.opset < 11 else 2
    axes: list[int] = [axis % rank for axis in node.get("axes", range(rank))]
    scales = node.known(at_scales)
    sizes = node.numbers(3) if at_scales == 2 else None
    if scales is None and "scales" in node.told:
        scales = np.array(node.told["scales"])
    if (scales is None or not scales.size) and not sizes:
        raise Unsupported("Resize to a computed size", fix="export the network with fixed shapes")
    if node.get("antialias", 0) or node.text("coordinate_transformation_mode", "") in (
        "tf_crop_and_resize",
    ):
        raise Unsupported("Resize with antialias or a crop", fix="choose another compiler")
    old = [shape[axis] for axis in axes]
    factors = [float(each) for each in scales] if scales is not None and scales.size else []
    if sizes:
        policy = node.text("keep_aspect_ratio_policy", "stretch")
        factors = [new / n for new, n in zip(sizes, old, strict=True)]
        if policy != "stretch":
            factor = min(factors) if policy == "not_larger" else max(factors)
            factors = [factor] * len(old)
            sizes = [int(np.floor(factor * n + 0.5)) for n in old]
    new = sizes or [int(np.floor(n * f)) for n, f in zip(old, factors, strict=True)]
    before_11 = at_scales == 1
    for axis, length, factor in zip(axes, new, factors, strict=True):
        if length != shape[axis] or factor != 1.0:
            x = _along(node, x, axis, weights_of(node, shape[axis], length, factor, before_11))
    return x


def _along(node: Node, x: Any, axis: int, terms: list[tuple[NDArray[Any], NDArray[Any]]]) -> Any:
    """Returns a sum of elements along an axis, each with a weight; nothing for a weight of one."""
    found: Any = None
    for places, weights in terms:
        each = node.algebra.take(x, node.algebra.constant(places), axis)
        if not (weights == 1).all():
            shape = [1] * len(node.algebra.shape(x))
            shape[axis] = len(places)
            row = weights.astype(node.algebra.dtype(x)).reshape(shape)
            each = node.map("multiply", each, node.algebra.constant(row))
        found = each if found is None else node.map("add", found, each)
    return found
