"""A network as a graph of core operators: static shapes, one result a node, in running order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import Unsupported

Attribute: TypeAlias = "bool | int | float | str | tuple[int, ...]"
Attributes: TypeAlias = Mapping[str, Attribute]

DTYPES: Final = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
    ]
)
FLOATS: Final = frozenset({"float16", "float32", "float64"})
_SHOWN: Final = 8
"""Constants of at most so many elements are printed whole."""


@dataclass(frozen=True)
class Type:
    """What a value is: the type of its elements and its shape.

    Args:
        dtype: As numpy spells it; one of ``DTYPES``.
        shape: One length per axis; a length may be zero.
    """

    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise Unsupported(
                f"values of type {self.dtype} have no place in the core graph",
                fix=f"cast them to one of {', '.join(sorted(DTYPES))}",
            )
        if any(length < 0 for length in self.shape):
            raise Unsupported(f"shape {self.shape} has a negative length", fix="give fixed shapes")

    @property
    def size(self) -> int:
        """How many elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_float(self) -> bool:
        """Whether elements are floating-point numbers."""
        return self.dtype in FLOATS

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def type_of(array: NDArray[Any]) -> Type:
    """Returns the type of an array.

    Raises:
        Unsupported: Its elements are of a type that the core graph lacks.
    """
    return Type(array.dtype.name, tuple(array.shape))


@dataclass(frozen=True)
class Node:
    """One core operator applied to values.

    Args:
        op: A name in ``latebra.compiling.ir.operators.OPERATORS``.
        inputs: Names of values.
        outputs: The name of its result; every core operator has exactly one.
        attributes: Settings by name; all are given, none has a default.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes = field(default_factory=dict[str, Attribute])

    @property
    def output(self) -> str:
        """The name of its result."""
        return self.outputs[0]


@dataclass(frozen=True)
class Graph:
    """A network: arrays in, arrays out, every shape known.

    Values have one namespace: an input, a constant and a result never share a name. An output has a
    name of its own and points to any value, so that passes can merge and drop values freely.

    Args:
        name: A name for people.
        inputs: The type of each input, by name, in order.
        outputs: The value that each output gives, by the output's name, in order.
        nodes: Operators, each after those whose results it takes.
        constants: Arrays by name; nobody writes to them.
        types: The type of every value: inputs, constants, results.
    """

    name: str
    inputs: Mapping[str, Type]
    outputs: Mapping[str, str]
    nodes: Sequence[Node]
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    types: Mapping[str, Type] = field(default_factory=dict[str, Type])

    def output_type(self, name: str) -> Type:
        """Returns the type of an output, by the output's name."""
        return self.types[self.outputs[name]]

    def uses(self) -> dict[str, int]:
        """Returns how often each value is read, by nodes and outputs."""
        counts = dict.fromkeys(self.types, 0)
        for name in [*(name for node in self.nodes for name in node.inputs)]:
            counts[name] += 1
        for name in self.outputs.values():
            counts[name] += 1
        return counts

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def digest(self) -> str:
        """Returns the SHA-256 of what the graph computes, whatever its values are called.

        Names of inputs and outputs count, names of inner values do not; the order of nodes does.
        """
        numbers = {name: f"in:{name}" for name in self.inputs}
        numbers.update((node.output, f"%{i}") for i, node in enumerate(self.nodes))
        said = hashlib.sha256()

        def value(name: str) -> str:
            if name not in numbers:
                numbers[name] = _fingerprint(self.constants[name])
            return numbers[name]

        for name, kind in self.inputs.items():
            said.update(f"input {name} {kind}\n".encode())
        for node in self.nodes:
            settings = sorted(node.attributes.items())
            said.update(f"{node.op} {[*map(value, node.inputs)]} {settings}\n".encode())
        for name, held in self.outputs.items():
            said.update(f"output {name} {value(held)}\n".encode())
        return said.hexdigest()


def _fingerprint(array: NDArray[Any]) -> str:
    body = hashlib.sha256(np.ascontiguousarray(array).data if array.size else b"").hexdigest()
    return f"const:{type_of(array)}:{body}"


def _lines(graph: Graph) -> Iterator[str]:
    """Yields a graph as text: a line for each input, constant, node, and one for the outputs."""
    yield f"graph {graph.name}"
    for name, kind in graph.inputs.items():
        yield f"  input {name}: {kind}"
    for name, array in graph.constants.items():
        yield f"  const {name}: {type_of(array)} = {_shown(array)}"
    for node in graph.nodes:
        settings = "".join(f" {key}={_word(each)}" for key, each in node.attributes.items())
        kind = graph.types[node.output]
        yield f"  {node.output}: {kind} = {node.op}({', '.join(node.inputs)}){settings}"
    yield "  return " + ", ".join(
        name if name == held else f"{name}={held}" for name, held in graph.outputs.items()
    )


def _shown(array: NDArray[Any]) -> str:
    if array.size <= _SHOWN:
        return str(array.tolist()).replace(" ", "")
    return f"sha256:{_fingerprint(array)[-64:][:12]}"


def _word(attribute: Attribute) -> str:
    if isinstance(attribute, tuple):
        return f"[{','.join(map(str, attribute))}]"
    return str(attribute)
