"""Float tensors of a safetensors file."""

from __future__ import annotations

from math import prod

from latebra.core import tensors
from latebra.hiding.vaults.places import KINDS, Place


def places(file: memoryview) -> list[Place]:
    """Returns where the float tensors lie.

    Raises:
        ValueError: The file breaks a rule of the format; the text says which.
    """
    return [
        Place(name, KINDS[entry.kind], entry.start, prod(entry.shape))
        for name, entry in tensors.read(file).items()
        if entry.kind in KINDS
    ]
