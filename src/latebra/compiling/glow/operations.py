"""What can be computed at a point: each operation of an expression, in LLVM's instructions."""

# The tables below are of short functions whose arguments have no room for types.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from latebra.compiling.glow import functions, halves, wide
from latebra.compiling.glow.emit import MEMORY, Emit
from latebra.compiling.glow.llvm import F64, I1, ir

Step = Callable[..., Any]


def apply(e: Emit, name: str, kinds: tuple[str, ...], result: str, args: list[Any]) -> Any:
    """Returns one operation on values.

    Args:
        e: Where to write it.
        name: A key of this file's tables, or ``cast``.
        kinds: The arguments' types, as numpy spells them.
        result: The result's type.
        args: The arguments: numbers or vectors; booleans as single bits.

    Raises:
        NotImplementedError: There is no such operation on such types.
    """
    kind = kinds[0]
    if name == "cast":
        return _cast(e, kind, result, args[0])
    if name == "where":
        return e.select(*args)
    if name in _FLOATS and kind in ("float32", "float64"):
        return _FLOATS[name](e, *args)
    if name in _SINGLE and kind == "float32":
        return _SINGLE[name](e, *args)
    if name in _WIDE and kind in ("float32", "float64"):
        if kind == "float64":
            return _WIDE[name](e, *args)
        value = _WIDE[name](e, *(e.b.fpext(each, e.like(F64, each)) for each in args))
        return e.b.fptrunc(value, args[0].type)
    if name in _COMPARED:
        return _compare(e, name, kind, *args)
    if kind == "bool" and name in _BOOLS:
        return _BOOLS[name](e, *args)
    if kind[0] in "ui" and name in _WHOLE:
        return _WHOLE[name](e, kind[0] == "u", *args)
    raise NotImplementedError(f"{name} of {kind}")


_COMPARED: Final = {"less": "<", "greater": ">", "equal": "=="}


def _compare(e: Emit, name: str, kind: str, a: Any, b: Any) -> Any:
    sign = _COMPARED[name]
    if kind in ("float32", "float64"):
        return e.b.fcmp_ordered(sign, a, b)
    if kind[0] == "u" or kind == "bool":
        return e.b.icmp_unsigned(sign, a, b)
    return e.b.icmp_signed(sign, a, b)


def _cast(e: Emit, kind: str, result: str, value: Any) -> Any:
    """Converts as numpy does; floats beyond a whole number's range go to its ends."""
    if kind == result:
        return value
    if kind == "float16":
        return _cast(e, "float32", result, halves.widened(e, value))
    if result == "float16":
        return halves.narrowed(e, _cast(e, kind, "float32", value))
    b = e.b
    floats = ("float32", "float64")
    target = e.like(I1 if result == "bool" else MEMORY[result], value)
    if result == "bool":
        zero = e.number(0, value)
        if kind in floats:
            return b.fcmp_unordered("!=", value, zero)
        return b.icmp_signed("!=", value, zero)
    if kind in floats and result in floats:
        return (b.fpext if result == "float64" else b.fptrunc)(value, target)
    if kind in floats:
        lanes = getattr(value.type, "count", 0)
        short = "f32" if kind == "float32" else "f64"
        width = np.dtype(result).itemsize * 8
        source, into = (f"v{lanes}{short}", f"v{lanes}i{width}") if lanes else (short, f"i{width}")
        how = "fptoui" if result[0] == "u" else "fptosi"
        signature = ir.FunctionType(target, [value.type])
        return b.call(e.declared(f"llvm.{how}.sat.{into}.{source}", signature), [value])
    if result in floats:
        unsigned = kind == "bool" or kind[0] == "u"
        return (b.uitofp if unsigned else b.sitofp)(value, target)
    old = 1 if kind == "bool" else np.dtype(kind).itemsize * 8
    new = np.dtype(result).itemsize * 8
    if new == old:
        return value
    if new < old:
        return b.trunc(value, target)
    return (b.zext if kind == "bool" or kind[0] == "u" else b.sext)(value, target)


def _least(e: Emit, a: Any, b: Any) -> Any:
    lower = e.select(e.b.fcmp_ordered("<", a, b), a, b)
    return functions.or_nan(e, a, lower)


def _most(e: Emit, a: Any, b: Any) -> Any:
    upper = e.select(e.b.fcmp_ordered(">", a, b), a, b)
    return functions.or_nan(e, a, upper)


def _whole_part(name: str, magic: Step) -> Step:
    """Rounds by instruction where there is one; results are exact either way."""

    def step(e: Emit, x: Any) -> Any:
        if e.target.rounds:
            return e.intrinsic(name, x)
        limit = e.number(2.0**23 if "float" in str(x.type) else 2.0**52, x)
        size = functions.absolute(e, x)
        value = functions.with_sign(e, magic(e, x, size, limit), x)
        return e.select(e.b.fcmp_ordered("<", size, limit), value, x)

    return step


