"""ONNX operators that multiply matrices, convolve and pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.composed import mean
from latebra.compiling.ir.importing.call import Call, Rule


def _matmul(call: Call) -> Value:
    return matmul(call[0], call[1])


def matmul(a: Value, b: Value) -> Value:
    """Returns the matrix product by numpy's rule; a vector is a row or a column."""
    row, column = a.rank == 1, b.rank == 1
    a = a.reshape(1, *a.shape) if row else a
    b = b.reshape(*b.shape, 1) if column else b
    product = a @ b
    shape = list(product.shape)
    if column:
        del shape[-1]
    if row:
        del shape[-2 if not column else -1]
    return product.reshape(*shape)


def _gemm(call: Call) -> Value:
    a, b = call[0], call[1]
    a = a.transpose(1, 0) if call.get("transA", 0) else a
    b = b.transpose(1, 0) if call.get("transB", 0) else b
    product = a @ b
    alpha, beta = float(call.get("alpha", 1.0)), float(call.get("beta", 1.0))
    product = product * alpha if alpha != 1 else product
    c = call.optional(2)
    if c is None or not beta:
        return product
    return product + (c * beta if beta != 1 else c)


def _pads(
    call: Call,
    shape: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """Returns the pads of a window, lows before highs."""
    how = call.get("auto_pad", "NOTSET")
    rank = len(kernel)
    if how == "NOTSET":
        return [int(n) for n in call.get("pads", [0] * 2 * rank)]
    if how == "VALID":
        return [0] * 2 * rank
    low, high = [0] * rank, [0] * rank
    for i, length in enumerate(shape):
        reach = dilations[i] * (kernel[i] - 1) + 1
        total = max(0, (-(-length // strides[i]) - 1) * strides[i] + reach - length)
        less, more = total // 2, total - total // 2
        low[i], high[i] = (more, less) if how == "SAME_LOWER" else (less, more)
    return [*low, *high]


def _many(call: Call, name: str, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in call.get(name, [1] * rank))


def _with_bias(product: Value, bias: Value | None) -> Value:
    if bias is None:
        return product
    return product + bias.reshape(bias.type.size, *(1,) * (product.rank - 2))


def _conv(call: Call) -> Value:
    return convolved(call, call[0], call[1], call.optional(2))


def convolved(call: Call, x: Value, w: Value, bias: Value | None) -> Value:
    """Returns a convolution, with what the node says of windows."""
    rank = w.rank - 2
    strides, dilations = _many(call, "strides", rank), _many(call, "dilations", rank)
    pads = _pads(call, x.shape[2:], w.shape[2:], strides, dilations)
    if min(pads, default=0) < 0:
        raise call.unsupported(f"its pads {pads} are negative")
    product = x.op(
        "conv",
        w,
        strides=strides,
        pads=tuple(pads),
        dilations=dilations,
        groups=int(call.get("group", 1)),
    )
    return _with_bias(product, bias)


def _conv_transpose(call: Call) -> Value:
    x, w = call[0], call[1]
    rank = w.rank - 2
    strides, dilations = _many(call, "strides", rank), _many(call, "dilations", rank)
    extra = [int(n) for n in call.get("output_padding", [0] * rank)]
    reach = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    pads = [int(n) for n in call.get("pads", [0] * 2 * rank)]
    wanted = call.get("output_shape", None)
    how = call.get("auto_pad", "NOTSET")
    if wanted is None and how.startswith("SAME"):
        wanted = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if wanted is not None:
        for i, length in enumerate([int(n) for n in wanted][-rank:]):
            total = strides[i] * (x.shape[2 + i] - 1) + extra[i] + reach[i] - length
            if total < 0:
                extra[i], total = extra[i] - total, 0
            less, more = total // 2, total - total // 2
            pads[i], pads[rank + i] = (less, more) if how == "SAME_UPPER" else (more, less)
            if how == "NOTSET":
                pads[i], pads[rank + i] = less, more
    if min(pads, default=0) < 0:
        raise call.unsupported(f"its pads {pads} are negative")
    product = x.op(
        "conv_transpose",
        w,
        strides=strides,
        pads=tuple(pads),
        dilations=dilations,
        groups=int(call.get("group", 1)),
        output_padding=tuple(extra),
    )
    return _with_bias(product, call.optional(2))


def _window(call: Call, x: Value) -> tuple[dict[str, tuple[int, ...]], list[int]]:
    """Returns the settings of a pooling, and the pads it was told; rounding up pads more."""
    kernel = tuple(int(n) for n in call.told["kernel_shape"])
    rank = len(kernel)
    strides, dilations = _many(call, "strides", rank), _many(call, "dilations", rank)
    told = _pads(call, x.shape[2:], kernel, strides, dilations)
    pads = list(told)
    if call.get("ceil_mode", 0):
        for i, length in enumerate(x.shape[2:]):
            reach = dilations[i] * (kernel[i] - 1) + 1
            places = -(-(length + told[i] + told[rank + i] - reach) // strides[i])
            if places * strides[i] >= length + told[i]:  # it would start in the pad
                places -= 1
            more = places * strides[i] + reach - length - told[i]
            pads[rank + i] = max(more, 0)
    settings = {"kernel": kernel, "strides": strides, "pads": tuple(pads), "dilations": dilations}
    return settings, told


def _max_pool(call: Call) -> Value:
    if call.has(1):
        raise call.unsupported("it is asked where the largest are")
    settings, _ = _window(call, call[0])
    return call[0].op("max_pool", **settings)


def _average_pool(call: Call) -> Value:
    x = call[0]
    settings, told = _window(call, x)
    rank = x.rank - 2
    ones = np.ones((1, 1, *x.shape[2:]), np.float64)
    pads = settings["pads"]
    if call.get("count_include_pad", 0):
        # What the file pads counts; what rounding up adds to that does not.
        border = [(0, 0), (0, 0), *zip(told[:rank], told[rank:], strict=True)]
        ones = np.pad(ones, border, constant_values=1)
        over = [max(0, a - b) for a, b in zip(pads, told, strict=True)]
        pads = tuple(over)
    counts = call.constant(ones).op("sum_pool", **{**settings, "pads": pads}).array
    if counts is None:
        raise call.unsupported("it is too large to count")
    total = x.op("sum_pool", **settings)
    return total / x.like(counts if np.ptp(counts) else counts.reshape(-1)[0])


def _lp_pool(call: Call) -> Value:
    x, p = call[0], int(call.get("p", 2))
    settings, _ = _window(call, x)
    total = x.op("abs").op("pow", float(p)).op("sum_pool", **settings)
    return total.op("pow", 1 / p)


def _global_lp(call: Call) -> Value:
    x, p = call[0], int(call.get("p", 2))
    return x.op("abs").op("pow", float(p)).fold("sum", range(2, x.rank)).op("pow", 1 / p)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {
        "MatMul": _matmul,
        "Gemm": _gemm,
        "Conv": _conv,
        "ConvTranspose": _conv_transpose,
        "MaxPool": _max_pool,
        "AveragePool": _average_pool,
        "LpPool": _lp_pool,
        "GlobalAveragePool": lambda call: mean(call[0], range(2, call[0].rank)),
        "GlobalMaxPool": lambda call: call[0].fold("reduce_max", range(2, call[0].rank)),
        "GlobalLpPool": _global_lp,
    }
