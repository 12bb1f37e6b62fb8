"""Elementary functions in 64-bit floats without a fused step: the same bits on every processor.

A result that is then rounded to 32 bits is off by half a unit in the last place and little more.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Final

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.functions import absolute, or_nan, with_sign
from latebra.compiling.glow.llvm import F64, I64

_MAGIC: Final = 1.5 * 2.0**52
_LN2_HIGH: Final = float.fromhex("0x1.62e42feep-1")
"""The first 32 bits of ln 2: a whole number below 2^21 times this is exact."""
_LN2_LOW: Final = float.fromhex("0x1.a39ef35793c76p-33")
_HALF_PI: Final = tuple(
    float.fromhex(each)
    for each in ("0x1.921fb5p+0", "0x1.110b46p-26", "0x1.1a6263p-54", "0x1.8a2e03707344ap-81")
)
"""pi / 2 in three parts of 25 bits and a rest: a whole number below 2^28 times each is exact."""
_FARTHEST: Final = 4e8
_EXP: Final = tuple(1.0 / factorial(i) for i in range(14))
_ATANH: Final = tuple(1.0 / (2 * i + 1) for i in range(11))
_SINE: Final = tuple((-1.0) ** i / factorial(2 * i + 1) for i in range(9))
_COSINE: Final = tuple((-1.0) ** i / factorial(2 * i) for i in range(9))


def horner(e: Emit, x: Any, coefficients: tuple[float, ...]) -> Any:
    """Returns the polynomial at ``x``, highest power first, two roundings a power."""
    value = e.number(coefficients[-1], x)
    for each in reversed(coefficients[:-1]):
        value = e.b.fadd(e.b.fmul(value, x), e.number(each, x))
    return value


def exp(e: Emit, x: Any) -> Any:
    """Returns ``e^x`` by its Taylor series after taking out a power of two."""
    b = e.b
    low, high = e.number(-746.0, x), e.number(710.0, x)
    t = e.select(b.fcmp_ordered("<", x, low), low, x)
    t = e.select(b.fcmp_ordered(">", t, high), high, t)
    shifted = b.fadd(b.fmul(t, e.number(1.4426950408889634, x)), e.number(_MAGIC, x))
    n = b.fsub(shifted, e.number(_MAGIC, x))
    r = b.fsub(b.fsub(t, b.fmul(n, e.number(_LN2_HIGH, x))), b.fmul(n, e.number(_LN2_LOW, x)))
    whole = b.sub(b.bitcast(shifted, e.like(I64, x)), e.number(0x4338000000000000, e.like(I64, x)))
    half = b.ashr(whole, e.number(1, whole))
    p = b.fmul(horner(e, r, _EXP), _power_of_two(e, half, x))
    return or_nan(e, x, b.fmul(p, _power_of_two(e, b.sub(whole, half), x)))


def log(e: Emit, x: Any) -> Any:
    """Returns the natural logarithm by the series of ``2 atanh((m - 1) / (m + 1))``."""
    b = e.b
    ints = e.like(I64, x)
    tiny = b.fcmp_ordered("<", x, e.number(2.0**-1022, x))
    bits = b.bitcast(e.select(tiny, b.fmul(x, e.number(2.0**52, x)), x), ints)
    exponent = b.ashr(b.sub(bits, e.number(0x3FE6A09E667F3BCD, ints)), e.number(52, ints))
    m = b.bitcast(b.sub(bits, b.shl(exponent, e.number(52, ints))), x.type)
    n = b.sitofp(exponent, x.type)
    n = e.select(tiny, b.fsub(n, e.number(52.0, x)), n)
    one = e.number(1.0, x)
    s = b.fdiv(b.fsub(m, one), b.fadd(m, one))
    p = b.fmul(b.fmul(s, e.number(2.0, x)), horner(e, b.fmul(s, s), _ATANH))
    value = b.fadd(b.fmul(n, e.number(_LN2_HIGH, x)), b.fadd(p, b.fmul(n, e.number(_LN2_LOW, x))))
    infinite, zero = e.number(float("inf"), x), e.number(0.0, x)
    value = e.select(b.fcmp_ordered("==", x, infinite), x, value)
    value = e.select(b.fcmp_ordered("==", x, zero), e.number(float("-inf"), x), value)
    return or_nan(e, x, e.select(b.fcmp_ordered("<", x, zero), e.number(float("nan"), x), value))


def power(e: Emit, x: Any, y: Any) -> Any:
    """Returns ``x^y``, as IEEE 754's ``pow`` has its special cases."""
    b = e.b
    one, zero = e.number(1.0, x), e.number(0.0, x)
    size = exp(e, b.fmul(y, log(e, absolute(e, x))))
    whole = b.fcmp_ordered("==", _truncated(e, y), y)
    half = b.fmul(y, e.number(0.5, y))
    odd = b.and_(whole, b.fcmp_ordered("!=", _truncated(e, half), half))
    signed = e.select(odd, with_sign(e, size, x), size)
    bad = b.and_(b.fcmp_ordered("<", x, zero), b.not_(whole))
    value = e.select(bad, e.number(float("nan"), x), signed)
    sure = b.or_(b.fcmp_ordered("==", y, zero), b.fcmp_ordered("==", x, one))
    return e.select(sure, one, value)


