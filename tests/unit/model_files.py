"""Small models in each format that a vault takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latebra.core import tensors
from latebra.core.tensors import Entry


def honest(kind: str, count: int, seed: int = 0) -> NDArray[np.unsignedinteger]:
    """Returns the bits of unit normals, rounded to ``kind``."""
    numbers = np.random.default_rng(seed).standard_normal(count)
    if kind == "F16":
        return numbers.astype("<f2").view("<u2")
    words = numbers.astype("<f4").view("<u4")
    return words if kind == "F32" else ((words + 0x8000) >> 16).astype("<u2")


def safetensors(arrays: Mapping[str, tuple[str, NDArray]]) -> bytes:
    """Returns a file with the bits of tensors of one axis, by name and type."""
    return tensors.written(
        {name: Entry(kind, words.shape, words.tobytes()) for name, (kind, words) in arrays.items()}
    )[0]


def small(path: Path, kind: str = "F32", count: int = 20_000, write=safetensors) -> Path:
    """Writes a model with two tensors of honest weights."""
    arrays = {"b.weight": (kind, honest(kind, count, 1)), "a.bias": (kind, honest(kind, 100, 2))}
    path.write_bytes(write(arrays))
    return path
