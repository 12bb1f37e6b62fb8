"""Fourier transforms, as products with tables of sines and cosines in 64-bit floats.

Sums that cancel leave nothing but rounding: in 32 bits ONNX's own cases would not pass. A table
costs n * n products where a fast transform costs n * log n, which suits frames of audio.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.importing.call import Call, Rule

_WIDE = "float64"


def rules() -> Mapping[str, Rule]:
    """Returns the rule of each operator of this kind."""
    return {"DFT": _dft, "STFT": _stft}


def _dft(call: Call) -> Value:
    x = call[0]
    axis = call.axis(1) if call.opset < 20 else int(call.scalar(2, -2)) % x.rank
    inverse, onesided = bool(call.get("inverse", 0)), bool(call.get("onesided", 0))
    whole = 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
    n = int(call.scalar(1, whole))
    if axis == x.rank - 1 or x.shape[-1] not in (1, 2):
        raise call.unsupported(f"{x.type} holds no complex numbers along axis {axis}")
    order = [i for i in range(x.rank) if i not in (axis, x.rank - 1)]
    rows = x.transpose(*order, axis, x.rank - 1)
    if inverse and onesided:
        found = _real_inverse(_fitted(rows, n // 2 + 1), n)
    else:
        found = _transformed(_fitted(rows, n), inverse)
        found = found.part(found.rank - 2, 0, n // 2 + 1) if onesided else found
    back = [0] * x.rank
    for at, original in enumerate([*order, axis, x.rank - 1]):
        back[original] = at
    return found.transpose(*back).cast(x.dtype)


def _stft(call: Call) -> Value:
    signal = call[0]
    step = int(call.scalar(1, 1))
    window = call.optional(2)
    usual = window.shape[0] if window is not None else signal.shape[1]
    length = int(call.scalar(3, usual))
    frames = 1 + (signal.shape[1] - length) // step
    at = np.arange(frames)[:, None] * step + np.arange(length)
    rows = signal.op("gather", call.constant(at.astype(np.int64)), axis=1)
    if window is not None:
        rows = rows * window.reshape(length, 1)
    found = _transformed(rows, inverse=False)
    if call.get("onesided", 1):
        found = found.part(found.rank - 2, 0, length // 2 + 1)
    return found.cast(signal.dtype)


def _fitted(rows: Value, n: int) -> Value:
    """Returns the last axis but one cut, or filled with zeros, to a length."""
    axis, old = rows.rank - 2, rows.shape[-2]
    if old >= n:
        return rows.part(axis, 0, n)
    none = (0,) * rows.rank
    more = (*none[:axis], n - old, 0)
    return rows.op("pad", low=none, high=more, mode="constant", value=0)


def _transformed(rows: Value, inverse: bool) -> Value:
    """Returns the transform of complex or real numbers along the last axis but one."""
    *lead, n, parts = rows.shape
    cosine, sine = _tables(n, n)
    sine = -sine if inverse else sine
    # Rows are (real, imaginary) of each place; columns are (real, imaginary) of each frequency.
    table = np.zeros((n, 2, n, 2))
    table[:, 0, :, 0] = table[:, 1, :, 1] = cosine
    table[:, 0, :, 1], table[:, 1, :, 0] = -sine, sine
    table = (table / n if inverse else table)[:, :parts].reshape(n * parts, 2 * n)
    return _product(rows, table).reshape(*lead, n, 2)


def _real_inverse(rows: Value, n: int) -> Value:
    """Returns the real signal whose first half of frequencies is given."""
    *lead, half, parts = rows.shape
    cosine, sine = _tables(half, n)
    weight = np.full((half, 1), 2.0)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    table = np.stack([cosine, -sine], 1)[:, :parts] * weight[:, None] / n
    return _product(rows, table.reshape(half * parts, n)).reshape(*lead, n, 1)


def _tables(rows: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    turns = np.outer(np.arange(rows), np.arange(columns)) % columns
    angle = 2 * np.pi * turns / columns
    return np.cos(angle), np.sin(angle)


def _product(rows: Value, table: NDArray[np.float64]) -> Value:
    *lead, n, parts = rows.shape
    flat = rows.cast(_WIDE).reshape(int(np.prod(lead, dtype=np.int64)), n * parts)
    return flat @ flat.builder.constant(table)
