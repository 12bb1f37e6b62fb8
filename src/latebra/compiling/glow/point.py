"""Write the instructions that compute an expression at one place, for one or several lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from latebra.compiling.glow.emit import MEMORY, Emit
from latebra.compiling.glow.llvm import I1, I8, I64, ir
from latebra.compiling.glow.low import Acc, Const, Expr, Load, Op, View
from latebra.compiling.glow.operations import apply


class Place:
    """A point of an instruction's space, or some points in a row along one axis.

    Args:
        e: Where to write.
        bases: The address of each view's first element, by buffer and offset.
        indices: One index an axis, an LLVM value or a plain number.
        axis: The axis along which the lanes lie; -1 for none.
        lanes: How many.
        acc: What was accumulated.
        valid: How many lanes matter; the others repeat the first where reading costs a step each.
    """

    def __init__(
        self,
        e: Emit,
        bases: Bases,
        indices: Sequence[Any],
        axis: int = -1,
        lanes: int = 1,
        acc: Any = None,
        valid: int = 0,
    ) -> None:
        self.valid = valid or lanes
        self.e, self.bases, self.indices = e, bases, tuple(indices)
        self.axis, self.lanes, self.acc = axis, lanes, acc
        self._done: dict[int, Any] = {}

    def value(self, expr: Expr) -> Any:
        """Returns an expression's value; booleans are single bits."""
        if id(expr) not in self._done:
            self._done[id(expr)] = self._value(expr)
        return self._done[id(expr)]

    def _value(self, expr: Expr) -> Any:
        if isinstance(expr, Load):
            return self._load(expr)
        if isinstance(expr, Const):
            kind = I1 if expr.dtype == "bool" else MEMORY[expr.dtype]
            number = expr.value
            if expr.dtype == "float16":
                number = int(np.float16(number).view(np.uint16))
            return self.e.splat(self.e.number(number, kind), self.lanes)
        if isinstance(expr, Acc):
            return self.acc
        if not isinstance(expr, Op):
            raise NotImplementedError(f"no code for {type(expr).__name__}")
        kinds = tuple(arg.dtype for arg in expr.args)
        args = [self.value(arg) for arg in expr.args]
        return apply(self.e, expr.name, kinds, expr.dtype, args)

    def offset(self, view: View) -> Any:
        """Returns how many elements after the view's first this place is."""
        return self.e.total(*zip(self.indices, view.strides, strict=True))

    def store(self, view: View, value: Any, valid: int = 0) -> None:
        """Writes a value at this place of a view, or its first ``valid`` lanes."""
        kind = MEMORY[view.dtype]
        if view.dtype == "bool":
            value = self.e.b.zext(value, self.e.like(I8, value))
        base, offset = self.bases[view], self.offset(view)
        stride = view.strides[self.axis] if self.axis >= 0 else 0
        if self.lanes == 1 or stride == 1:
            self.e.store(value, base, offset, kind, valid)
            return
        for lane in range(valid or self.lanes):
            place = self.e.b.add(offset, I64(lane * stride))
            self.e.store(self.e.b.extract_element(value, I64(lane)), base, place, kind)

    def _load(self, load: Load) -> Any:
        e, view = self.e, load.view
        kind = MEMORY[view.dtype]
        base, offset = self.bases[view], self.offset(view)
        stride = view.strides[self.axis] if self.axis >= 0 else 0
        spread = False
        places: Any = None
        for table, factor in load.tables:
            entry = self._load(Load(table.dtype, table))
            if table.dtype != "int64":
                entry = e.b.sext(entry, e.like(I64, entry))
            if self.lanes > 1 and table.strides[self.axis]:
                step = e.b.mul(entry, e.number(factor, entry))
                places = step if places is None else e.b.add(places, step)
                spread = True
                continue
            if isinstance(entry.type, ir.VectorType):
                entry = e.b.extract_element(entry, I64(0))
            offset = e.b.add(offset, e.b.mul(entry, I64(factor)))
        if self.lanes == 1 or (not spread and stride in (0, 1)):
            value = e.load(base, offset, kind, 1 if stride == 0 else self.lanes)
            value = e.splat(value, self.lanes)
        else:
            value = ir.Constant(ir.VectorType(kind, self.lanes), ir.Undefined)
            for lane in range(self.valid):
                place = e.b.add(offset, I64(lane * stride))
                if spread:
                    place = e.b.add(place, e.b.extract_element(places, I64(lane)))
                value = e.b.insert_element(value, e.load(base, place, kind, 1), I64(lane))
        if view.dtype == "bool":
            return e.b.icmp_unsigned("!=", value, e.number(0, value))
        return value


class Bases:
    """The addresses of the views of one instruction, numbered as they are first met."""

    def __init__(self, views: Sequence[View]) -> None:
        self.places: list[tuple[Any, int]] = []
        self._number: dict[tuple[int, int], int] = {}
        self._values: Sequence[Any] = ()
        for view in views:
            key = (id(view.buffer), view.offset * view.item_bytes)
            if key not in self._number:
                self._number[key] = len(self.places)
                self.places.append((view.buffer, view.offset * view.item_bytes))

    def number(self, view: View) -> int:
        """Returns which argument of the instruction's function a view's address is."""
        return self._number[id(view.buffer), view.offset * view.item_bytes]

    def bind(self, values: Sequence[Any]) -> None:
        """Says what the addresses are in the function that is being written."""
        self._values = values

    def __getitem__(self, view: View) -> Any:
        return self._values[self.number(view)]