def _nearest(e: Emit, _x: Any, size: Any, limit: Any) -> Any:
    return e.b.fsub(e.b.fadd(size, limit), limit)


def _down(e: Emit, x: Any, size: Any, limit: Any) -> Any:
    near = functions.with_sign(e, _nearest(e, x, size, limit), x)
    one, zero = e.number(1.0, x), e.number(0.0, x)
    return e.b.fsub(near, e.select(e.b.fcmp_ordered(">", near, x), one, zero))


def _shift_left(e: Emit, _: bool, a: Any, b: Any) -> Any:
    """Moves bits up; by the width or more, and by less than nothing, all are gone."""
    beyond, within = _shift(e, a, b)
    return e.select(beyond, e.number(0, a), e.b.shl(a, within))


def _shift_right(e: Emit, unsigned: bool, a: Any, b: Any) -> Any:
    """Moves bits down; the sign moves in, however far."""
    beyond, within = _shift(e, a, b)
    if unsigned:
        return e.select(beyond, e.number(0, a), e.b.lshr(a, within))
    return e.b.ashr(a, e.select(beyond, e.number(_width(a) - 1, a), within))


def _shift(e: Emit, a: Any, b: Any) -> tuple[Any, Any]:
    """Returns where a shift is beyond the width, and shifts that are not."""
    beyond = e.b.icmp_unsigned(">=", b, e.number(_width(a), b))
    return beyond, e.b.and_(b, e.number(_width(a) - 1, b))


def _width(value: Any) -> int:
    width: int = getattr(value.type, "element", value.type).width
    return width


def _whole_size(e: Emit, unsigned: bool, x: Any) -> Any:
    return x if unsigned else e.select(e.b.icmp_signed("<", x, e.number(0, x)), e.b.neg(x), x)


_FLOATS: Final[dict[str, Step]] = {
    "add": lambda e, a, b: e.b.fadd(a, b),
    "sub": lambda e, a, b: e.b.fsub(a, b),
    "mul": lambda e, a, b: e.b.fmul(a, b),
    "div": lambda e, a, b: e.b.fdiv(a, b),
    "min": _least,
    "max": _most,
    "neg": lambda e, x: e.b.fneg(x),
    "abs": functions.absolute,
    "sqrt": lambda e, x: e.intrinsic("llvm.sqrt", x),
    "floor": _whole_part("llvm.floor", _down),
    "round": _whole_part("llvm.roundeven", _nearest),
    "remainder": lambda e, a, b: e.b.frem(a, b),
    "isnan": lambda e, x: e.b.fcmp_unordered("uno", x, x),
}
_SINGLE: Final[dict[str, Step]] = {
    "exp": functions.exp,
    "log": functions.log,
    "sigmoid": functions.sigmoid,
    "tanh": functions.tanh,
    "erf": functions.erf,
    "to_byte": functions.to_byte,
}
_WIDE: Final[dict[str, Step]] = {
    "exp": wide.exp,
    "log": wide.log,
    "pow": wide.power,
    "sin": wide.sine,
    "cos": wide.cosine,
    "tan": wide.tangent,
    "atan": wide.arctangent,
    "sigmoid": wide.sigmoid,
    "tanh": wide.tanh,
}
_BOOLS: Final[dict[str, Step]] = {
    "and": lambda e, a, b: e.b.and_(a, b),
    "or": lambda e, a, b: e.b.or_(a, b),
    "xor": lambda e, a, b: e.b.xor(a, b),
    "max": lambda e, a, b: e.b.or_(a, b),
    "min": lambda e, a, b: e.b.and_(a, b),
}
_WHOLE: Final[dict[str, Step]] = {
    "add": lambda e, _, a, b: e.b.add(a, b),
    "sub": lambda e, _, a, b: e.b.sub(a, b),
    "mul": lambda e, _, a, b: e.b.mul(a, b),
    "div": lambda e, u, a, b: (e.b.udiv if u else e.b.sdiv)(a, b),
    "remainder": lambda e, u, a, b: (e.b.urem if u else e.b.srem)(a, b),
    "min": lambda e, u, a, b: e.select(
        (e.b.icmp_unsigned if u else e.b.icmp_signed)("<", a, b), a, b
    ),
    "max": lambda e, u, a, b: e.select(
        (e.b.icmp_unsigned if u else e.b.icmp_signed)(">", a, b), a, b
    ),
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "abs": _whole_size,
    "and": lambda e, _, a, b: e.b.and_(a, b),
    "or": lambda e, _, a, b: e.b.or_(a, b),
    "xor": lambda e, _, a, b: e.b.xor(a, b),
}