def sine(e: Emit, x: Any) -> Any:
    """Returns the sine; not a number for ``|x|`` beyond 4e8."""
    return _turned(e, x, 0)


def cosine(e: Emit, x: Any) -> Any:
    """Returns the cosine; not a number for ``|x|`` beyond 4e8."""
    return _turned(e, x, 1)


def tangent(e: Emit, x: Any) -> Any:
    """Returns the tangent; not a number for ``|x|`` beyond 4e8."""
    return e.b.fdiv(sine(e, x), cosine(e, x))


def arctangent(e: Emit, x: Any) -> Any:
    """Returns the arctangent: the argument is halved twice, then its series."""
    b = e.b
    one = e.number(1.0, x)
    size = absolute(e, x)
    large = b.fcmp_ordered(">", size, one)
    t = e.select(large, b.fdiv(one, size), size)
    for _ in range(2):  # arctan(t) = 2 arctan(t / (1 + sqrt(1 + t^2))): |t| ends below 0.2.
        root = e.intrinsic("llvm.sqrt", b.fadd(b.fmul(t, t), one))
        t = b.fdiv(t, b.fadd(one, root))
    series = tuple((-1.0) ** i / (2 * i + 1) for i in range(12))
    value = b.fmul(b.fmul(t, horner(e, b.fmul(t, t), series)), e.number(4.0, x))
    value = e.select(large, b.fsub(e.number(1.5707963267948966, x), value), value)
    return or_nan(e, x, with_sign(e, value, x))


def sigmoid(e: Emit, x: Any) -> Any:
    """Returns ``1 / (1 + e^-x)``."""
    one = e.number(1.0, x)
    return e.b.fdiv(one, e.b.fadd(one, exp(e, e.b.fneg(x))))


def tanh(e: Emit, x: Any) -> Any:
    """Returns the hyperbolic tangent."""
    b = e.b
    one = e.number(1.0, x)
    size = absolute(e, x)
    far = b.fsub(one, b.fdiv(e.number(2.0, x), b.fadd(exp(e, b.fadd(size, size)), one)))
    # Below 0.02 the subtraction would lose digits; the series has lost none yet.
    square = b.fmul(x, x)
    series = (1.0, -1.0 / 3, 2.0 / 15, -17.0 / 315, 62.0 / 2835)
    near = b.fmul(size, horner(e, square, series))
    value = e.select(b.fcmp_ordered("<", size, e.number(0.02, x)), near, far)
    return or_nan(e, x, with_sign(e, value, x))


def _turned(e: Emit, x: Any, quarter: int) -> Any:
    b = e.b
    ints = e.like(I64, x)
    shifted = b.fadd(b.fmul(x, e.number(0.6366197723675814, x)), e.number(_MAGIC, x))
    n = b.fsub(shifted, e.number(_MAGIC, x))
    r = x
    for part in _HALF_PI:
        r = b.fsub(r, b.fmul(n, e.number(part, x)))
    turns = b.add(b.bitcast(shifted, ints), e.number(quarter, ints))
    square = b.fmul(r, r)
    odd = b.icmp_signed("!=", b.and_(turns, e.number(1, ints)), e.number(0, ints))
    sines = b.fmul(r, horner(e, square, _SINE))
    value = e.select(odd, horner(e, square, _COSINE), sines)
    back = b.icmp_signed("!=", b.and_(turns, e.number(2, ints)), e.number(0, ints))
    value = e.select(back, b.fneg(value), value)
    # Beyond, the parts of pi / 2 would no longer be exact: no answer is better than a wrong one.
    far = b.fcmp_unordered(">", absolute(e, x), e.number(_FARTHEST, x))
    return e.select(far, e.number(float("nan"), x), value)


def _truncated(e: Emit, x: Any) -> Any:
    """``x`` without its fraction; from 2^52 on there is none."""
    whole = e.b.sitofp(e.b.fptosi(x, e.like(I64, x)), x.type)
    return e.select(e.b.fcmp_ordered("<", absolute(e, x), e.number(2.0**52, x)), whole, x)


def _power_of_two(e: Emit, n: Any, like: Any) -> Any:
    biased = e.b.add(n, e.number(1023, n))
    return e.b.bitcast(e.b.shl(biased, e.number(52, n)), e.like(F64, like))
