"""Graphs, written one operator at a time; what depends on constants alone is computed at once.

So is what depends on values without elements alone: vendors differ in what they make of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import Attribute, Attributes, Graph, Node, Type, type_of
from latebra.compiling.ir.operators import OPERATORS, result_type

MOST_FOLDED: Final = 1 << 24
"""Larger results are left to be computed at run time; a table of indices is well below."""


class Builder:
    """A graph that grows.

    Args:
        name: A name for people.
        fold: Whether to compute nodes of constants at once.
    """

    def __init__(self, name: str, *, fold: bool = True) -> None:
        self.name = name
        self.fold = fold
        self.inputs: dict[str, Type] = {}
        self.constants: dict[str, NDArray[Any]] = {}
        self.nodes: list[Node] = []
        self.types: dict[str, Type] = {}
        self._small: dict[tuple[Type, bytes], str] = {}
        self._next: dict[str, int] = {}

    def input(self, name: str, kind: Type) -> Value:
        """Returns a new input."""
        self.inputs[name] = kind
        self.types[name] = kind
        return Value(self, name)

    def constant(self, array: NDArray[Any], name: str = "") -> Value:
        """Returns a constant; small equal ones are one.

        Args:
            array: What it holds.
            name: What to call it, where that name is free.

        Raises:
            Unsupported: Its elements are of a type that the core graph lacks.
        """
        array = np.asarray(array)
        kind = type_of(array)
        key = (kind, array.tobytes()) if array.size <= 64 else None
        if key in self._small:
            return Value(self, self._small[key])
        name = self._free(name or "c", always=not name)
        if key is not None:
            self._small[key] = name
        self.constants[name] = array
        self.types[name] = kind
        return Value(self, name)

    def add(
        self, op: str, inputs: Sequence[Value], attributes: Attributes, label: str = ""
    ) -> Value:
        """Returns the result of an operator; nothing is added where it changes nothing.

        Args:
            op: A core operator.
            inputs: What it takes.
            attributes: Its settings.
            label: What to call the result, where that name is free.

        Raises:
            Unsupported: It breaks the operator's rules.
        """
        names = tuple(each.name for each in inputs)
        types = [self.types[name] for name in names]
        node = Node(op, names, ("",), attributes)
        kind = result_type(node, types)
        if _changes_nothing(op, types, kind, attributes):
            return inputs[0]
        held = [self._held(name, kind) for name in names]
        known = [each for each in held if each is not None]
        if self.fold and len(known) == len(held) and kind.size <= MOST_FOLDED:
            return self.constant(np.asarray(OPERATORS[op].evaluate(known, attributes)))
        name = self._free(label or op, always=not label)
        self.nodes.append(Node(op, names, (name,), attributes))
        self.types[name] = kind
        return Value(self, name)

    def finish(self, outputs: Mapping[str, Value]) -> Graph:
        """Returns the graph, without what no output needs.

        Args:
            outputs: What each output gives, by its name, in order.
        """
        live = {each.name for each in outputs.values()}
        nodes: list[Node] = []
        for node in reversed(self.nodes):
            if node.output in live:
                nodes.append(node)
                live.update(node.inputs)
        return Graph(
            self.name,
            dict(self.inputs),
            {name: each.name for name, each in outputs.items()},
            tuple(reversed(nodes)),
            {name: array for name, array in self.constants.items() if name in live},
            {
                name: kind
                for name, kind in self.types.items()
                if name in live or name in self.inputs
            },
        )

    def _held(self, name: str, result: Type) -> NDArray[Any] | None:
        """Returns what a value holds, where that is known; nothing, if something comes of it."""
        kind = self.types[name]
        if not kind.size and result.size:
            return np.zeros(kind.shape, kind.dtype)
        return self.constants.get(name)

    def _free(self, wanted: str, *, always: bool) -> str:
        """Returns a name that nothing has; numbered where it is ``always``, or taken."""
        while always or wanted in self.types:
            self._next[wanted] = self._next.get(wanted, 0) + 1
            name = f"{wanted}_{self._next[wanted]}"
            if name not in self.types:
                return name
        return wanted


@dataclass(frozen=True, eq=False)
class Value:
    """A value of a graph that grows, with arithmetic; numbers take its type.

    Args:
        builder: The graph.
        name: Its name there.
    """

    builder: Builder
    name: str

    @property
    def type(self) -> Type:
        """What it is."""
        return self.builder.types[self.name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its lengths."""
        return self.type.shape

    @property
    def dtype(self) -> str:
        """The type of its elements."""
        return self.type.dtype

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.type.shape)

    @property
    def array(self) -> NDArray[Any] | None:
        """What it holds, where it is a constant."""
        return self.builder.constants.get(self.name)

    def op(self, name: str, *others: Value | int | float, **attributes: Attribute) -> Value:
        """Returns an operator of this value and others."""
        return self.builder.add(name, [self, *map(self.like, others)], attributes)

    def like(self, other: Value | int | float | NDArray[Any]) -> Value:
        """Returns a number or an array as a constant of this value's type."""
        if isinstance(other, Value):
            return other
        return self.builder.constant(np.asarray(other).astype(self.dtype))

    def __add__(self, other: Value | int | float) -> Value:
        return self.op("add", other)

    def __sub__(self, other: Value | int | float) -> Value:
        return self.op("sub", other)

    def __mul__(self, other: Value | int | float) -> Value:
        return self.op("mul", other)

    def __truediv__(self, other: Value | int | float) -> Value:
        return self.op("div", other)

    def __matmul__(self, other: Value) -> Value:
        return self.op("matmul", other)

    def __neg__(self) -> Value:
        return self * -1

    def __invert__(self) -> Value:
        return self.op("xor", -1)  # All bits; of a boolean, the one.

    def cast(self, dtype: str) -> Value:
        """Returns the value as another type."""
        return self.op("cast", dtype=dtype)

    def reshape(self, *shape: int) -> Value:
        """Returns the value in another shape."""
        return self.op("reshape", shape=tuple(int(n) for n in shape))

    def transpose(self, *permutation: int) -> Value:
        """Returns the value with its axes in another order."""
        return self.op("transpose", permutation=tuple(int(n) for n in permutation))

    def broadcast(self, *shape: int) -> Value:
        """Returns the value repeated to a shape."""
        return self.op("broadcast", shape=tuple(int(n) for n in shape))

    def fold(self, name: str, axes: Sequence[int], *, keep: bool = True) -> Value:
        """Returns axes folded."""
        return self.op(name, axes=tuple(sorted(int(a) % self.rank for a in axes)), keep=int(keep))

    def part(self, axis: int, start: int, stop: int, step: int = 1) -> Value:
        """Returns a part of one axis."""
        ends = list(self.shape)
        starts, steps = [0] * self.rank, [1] * self.rank
        starts[axis], ends[axis], steps[axis] = start, stop, step
        return self.op("slice", starts=tuple(starts), stops=tuple(ends), steps=tuple(steps))


def _changes_nothing(
    op: str, types: Sequence[Type], kind: Type, attributes: Mapping[str, Attribute]
) -> bool:
    if not types or types[0] != kind:
        return False
    if op in ("reshape", "broadcast", "cast", "pad"):
        return True
    if op == "transpose":
        return attributes["permutation"] == tuple(range(len(kind.shape)))
    if op == "slice":
        return True
    return op == "concat" and len(types) == 1
