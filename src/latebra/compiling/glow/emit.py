"""Write LLVM instructions on numbers and vectors of numbers alike."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.llvm import F32, F64, I1, I8, I32, I64, POINTER, ir
from latebra.compiling.glow.target import Target

MEMORY: Final[dict[str, Any]] = {
    "float32": F32,
    "float64": F64,
    "bool": I8,
    "float16": ir.IntType(16),
    **{f"{sign}int{bits}": ir.IntType(bits) for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""How each element type lies in memory; 16-bit floats are bits, see ``halves.py``."""


class Emit:
    """A builder in one function, for one target.

    Args:
        builder: llvmlite's builder.
        target: What the code is for.
    """

    def __init__(self, builder: Any, target: Target) -> None:
        self.b = builder
        self.target = target

    @property
    def module(self) -> Any:
        """The module that is being written."""
        return self.b.module

    def number(self, value: int | float, like: Any) -> Any:
        """Returns a constant of the type of ``like``, a value or a type; vectors repeat it."""
        kind = getattr(like, "type", like)
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [self.number(value, kind.element)] * kind.count)
        if kind == F32:
            return ir.Constant(kind, float(np.float32(value)))
        if kind == F64:
            return ir.Constant(kind, float(value))
        return ir.Constant(kind, int(value))

    def splat(self, value: Any, lanes: int) -> Any:
        """Returns a vector with ``value`` in each lane; one lane is the value itself."""
        if lanes == 1 or isinstance(value.type, ir.VectorType):
            return value
        kind = ir.VectorType(value.type, lanes)
        if isinstance(value, ir.Constant):
            return ir.Constant(kind, [value] * lanes)
        first = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        order = ir.Constant(ir.VectorType(I32, lanes), [I32(0)] * lanes)
        return self.b.shuffle_vector(first, ir.Constant(kind, ir.Undefined), order)

    def like(self, kind: Any, value: Any) -> Any:
        """Returns ``kind`` with as many lanes as ``value`` has."""
        shape = getattr(value, "type", value)
        return ir.VectorType(kind, shape.count) if isinstance(shape, ir.VectorType) else kind

    def intrinsic(self, name: str, *values: Any, result: Any = None) -> Any:
        """Calls LLVM's own function ``name`` for the type of the first value."""
        kind = values[0].type
        element = kind.element if isinstance(kind, ir.VectorType) else kind
        short = {F32: "f32", F64: "f64"}.get(element) or f"i{element.width}"
        prefix = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        signature = ir.FunctionType(result or kind, [each.type for each in values])
        return self.b.call(self.declared(f"{name}.{prefix}{short}", signature), values)

    def declared(self, name: str, signature: Any) -> Any:
        """Returns the function called ``name``, declared once a module."""
        found = self.module.globals.get(name)
        return found if found is not None else ir.Function(self.module, signature, name)

    def select(self, condition: Any, yes: Any, no: Any) -> Any:
        """Returns ``yes`` where the condition holds, else ``no``."""
        return self.b.select(condition, yes, no)

    def load(self, base: Any, offset: Any, kind: Any, lanes: int, align: int = 0) -> Any:
        """Returns ``lanes`` neighbours from element ``offset`` on."""
        shape = ir.VectorType(kind, lanes) if lanes > 1 else kind
        return self.b.load(self.at(base, offset, kind), align=align or _bytes(kind), typ=shape)

    def store(self, value: Any, base: Any, offset: Any, kind: Any, valid: int = 0) -> None:
        """Writes a value, or the first ``valid`` lanes of a vector, at element ``offset``."""
        place = self.at(base, offset, kind)
        lanes = value.type.count if isinstance(value.type, ir.VectorType) else 1
        if not valid or valid >= lanes:
            self.b.store(value, place, align=_bytes(kind))
            return
        mask = ir.Constant(ir.VectorType(I1, lanes), [I1(i < valid) for i in range(lanes)])
        signature = ir.FunctionType(ir.VoidType(), [value.type, POINTER, I32, mask.type])
        short = {F32: "f32", F64: "f64"}.get(kind) or f"i{kind.width}"
        masked = self.declared(f"llvm.masked.store.v{lanes}{short}.p0", signature)
        self.b.call(masked, [value, place, I32(_bytes(kind)), mask])

    def at(self, base: Any, offset: Any, kind: Any) -> Any:
        """Returns the address of element ``offset``."""
        if isinstance(offset, int):
            offset = I64(offset)
        return self.b.gep(base, [offset], source_etype=kind)

    def variable(self, kind: Any, start: Any = None) -> Any:
        """Returns a place on the stack, which LLVM turns into a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(kind)
        if start is not None:
            self.b.store(start, place)
        return place

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int = 1) -> Generator[Any]:
        """Runs the block for each number from ``start`` to below ``stop``; yields the number."""
        start, stop = (I64(each) if isinstance(each, int) else each for each in (start, stop))
        function = self.b.function
        before = self.b.block
        body, after = function.append_basic_block("body"), function.append_basic_block("after")
        self.b.cbranch(self.b.icmp_signed("<", start, stop), body, after)
        self.b.position_at_end(body)
        number = self.b.phi(I64)
        number.add_incoming(start, before)
        yield number
        following = self.b.add(number, I64(step), flags=["nsw"])
        number.add_incoming(following, self.b.block)
        self.b.cbranch(self.b.icmp_signed("<", following, stop), body, after)
        self.b.position_at_end(after)

    def total(self, *terms: tuple[Any, int]) -> Any:
        """Returns the sum of values times constants, as an i64; plain 0 for none."""
        found: Any = None
        for value, factor in terms:
            if factor == 0 or (isinstance(value, int) and value == 0):
                continue
            number = I64(value) if isinstance(value, int) else value
            term = self.b.mul(number, I64(factor), flags=["nsw"]) if factor != 1 else number
            found = term if found is None else self.b.add(found, term, flags=["nsw"])
        return I64(0) if found is None else found

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Returns ``a * b + c``, rounded once."""
        if self.target.fma:
            return self.intrinsic("llvm.fma", a, b, c)
        return self.b.call(self._soft_fma(a.type), [a, b, c])

    def _soft_fma(self, kind: Any) -> Any:
        """A fused multiply-add without the instruction.

        The product of two floats is exact in a double. The sum is rounded to odd: where it is not
        exact, its last bit is made 1, and a second rounding to a float then goes where one rounding
        would have gone. Source: Boldo & Melquiond, Emulation of a FMA and correctly rounded sums:
        proved algorithms using rounding to odd, IEEE Trans. Computers 57 (2008).
        """
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        name = f"soft_fma{lanes}"
        found = self.module.globals.get(name)
        if found is not None:
            return found
        function = ir.Function(self.module, ir.FunctionType(kind, [kind] * 3), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        e = Emit(ir.IRBuilder(function.append_basic_block()), self.target)
        b, wide = e.b, e.like(F64, kind)
        x, y, z = (b.fpext(each, wide) for each in function.args)
        product = b.fmul(x, y)
        total = b.fadd(product, z)
        back = b.fsub(total, product)
        error = b.fadd(b.fsub(product, b.fsub(total, back)), b.fsub(z, back))  # Knuth's two-sum.
        bits = b.bitcast(total, e.like(I64, kind))
        zero = e.number(0, wide)
        even = b.icmp_signed("==", b.and_(bits, e.number(1, bits)), e.number(0, bits))
        inexact = b.and_(b.fcmp_ordered("!=", error, zero), even)
        away = b.xor(b.fcmp_ordered(">", error, zero), b.fcmp_ordered("<", total, zero))
        step = b.select(away, e.number(1, bits), e.number(-1, bits))
        odd = b.bitcast(b.add(bits, step), wide)
        b.ret(b.fptrunc(b.select(inexact, odd, total), kind))
        return function


def _bytes(kind: Any) -> int:
    return 4 if kind == F32 else 8 if kind == F64 else kind.width // 8
