"""Where resizing takes each element from, and how much of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.spelling.node import Node
from latebra.core.errors import Unsupported

Terms = list[tuple[NDArray[Any], NDArray[Any]]]
"""Places along the axis with a weight for each; the result is the sum of these terms."""


def weights_of(node: Node, old: int, new: int, factor: float, before_11: bool) -> Terms:
    """Returns the terms along one axis.

    Args:
        node: A ``Resize`` or ``Upsample``, for its attributes.
        old: Length of the axis.
        new: Length that is wanted.
        factor: How much longer, as the file says; lengths may be rounded.
        before_11: Whether the operator set is older than 11, which knew two modes only.

    Source: https://onnx.ai/onnx/operators/onnx__Resize.html.
    """
    mode = node.text("mode", "nearest")
    usual = "asymmetric" if before_11 else "half_pixel"
    places = _places(node.text("coordinate_transformation_mode", usual), old, new, factor)
    if mode == "nearest":
        rounding = "floor" if before_11 else node.text("nearest_mode", "round_prefer_floor")
        at = {
            "round_prefer_floor": np.ceil(places - 0.5),
            "round_prefer_ceil": np.floor(places + 0.5),
            "floor": np.floor(places),
            "ceil": np.ceil(places),
        }[rounding]
        return [(_inside(at, old), np.ones(new))]
    if mode == "linear":
        low = np.floor(places)
        share = places - low
        return [(_inside(low, old), 1 - share), (_inside(low + 1, old), share)]
    if mode == "cubic":
        return _cubic(node, places, old)
    raise Unsupported(f"Resize by {mode}", fix="choose another compiler")


def _places(word: str, old: int, new: int, factor: float) -> NDArray[np.float64]:
    x = np.arange(new, dtype=np.float64)
    whole = factor * old  # Before it was rounded to a length.
    match word:
        case "asymmetric":
            return x / factor
        case "align_corners":
            return x * (old - 1) / (whole - 1) if whole > 1 else x * 0
        case "pytorch_half_pixel":
            return (x + 0.5) / factor - 0.5 if new > 1 else x * 0
        case "half_pixel_symmetric":
            shift = old / 2 * (1 - new / whole)
            return shift + (x + 0.5) / factor - 0.5
        case _:
            return (x + 0.5) / factor - 0.5


def _cubic(node: Node, places: NDArray[np.float64], old: int) -> Terms:
    """Keys 1981, "Cubic convolution interpolation", eq. (4) with a free coefficient."""
    a = node.get("cubic_coeff_a", -0.75)
    low = np.floor(places)
    t = places - low
    shares = [
        ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1,
        ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a,
    ]
    if node.get("exclude_outside", 0):
        real = [(low + k >= 0) & (low + k < old) for k in (-1, 0, 1, 2)]
        shares = [share * here for share, here in zip(shares, real, strict=True)]
        total = sum(shares)
        shares = [share / total for share in shares]
    return [(_inside(low + k, old), share) for k, share in zip((-1, 0, 1, 2), shares, strict=True)]


def _inside(at: NDArray[np.float64], length: int) -> NDArray[np.int64]:
    return np.clip(at, 0, length - 1).astype(np.int64)
