"""Elementary functions of 32-bit floats, from operations that IEEE 754 defines to the bit."""

from __future__ import annotations

from typing import Any, Final

from latebra.compiling.glow import polynomials
from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import F32, I8, I32

_MAGIC: Final = 1.5 * 2.0**23
"""Adding and taking away this rounds a float to a whole number."""
_LN2_HIGH: Final = float.fromhex("0x1.62e400p-1")
"""The first 15 bits of ln 2: a whole number below 2^9 times this is exact."""
_LN2_LOW: Final = float.fromhex("0x1.7f7d1cp-20")
_LOG2_E: Final = 1.4426950408889634


def horner(e: Emit, x: Any, coefficients: tuple[float, ...]) -> Any:
    """Returns the polynomial at ``x``, highest power first, one fused step a power."""
    value = e.number(coefficients[-1], x)
    for each in reversed(coefficients[:-1]):
        value = e.fma(value, x, e.number(each, x))
    return value


def absolute(e: Emit, x: Any) -> Any:
    """Returns ``|x|``: the sign bit cleared."""
    return e.intrinsic("llvm.fabs", x)


def with_sign(e: Emit, size: Any, sign: Any) -> Any:
    """Returns ``size`` with the sign bit of ``sign``."""
    return e.intrinsic("llvm.copysign", size, sign)


def or_nan(e: Emit, x: Any, value: Any) -> Any:
    """Returns ``value``, or ``x`` where that is not a number."""
    return e.select(e.b.fcmp_unordered("uno", x, x), x, value)


def exp(e: Emit, x: Any) -> Any:
    """Returns ``e^x``: ``2^n (1 + r + r^2 p(r))`` with ``|r| <= ln(2) / 2``."""
    b = e.b
    low, high = e.number(-105.0, x), e.number(89.5, x)
    t = e.select(b.fcmp_ordered("<", x, low), low, x)
    t = e.select(b.fcmp_ordered(">", t, high), high, t)
    shifted = e.fma(t, e.number(_LOG2_E, x), e.number(_MAGIC, x))
    n = b.fsub(shifted, e.number(_MAGIC, x))
    r = e.fma(n, e.number(-_LN2_HIGH, x), t)
    r = e.fma(n, e.number(-_LN2_LOW, x), r)
    p = horner(e, r, polynomials.EXP)
    # r + r^2 p first: its rounding is small beside that of the last sum.
    p = b.fadd(e.fma(b.fmul(r, r), p, r), e.number(1.0, x))
    whole = b.sub(b.bitcast(shifted, e.like(I32, x)), e.number(0x4B400000, e.like(I32, x)))
    half = b.ashr(whole, e.number(1, whole))
    # In two steps, since 2^n alone may be too large or too small for a float.
    p = b.fmul(p, _power_of_two(e, half, x))
    return or_nan(e, x, b.fmul(p, _power_of_two(e, b.sub(whole, half), x)))


def log(e: Emit, x: Any) -> Any:
    """Returns the natural logarithm; minus infinity at 0, not a number below."""
    b = e.b
    ints = e.like(I32, x)
    tiny = b.fcmp_ordered("<", x, e.number(2.0**-126, x))
    scaled = e.select(tiny, b.fmul(x, e.number(2.0**23, x)), x)
    bits = b.bitcast(scaled, ints)
    # The exponent that brings the fraction between 1/sqrt(2) and sqrt(2).
    above = b.sub(bits, e.number(0x3F3504F3, ints))
    exponent = b.ashr(above, e.number(23, ints))
    fraction = b.sub(bits, b.shl(exponent, e.number(23, ints)))
    f = b.fsub(b.bitcast(fraction, x.type), e.number(1.0, x))
    n = b.sitofp(exponent, x.type)
    n = e.select(tiny, b.fsub(n, e.number(23.0, x)), n)
    square = b.fmul(f, f)
    p = b.fmul(b.fmul(square, f), horner(e, f, polynomials.LOG))
    p = e.fma(n, e.number(_LN2_LOW, x), p)
    p = e.fma(square, e.number(-0.5, x), p)
    value = e.fma(n, e.number(_LN2_HIGH, x), b.fadd(f, p))
    infinite = e.number(float("inf"), x)
    value = e.select(b.fcmp_ordered("==", x, infinite), x, value)
    zero = e.number(0.0, x)
    value = e.select(b.fcmp_ordered("==", x, zero), e.number(float("-inf"), x), value)
    return or_nan(e, x, e.select(b.fcmp_ordered("<", x, zero), e.number(float("nan"), x), value))


def sigmoid(e: Emit, x: Any) -> Any:
    """Returns ``1 / (1 + e^-x)``."""
    one = e.number(1.0, x)
    return e.b.fdiv(one, e.b.fadd(one, exp(e, e.b.fneg(x))))


def tanh(e: Emit, x: Any) -> Any:
    """Returns the hyperbolic tangent: odd and polynomial near 0, by ``e^2x`` beyond."""
    b = e.b
    size = absolute(e, x)
    square = b.fmul(x, x)
    near = e.fma(b.fmul(square, x), horner(e, square, polynomials.TANH), x)
    one = e.number(1.0, x)
    grown = exp(e, b.fadd(size, size))
    far = b.fsub(one, b.fdiv(e.number(2.0, x), b.fadd(grown, one)))
    small = b.fcmp_ordered("<", size, e.number(0.625, x))
    return or_nan(e, x, e.select(small, near, with_sign(e, far, x)))


def erf(e: Emit, x: Any) -> Any:
    """Returns the error function: odd and polynomial near 0, ``1 - e^-p(x)`` beyond."""
    b = e.b
    size = absolute(e, x)
    square = b.fmul(x, x)
    near = e.fma(horner(e, square, polynomials.ERF_SMALL), x, x)
    most = e.number(4.0, x)  # From 3.92 on, the nearest float is 1.
    t = e.select(b.fcmp_ordered("<", size, most), size, most)
    power = e.fma(horner(e, t, polynomials.ERF_LARGE), t, t)
    far = b.fsub(e.number(1.0, x), exp(e, b.fneg(power)))
    small = b.fcmp_ordered("<", size, e.number(0.927734375, x))
    return or_nan(e, x, e.select(small, near, with_sign(e, far, x)))


def to_byte(e: Emit, x: Any, steps: Any, zero: Any) -> Any:
    """Returns ``x * steps + zero`` as a byte, the nearest, at its ends where that is beyond.

    What is not a number becomes 0, as if it were below all others.
    """
    b = e.b
    low, high = b.fneg(zero), b.fsub(e.number(255.0, x), zero)
    t = b.fmul(x, steps)
    t = e.select(b.fcmp_ordered(">", t, low), t, low)
    t = e.select(b.fcmp_ordered("<", t, high), t, high)
    # The low byte of this float is the number that its addition rounded to.
    shifted = b.fadd(t, b.fadd(zero, e.number(_MAGIC, x)))
    return b.trunc(b.bitcast(shifted, e.like(I32, x)), e.like(I8, x))


def _power_of_two(e: Emit, n: Any, like: Any) -> Any:
    biased = e.b.add(n, e.number(127, n))
    return e.b.bitcast(e.b.shl(biased, e.number(23, n)), e.like(F32, like))
