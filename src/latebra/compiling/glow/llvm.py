"""LLVM by way of llvmlite, whose modules carry no types."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import llvmlite.binding as _binding
import llvmlite.ir as _ir

binding: Final[Any] = _binding
ir: Final[Any] = _ir

I1: Final[Any] = ir.IntType(1)
I8: Final[Any] = ir.IntType(8)
I16: Final[Any] = ir.IntType(16)
I32: Final[Any] = ir.IntType(32)
I64: Final[Any] = ir.IntType(64)
F32: Final[Any] = ir.FloatType()
F64: Final[Any] = ir.DoubleType()
POINTER: Final[Any] = ir.PointerType()


@cache
def ready() -> None:
    """Sets LLVM up for this machine's own processor, once."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
