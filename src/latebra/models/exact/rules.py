"""How bounds pass through operators: one rule for each; what has none is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError
from latebra.models.exact.bounds import UNKNOWN, Bound, Reals, computed, step_of
from latebra.models.exact.graph import Node
from latebra.models.exact.layer import LIMIT
from latebra.models.exact.windows import windows

Rule = Callable[[Node, "Arguments"], Bound]
RULES: Final[dict[str, Rule]] = {}
INTEGERS: Final = ("int32", "int64")


class Arguments:
    """The bounds of a node's inputs, in their places.

    Args:
        node: The node.
        known: Bounds by name.
    """

    def __init__(self, node: Node, known: Mapping[str, Bound]) -> None:
        self._node = node
        self._known = known

    def __getitem__(self, place: int) -> Bound:
        return self._known[self._node.inputs[place]]

    def has(self, place: int) -> bool:
        """Is there an input in this place?"""
        return place < len(self._node.inputs) and bool(self._node.inputs[place])

    def values(self, place: int) -> NDArray[Any]:
        """Returns the numbers of an input that has to be a constant.

        Raises:
            InputError: It is computed.
        """
        if not (bound := self[place]).is_constant:
            raise refused(self._node, f"input {place} is computed", "make it a constant")
        return bound.low

    def floats(self, place: int) -> Bound:
        """Returns an input that has to be multiples of a step, in 32-bit floats.

        Raises:
            InputError: It is not.
        """
        bound = self[place]
        name = self._node.inputs[place]
        if bound.dtype != "float32":
            raise refused(self._node, f"{name!r} holds {bound.dtype}", "cast it to 32-bit floats")
        if bound.step == UNKNOWN or not np.isfinite(bound.spread).all():
            raise refused(
                self._node,
                f"{name!r} is not known to be whole and bounded",
                "put Floor and Clip after it",
            )
        return bound


def refused(node: Node, what: str, fix: str) -> InputError:
    """Returns the error that says which tensor is not proven exact."""
    return InputError(f"{node.output!r} ({node.operator}) is not proven exact: {what}", fix=fix)


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Makes a function the rule of these operators."""

    def added(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return added


@rule("Add", "Sub")
def _add(node: Node, given: Arguments) -> Bound:
    a, b = given.floats(0), given.floats(1)
    low, high = (b.low, b.high) if node.operator == "Add" else (-b.high, -b.low)
    return Bound(a.low + low, a.high + high, a.spread + b.spread, min(a.step, b.step))


@rule("Mul")
def _mul(node: Node, given: Arguments) -> Bound:
    a, b = given.floats(0), given.floats(1)
    corners = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    if node.inputs[0] == node.inputs[1]:
        low = np.maximum(low, 0)
    return Bound(low, high, a.spread * b.spread, a.step + b.step)


@rule("MatMul")
def _matmul(node: Node, given: Arguments) -> Bound:
    a, b = given.floats(0), given.floats(1)
    low, high = _product(a, b)
    return Bound(low, high, a.spread @ b.spread, a.step + b.step)


@rule("Conv")
def _conv(node: Node, given: Arguments) -> Bound:
    x, weight = given.floats(0), given.floats(1)
    about = node.attributes
    pads, strides = about.get("pads", [0] * 4), about.get("strides", [1, 1])
    plain = about.get("auto_pad", "NOTSET") == "NOTSET" and about.get("group", 1) == 1
    dilated = any(each != 1 for each in about.get("dilations", []))
    if len(x.shape) != 4 or dilated or not plain or pads[:2] != pads[2:]:
        raise refused(
            node,
            f"its attributes are {dict(about)}",
            "use a convolution of pictures in one group, undilated, padded alike on both sides",
        )
    if not weight.is_constant:
        raise refused(node, "its weights are computed", "make them a constant")
    kernel = (weight.shape[2], weight.shape[3])

    def cut(array: Reals) -> Reals:
        return windows(array, kernel, (strides[0], strides[1]), (pads[0], pads[1]))

    columns = Bound(cut(x.low), cut(x.high), cut(x.spread), x.step)
    matrix = weight.low.reshape(len(weight.low), -1).T
    low, high = _product(columns, Bound(matrix, matrix, np.abs(matrix), weight.step))
    spread = columns.spread @ np.abs(matrix)
    found = Bound(
        *(np.moveaxis(each, -1, 1) for each in (low, high, spread)), step=x.step + weight.step
    )
    if not given.has(2):
        return found
    bias = given.floats(2)
    low, high, spread = (each[:, None, None] for each in (bias.low, bias.high, bias.spread))
    step = min(found.step, bias.step)
    return Bound(found.low + low, found.high + high, found.spread + spread, step)


@rule("Floor")
def _floor(node: Node, given: Arguments) -> Bound:
    x = given[0]
    step = 0 if x.step == UNKNOWN else max(x.step, 0)
    return computed(np.floor(x.low), np.floor(x.high), step)


@rule("Clip")
def _clip(node: Node, given: Arguments) -> Bound:
    x = given[0]
    low = given.values(1) if given.has(1) else np.array(-np.inf)
    high = given.values(2) if given.has(2) else np.array(np.inf)
    ends = np.array([each for each in (low, high) if np.isfinite(each)])
    step = x.step if x.step == UNKNOWN or not ends.size else min(x.step, _step(ends))
    return computed(x.low.clip(low, high), x.high.clip(low, high), step, x.dtype)


@rule("Relu")
def _relu(node: Node, given: Arguments) -> Bound:
    x = given[0]
    return computed(np.maximum(x.low, 0), np.maximum(x.high, 0), x.step, x.dtype)


@rule("ReduceMax")
def _reduce_max(node: Node, given: Arguments) -> Bound:
    x = given.floats(0)
    axes, keep = _axes(node.attributes.get("axes")), bool(node.attributes.get("keepdims", 1))
    low, high = (each.max(axes, keepdims=keep) for each in (x.low, x.high))
    return computed(low, high, x.step)


@rule("ReduceSum")
def _reduce_sum(node: Node, given: Arguments) -> Bound:
    x = given.floats(0)
    if node.attributes.get("noop_with_empty_axes", 0):
        raise refused(node, "it may reduce nothing", "name the axes and leave that attribute out")
    axes = _axes(given.values(1) if given.has(1) else None)
    keep = bool(node.attributes.get("keepdims", 1))
    low, high, spread = (each.sum(axes, keepdims=keep) for each in (x.low, x.high, x.spread))
    return Bound(low, high, spread, x.step)


@rule("Gather")
def _gather(node: Node, given: Arguments) -> Bound:
    if node.attributes.get("axis", 0):
        raise refused(node, "it looks up another axis than the first", "look up the first axis")
    table, index = given.values(0), given[1]
    if index.dtype not in INTEGERS:
        raise refused(node, f"its index holds {index.dtype}", "cast the index to int64")
    lowest, highest = float(index.low.min()), float(index.high.max())
    if not index.is_given and (lowest < 0 or highest > len(table) - 1):
        raise refused(
            node,
            f"its index reaches from {lowest:.0f} to {highest:.0f} in {len(table)} rows",
            "clip what the index is computed from, or lengthen the table",
        )
    rows = table if index.is_given else table[int(lowest) : int(highest) + 1]
    shape = (*index.shape, *table.shape[1:])
    low, high = (np.broadcast_to(each, shape) for each in (rows.min(0), rows.max(0)))
    return computed(low, high, step_of(rows), given[0].dtype)


@rule("Cast")
def _cast(node: Node, given: Arguments) -> Bound:
    x = given[0]
    wanted = {1: "float32", 6: "int32", 7: "int64"}.get(node.attributes["to"])
    whole = x.step != UNKNOWN and x.step >= 0 and float(x.spread.max()) < LIMIT
    if wanted is None or not whole:
        raise refused(
            node,
            f"it casts {node.inputs[0]!r}, {_told(x)}",
            "cast whole numbers below 2^24 to float32, int32 or int64",
        )
    return Bound(x.low, x.high, x.spread, x.step, wanted)


@rule("Reshape")
def _reshape(node: Node, given: Arguments) -> Bound:
    x = given[0]
    wanted = [int(n) for n in given.values(1)]
    if node.attributes.get("allowzero", 0):
        raise refused(node, "it allows axes of length 0", "leave allowzero out")
    shape = [x.shape[at] if n == 0 else n for at, n in enumerate(wanted)]
    return x.moved(*(each.reshape(shape) for each in (x.low, x.high, x.spread)))


@rule("Transpose")
def _transpose(node: Node, given: Arguments) -> Bound:
    x = given[0]
    axes = node.attributes.get("perm")
    return x.moved(*(each.transpose(axes) for each in (x.low, x.high, x.spread)))


def _product(a: Bound, b: Bound) -> tuple[Reals, Reals]:
    """Returns the smallest and the largest values of ``a @ b``, element by element."""
    if b.is_constant:
        above, below = np.maximum(b.low, 0), np.minimum(b.low, 0)
        return a.low @ above + a.high @ below, a.high @ above + a.low @ below
    if a.is_constant:
        above, below = np.maximum(a.low, 0), np.minimum(a.low, 0)
        return above @ b.low + below @ b.high, above @ b.high + below @ b.low
    if (a.low >= 0).all() and (b.low >= 0).all():
        return a.low @ b.low, a.high @ b.high
    largest = np.maximum(np.abs(a.low), np.abs(a.high)) @ np.maximum(np.abs(b.low), np.abs(b.high))
    return -largest, largest


def _axes(axes: Any) -> tuple[int, ...] | None:
    """Returns which axes are reduced; none given means all."""
    return tuple(int(axis) for axis in axes) if axes is not None and len(axes) else None


def _step(ends: Reals) -> int:
    return step_of(ends) if ends.any() else 0


def _told(x: Bound) -> str:
    step = "of no known step" if x.step == UNKNOWN else f"in steps of 2^{x.step}"
    return f"numbers up to {float(x.spread.max()):.6g} {step}"
