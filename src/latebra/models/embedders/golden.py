"""What embedders are tried on when they are opened: the same numbers everywhere."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float64

from latebra.core.network import Arrays
from latebra.models.embedders import picture, sound, text, voice

_TOKENS: Final = 40
_FIRST_WORD: Final = 1_000
"""Tokens of the vocabulary below it are signs and single letters."""


def inputs(kind: str) -> Arrays:
    """Returns inputs of an embedder's network."""
    if kind == "voice":
        shape = (voice.BATCH, voice.WINDOW, sound.BANDS)
        return {"frames": (10 ** (2 * _waves(shape) - 3)).astype(np.float32)}
    if kind == "picture":
        return {"light": _waves((1, picture.SIDE, picture.SIDE)).astype(np.float32)}
    tokens = np.zeros((1, text.WINDOW), np.int64)
    words = np.arange(1, _TOKENS + 1) * 7919 % 20_000 + _FIRST_WORD
    tokens[0, : _TOKENS + 2] = [text.BEGIN, *words, text.END]
    return {"tokens": tokens, "mask": (tokens > 0).astype(np.float32)}


def _waves(shape: tuple[int, ...]) -> Float64[np.ndarray, ...]:
    """Returns numbers from 0 to 1 that look like nothing in particular."""
    numbers = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    return np.sin(0.1 * numbers + 1e-4 * numbers**2) ** 2
