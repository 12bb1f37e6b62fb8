"""16-bit floats: to 32 bits and back in whole numbers, so that processors without them agree.

Both are van der Zijp's and Giesen's (F. Giesen, half_to_float_fast5 and float_to_half_fast3_rtne,
https://gist.github.com/rygorous/2156668): exact one way, to the nearest even the other.
"""

from __future__ import annotations

from typing import Any, Final

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import F32, I32, ir

I16: Final[Any] = ir.IntType(16)
_SCALE: Final = 2.0**112
"""Between the smallest exponents of the two formats."""
_BEYOND: Final = 0x47800000
"""The bits of 65536: from here on, 16 bits hold infinity and what is not a number."""
_INFINITY: Final = 0x7F800000
_SMALL: Final = 113 << 23
"""The bits of 2^-14, below which 16 bits hold no leading one."""
_ALIGN: Final = 0x3F000000
"""The bits of 0.5: adding it moves the last of ten bits to the end of the 32-bit fraction."""


def widened(e: Emit, value: Any) -> Any:
    """Returns the 32-bit floats that 16 bits stand for; bits come as whole numbers."""
    b = e.b
    bits = b.zext(value, e.like(I32, value))
    size = b.shl(b.and_(bits, e.number(0x7FFF, bits)), e.number(13, bits))
    single = b.fmul(b.bitcast(size, e.like(F32, bits)), e.number(_SCALE, e.like(F32, bits)))
    found = b.bitcast(single, bits.type)
    special = b.icmp_unsigned(">=", found, e.number(_BEYOND, bits))
    found = e.select(special, b.or_(found, e.number(_INFINITY, bits)), found)
    sign = b.shl(b.and_(bits, e.number(0x8000, bits)), e.number(16, bits))
    return b.bitcast(b.or_(found, sign), e.like(F32, bits))


def narrowed(e: Emit, value: Any) -> Any:
    """Returns the bits of the nearest 16-bit floats, as whole numbers; ties go to the even one."""
    b = e.b
    bits = b.bitcast(value, e.like(I32, value))
    sign = b.and_(bits, e.number(0x80000000, bits))
    size = b.xor(bits, sign)
    nan = b.icmp_unsigned(">", size, e.number(_INFINITY, bits))
    beyond = e.select(nan, e.number(0x7E00, bits), e.number(0x7C00, bits))
    moved = b.fadd(b.bitcast(size, value.type), b.bitcast(e.number(_ALIGN, bits), value.type))
    small = b.sub(b.bitcast(moved, bits.type), e.number(_ALIGN, bits))
    odd = b.and_(b.lshr(size, e.number(13, bits)), e.number(1, bits))
    shift = ((15 - 127) << 23) + 0xFFF
    usual = b.lshr(b.add(b.add(size, e.number(shift & 0xFFFFFFFF, bits)), odd), e.number(13, bits))
    found = e.select(b.icmp_unsigned("<", size, e.number(_SMALL, bits)), small, usual)
    found = e.select(b.icmp_unsigned(">=", size, e.number(_BEYOND, bits)), beyond, found)
    found = b.or_(found, b.lshr(sign, e.number(16, bits)))
    return b.trunc(found, e.like(I16, bits))
