"""Convolutions over more axes than they reach along, said over fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import Graph, Node
from latebra.compiling.ir.operation import integer, integers
from latebra.compiling.ir.passes.rewriting import Known, Sight, rewritten

_FEWEST: Final = 2
"""Axes of space that are left: two are what every compiler convolves best."""


def flatten_convs(graph: Graph) -> Graph:
    """Drops an axis of space along which a convolution does not reach, down to two.

    Networks for video on one frame have such an axis, and kernels of length one along time.
    """

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "conv":
            return None
        x, w = (known[name] for name in node.inputs)
        told = node.attributes
        conv = _Conv(
            x,
            w,
            integers(told, "strides"),
            integers(told, "pads"),
            integers(told, "dilations"),
            integer(told, "groups"),
            graph.types[node.output].shape,
        )
        if conv.rank <= _FEWEST:
            return None
        return conv.without_length_one() or conv.with_two_joined() or conv.with_one_in_the_batch()

    return rewritten(graph, rewrite)


@dataclass(frozen=True)
class _Conv:
    """A convolution that is to be said otherwise; axes are counted among those of space."""

    x: Value
    w: Value
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    result: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.strides)

    def without_length_one(self) -> Value | None:
        """Where one place gives one place, a single number of the kernel lies on it."""
        for axis in range(self.rank):
            at, between = divmod(self.pads[axis], self.dilations[axis])
            single = self.x.shape[2 + axis] == self.result[2 + axis] == 1
            if single and not between and at < self.w.shape[2 + axis]:
                x = self.x.reshape(*_left_out(self.x.shape, 2 + axis))
                w = self.w.part(2 + axis, at, at + 1)
                return self._convolved(x, w, axis).reshape(*self.result)
        return None

    def with_two_joined(self) -> Value | None:
        """Neighbours along which the kernel reaches nowhere are one axis."""
        for axis in range(self.rank - 1):
            if self._is_still(axis) and self._is_still(axis + 1):
                n, c, *space = self.x.shape
                space[axis : axis + 2] = [space[axis] * space[axis + 1]]
                x = self.x.reshape(n, c, *space)
                return self._convolved(x, self.w, axis).reshape(*self.result)
        return None

    def with_one_in_the_batch(self) -> Value | None:
        """Along an axis on which the kernel reaches nowhere, each place is a picture of its own."""
        for axis in range(self.rank):
            if self._is_still(axis):
                order = (0, 2 + axis, *_left_out(range(2 + self.rank), 2 + axis)[1:])
                turned = self.x.transpose(*order)
                n, count, *rest = turned.shape
                found = self._convolved(turned.reshape(n * count, *rest), self.w, axis)
                back = [order.index(each) for each in range(2 + self.rank)]
                return found.reshape(n, count, *found.shape[1:]).transpose(*back)
        return None

    def _is_still(self, axis: int) -> bool:
        around = (self.pads[axis], self.pads[self.rank + axis])
        return self.w.shape[2 + axis] == self.strides[axis] == 1 and around == (0, 0)

    def _convolved(self, x: Value, w: Value, axis: int) -> Value:
        """Returns the convolution without an axis, along which the kernel has one number."""
        pads = _left_out(self.pads, axis, self.rank + axis)
        return x.op(
            "conv",
            w.reshape(*_left_out(w.shape, 2 + axis)),
            strides=_left_out(self.strides, axis),
            pads=pads,
            dilations=_left_out(self.dilations, axis),
            groups=self.groups,
        )


def _left_out(values: Sequence[int], *places: int) -> tuple[int, ...]:
    return tuple(value for at, value in enumerate(values) if at not in places)
