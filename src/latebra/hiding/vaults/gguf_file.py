"""Tensors of a GGUF file that are stored as floats and not as blocks."""

from __future__ import annotations

from math import prod
from typing import Final

from latebra.core import gguf
from latebra.hiding.vaults.places import BF16, F16, F32, Place

MAGIC: Final = gguf.MAGIC
_TYPES: Final = {0: F32, 1: F16, 30: BF16}


def places(file: memoryview) -> list[Place]:
    """Returns where the float tensors lie.

    Raises:
        ValueError: The file is damaged, or of another version.
    """
    return [
        Place(name, _TYPES[each.kind], each.start, prod(each.shape))
        for name, each in gguf.read(file).tensors.items()
        if each.kind in _TYPES
    ]
