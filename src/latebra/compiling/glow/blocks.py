"""Operators that trade channels for places, and places for channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from latebra.compiling.glow.movement import transpose
from latebra.compiling.glow.values import Value
from latebra.compiling.glow.writer import Writer

Attributes = Mapping[str, Any]
Rule = Callable[[Writer, Sequence[Value], Attributes], Value]


def depth_to_space(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's DepthToSpace."""
    x, b = inputs[0], int(told["blocksize"])
    n, c, h, width = x.shape
    deep = c // b**2
    if str(told.get("mode", "DCR")) == "CRD":
        shape, order = (n, deep, b, b, h, width), (0, 1, 4, 2, 5, 3)
    else:
        shape, order = (n, b, b, deep, h, width), (0, 3, 4, 1, 5, 2)
    moved = transpose(w, [w.reshape(x, shape)], {"perm": order})
    return w.reshape(moved, (n, deep, h * b, width * b))


def space_to_depth(w: Writer, inputs: Sequence[Value], told: Attributes) -> Value:
    """ONNX's SpaceToDepth."""
    x, b = inputs[0], int(told["blocksize"])
    n, c, h, width = x.shape
    parted = w.reshape(x, (n, c, h // b, b, width // b, b))
    order = (0, 1, 3, 5, 2, 4) if str(told.get("mode", "DCR")) == "CRD" else (0, 3, 5, 1, 2, 4)
    moved = transpose(w, [parted], {"perm": order})
    return w.reshape(moved, (n, c * b * b, h // b, width // b))


RULES: Final[dict[str, Rule]] = {
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
