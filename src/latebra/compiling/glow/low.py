"""The low-level program: instructions that know addresses and nothing else.

A tensor is a view: a buffer, an offset and a stride an axis. Transposing, slicing, broadcasting and
most reshaping make another view and no instruction. There are three instructions:

    Map       out[i]    = f(loads at i)
    Fold      out[i]    = f(total over k of g(loads at i, k), loads at i)
    Contract  out[i, n] = f(sum over k of a[i, k] b[k, n], loads at i, n)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Space(StrEnum):
    """Where a buffer lies."""

    CONSTANTS = "constants"
    MUTABLE = "mutable"
    ACTIVATIONS = "activations"


@dataclass(eq=False)
class Buffer:
    """A run of bytes.

    Args:
        space: Where it lies.
        size_bytes: How long it is.
        start: Its first byte in that space; -1 until it is planned.
        label: What it holds, for whoever prints the program.
    """

    space: Space
    size_bytes: int
    start: int = -1
    label: str = ""


@dataclass(frozen=True)
class View:
    """A tensor as it lies in a buffer.

    Args:
        buffer: Where.
        dtype: Element type, as numpy spells it.
        offset: Elements before the first.
        shape: One length an axis.
        strides: Elements from one to the next along each axis; 0 repeats.
    """

    buffer: Buffer
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def item_bytes(self) -> int:
        """Bytes of an element."""
        return np.dtype(self.dtype).itemsize

    def pick(self, axes: tuple[int, ...]) -> View:
        """Returns the view with its axes in another order, or some of them."""
        return replace(
            self,
            shape=tuple(self.shape[axis] for axis in axes),
            strides=tuple(self.strides[axis] for axis in axes),
        )


@dataclass(frozen=True, eq=False)
class Expr:
    """A value at each point of a space of indices.

    Args:
        dtype: Its type, as numpy spells it.
    """

    dtype: str


@dataclass(frozen=True, eq=False)
class Load(Expr):
    """An element of a view with as many axes as the space.

    Args:
        view: What is read.
        tables: Views of whole numbers, each with a stride: their entries times it are added to
            the element's place.
    """

    view: View
    tables: tuple[tuple[View, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Const(Expr):
    """The same number everywhere."""

    value: int | float


@dataclass(frozen=True, eq=False)
class Op(Expr):
    """An operation of ``operations.py`` on other values."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, eq=False)
class Acc(Expr):
    """What the instruction accumulated."""


@dataclass(frozen=True, eq=False)
class Map:
    """Writes ``expr`` to each element of ``out``."""

    out: View
    expr: Expr


@dataclass(frozen=True, eq=False)
class Fold:
    """Combines ``source`` over its last axes, then writes ``expr`` of that.

    Args:
        out: Where to.
        kind: ``sum``, ``prod``, ``max``, ``min``, or ``dot``, which is fused multiply-adds of
            ``source`` and ``factor``.
        source: Over the axes of ``out`` and then ``folded``.
        folded: The lengths of the axes that vanish.
        expr: Over the axes of ``out``.
        factor: For ``dot``.
    """

    out: View
    kind: str
    source: Expr
    folded: tuple[int, ...]
    expr: Expr
    factor: Expr | None = None


@dataclass(frozen=True, eq=False)
class Panels:
    """The right-hand factor of a contraction: columns side by side in panels.

    Args:
        view: Its first element; strides over the axes of the output, 0 along the columns.
        panel_stride: Elements from a panel to the next.
        k_stride: Elements from one row to the next.
        vectors: Width of a panel in registers.
    """

    view: View
    panel_stride: int
    k_stride: int
    vectors: int


@dataclass(frozen=True, eq=False)
class Contract:
    """Sums of products, one accumulator an output, in the order of ``k``.

    Args:
        out: Where to.
        left: Over the axes of ``out`` (0 along the columns), then the axes of ``k``.
        right: The other factor.
        columns: Which axis of ``out`` the columns are.
        expr: Over the axes of ``out``.
    """

    out: View
    left: View
    right: Panels
    columns: int
    expr: Expr


Instruction = Map | Fold | Contract


def walk(expr: Expr) -> Iterator[Expr]:
    """Yields each expression of a tree once, arguments first."""
    seen: set[int] = set()

    def visit(each: Expr) -> Iterator[Expr]:
        if id(each) in seen:
            return
        seen.add(id(each))
        if isinstance(each, Op):
            for arg in each.args:
                yield from visit(arg)
        yield each

    return visit(expr)


def rewritten(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Returns the tree with each leaf changed; what is shared stays shared."""
    done: dict[int, Expr] = {}

    def visit(each: Expr) -> Expr:
        if id(each) not in done:
            done[id(each)] = (
                Op(each.dtype, each.name, tuple(visit(arg) for arg in each.args))
                if isinstance(each, Op)
                else change(each)
            )
        return done[id(each)]

    return visit(expr)


def on_views(expr: Expr, change: Callable[[View], View]) -> Expr:
    """Returns the tree with each view that it reads changed."""

    def leaf(each: Expr) -> Expr:
        if not isinstance(each, Load):
            return each
        tables = tuple((change(view), stride) for view, stride in each.tables)
        return Load(each.dtype, change(each.view), tables)

    return rewritten(expr, leaf)


def loads(expr: Expr | None) -> list[Load]:
    """Returns what an expression reads."""
    return [each for each in walk(expr) if isinstance(each, Load)] if expr else []


def reads(instruction: Instruction) -> list[View]:
    """Returns every view that an instruction reads."""
    exprs: list[Expr | None] = [instruction.expr]
    views: list[View] = []
    if isinstance(instruction, Fold):
        exprs += [instruction.source, instruction.factor]
    elif isinstance(instruction, Contract):
        views += [instruction.left, instruction.right.view]
    for load in (load for expr in exprs for load in loads(expr)):
        views += [load.view, *(view for view, _ in load.tables)]
    return views


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the strides of a tensor that lies in the order of its axes."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass
class Program:
    """Instructions in order, and the buffers that they use.

    Args:
        inputs: By name: what the caller writes.
        outputs: By name: what the caller reads.
        constants: The bytes of each constant buffer.
    """

    instructions: list[Instruction] = field(default_factory=list[Instruction])
    inputs: dict[str, View] = field(default_factory=dict[str, View])
    outputs: dict[str, View] = field(default_factory=dict[str, View])
    constants: dict[Buffer, NDArray[Any]] = field(
        default_factory=dict[Buffer, NDArray[Any]]
    )
