"""ONNX operators that resample: every axis is a matrix of weights, known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.importing.call import Call, Rule

_NEAREST: Final[dict[str, Callable[[float], int]]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round_prefer_floor": lambda at: math.ceil(at - 0.5),
    "round_prefer_ceil": lambda at: math.floor(at + 0.5),
}


def _place(
    how: str, i: int, length: int, new: int, scale: float, roi: tuple[float, float]
) -> float:
    """Returns where output ``i`` lies among ``length`` inputs."""
    if how == "asymmetric":
        return i / scale
    if how == "align_corners":
        return i * (length - 1) / (new - 1) if new > 1 else 0.0
    if how == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if new > 1 else 0.0
    if how == "half_pixel_symmetric":
        adjustment = new / (scale * length)
        return length / 2 * (1 - adjustment) + (i + 0.5) / scale - 0.5
    if how == "tf_crop_and_resize":
        start, stop = roi
        if new > 1:
            return start * (length - 1) + i * (stop - start) * (length - 1) / (new - 1)
        return 0.5 * (start + stop) * (length - 1)
    return (i + 0.5) / scale - 0.5


def _cubic(distance: float, a: float) -> float:
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    if d < 2:
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return 0.0


class _Axis:
    """How one axis is resampled."""

    def __init__(self, call: Call, length: int, new: int, scale: float, roi: Any) -> None:
        self.how = call.get("coordinate_transformation_mode", "half_pixel")
        if call.operator == "Upsample" or call.opset < 11:
            self.how = "asymmetric"
        self.rounding = call.get("nearest_mode", "round_prefer_floor")
        if call.operator == "Upsample" or call.opset < 11:
            self.rounding = "floor"
        if self.how == "align_corners" and new > 1 and abs(new - scale * length) > 1e-3 * new:
            raise call.unsupported("ONNX and its runtimes differ in corners of rounded lengths")
        self.length, self.new, self.scale = length, new, scale
        self.places = [_place(self.how, i, length, new, scale, roi) for i in range(new)]
        self.outside = [
            self.how == "tf_crop_and_resize" and not 0 <= at <= length - 1 for at in self.places
        ]

    def nearest(self) -> NDArray[np.int64]:
        """Returns which input each output is."""
        at = [_NEAREST[self.rounding](place) for place in self.places]
        return np.clip(np.asarray(at, np.int64), 0, self.length - 1)

    def weights(self, call: Call, mode: str) -> NDArray[np.float64]:
        """Returns the matrix from inputs to outputs."""
        a = float(call.get("cubic_coeff_a", -0.75))
        shrink = min(1.0, self.scale) if call.get("antialias", 0) else 1.0
        reach = (2 if mode == "cubic" else 1) / shrink

        def curve(distance: float) -> float:
            return _cubic(distance, a) if mode == "cubic" else max(0.0, 1 - abs(distance))

        kept = bool(call.get("exclude_outside", 0))
        matrix = np.zeros((self.new, self.length))
        for i, place in enumerate(self.places):
            first, last = math.floor(place - reach), math.ceil(place + reach)
            row = {j: curve((place - j) * shrink) for j in range(first, last + 1)}
            if kept:
                row = {j: w for j, w in row.items() if 0 <= j < self.length}
            total = sum(row.values()) if kept or call.get("antialias", 0) else 1.0
            for j, weight in row.items():
                matrix[i, min(max(j, 0), self.length - 1)] += weight / total
        return matrix


def _sizes(call: Call, x: Value, axes: Sequence[int]) -> tuple[dict[int, int], dict[int, float]]:
    """Returns the new length and the scale of each axis."""
    at = 1 if call.operator == "Upsample" or call.opset < 11 else 2
    scales = None
    if "scales" in call.told:
        scales = [float(n) for n in call.told["scales"]]
    elif call.optional(at) is not None and call.array(at).size:
        scales = [float(n) for n in call.array(at).reshape(-1)]
    if scales is not None:
        factor = dict(zip(axes, scales, strict=True))
        return {axis: math.floor(x.shape[axis] * factor[axis]) for axis in axes}, factor
    wanted = call.numbers(3) or []
    factor = {a: n / x.shape[a] for a, n in zip(axes, wanted, strict=True)}
    policy = call.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return dict(zip(axes, wanted, strict=True)), factor
    one = min(factor.values()) if policy == "not_larger" else max(factor.values())
    return {a: math.floor(x.shape[a] * one + 0.5) for a in axes}, dict.fromkeys(axes, one)


def _resize(call: Call) -> Value:
    x = call[0]
    axes: list[int] = [axis % x.rank for axis in call.get("axes", range(x.rank))]
    sizes, factor = _sizes(call, x, axes)
    rois: dict[int, tuple[float, float]] = {}
    if call.get("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        flat = call.array(1).reshape(-1).tolist()
        rois = {axis: (flat[i], flat[len(axes) + i]) for i, axis in enumerate(axes)}
    mode = call.get("mode", "nearest")
    kind = x.dtype
    outside: list[Value] = []
    for axis in axes:
        if sizes[axis] == x.shape[axis] and factor[axis] == 1 and axis not in rois:
            continue
        how = _Axis(call, x.shape[axis], sizes[axis], factor[axis], rois.get(axis, (0.0, 1.0)))
        x = _nearest(call, x, axis, how) if mode == "nearest" else _weighted(call, x, axis, how)
        if any(how.outside):
            shape = [len(how.outside) if i == axis else 1 for i in range(x.rank)]
            outside.append(call.constant(np.asarray(how.outside).reshape(shape)))
    for here in outside:
        x = here.op("select", x.like(float(call.get("extrapolation_value", 0.0))), x)
    return x if x.dtype == kind else x.cast(kind)


def _nearest(call: Call, x: Value, axis: int, how: _Axis) -> Value:
    at = how.nearest()
    times, rest = divmod(how.new, how.length)
    if not rest and (at == np.repeat(np.arange(how.length), times)).all():
        # Whole repeats are cheaper than a table: (..., n, ...) becomes (..., n, times, ...).
        shape = (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :])
        repeats = [times if i == axis + 1 else 1 for i in range(x.rank + 1)]
        final = (*x.shape[:axis], how.new, *x.shape[axis + 1 :])
        return (
            x.reshape(*shape)
            .broadcast(*(a * b for a, b in zip(shape, repeats, strict=True)))
            .reshape(*final)
        )
    return x.op("gather", call.constant(at), axis=axis)


def _weighted(call: Call, x: Value, axis: int, how: _Axis) -> Value:
    kind = x.dtype if x.dtype in ("float32", "float64") else "float32"
    x = x.cast(kind)
    matrix = call.constant(how.weights(call, call.get("mode", "")).astype(kind))
    order = [i for i in range(x.rank) if i != axis]
    if axis == x.rank - 2 and x.rank > 1:
        return matrix @ x
    turned = x.transpose(*order, axis)
    lead = math.prod(turned.shape[:-1])
    flat = turned.reshape(lead, how.length) @ matrix.transpose(1, 0)
    back = [int(i) for i in np.argsort([*order, axis])]
    return flat.reshape(*turned.shape[:-1], how.new).transpose(*back)


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {"Resize": _resize, "Upsample": _resize}
