"""What a picture shows, roughly: its light at low frequencies. Nothing here was trained.

The picture is brought to 32 by 32 levels of light; its cosine transform's lowest 16 by 16 terms,
without the mean, are the embedding (perceptual hashing's usual features: Zauner, "Implementation
and benchmarking of perceptual image hash functions", 2010). They outlive JPEG, other sizes, more or
less light; they do not outlive cropping, turning or flipping.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import override

from latebra.core.errors import InputError
from latebra.core.network import Arrays
from latebra.models.embedders.contract import Embedder
from latebra.models.exact.graph import Draft, Graph, Tensor

SIDE: Final = 32
TERMS: Final = 16
_LIGHT: Final = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue, as JPEG weighs them (ITU-R BT.601)."""
_FLAT: Final = 1e-3
"""Standard deviation of light below which a picture shows nothing: a quarter of a grey level."""


class Picture(Embedder):
    """What a picture shows. A sample is an array of its pixels."""

    kind: ClassVar[str] = "picture"

    @override
    def inputs(self, sample: UInt8[np.ndarray, "height width 3"]) -> list[Arrays]:
        light = (sample.astype(np.float64) @ _LIGHT / 255).astype(np.float32)
        small = Image.fromarray(light).resize((SIDE, SIDE), Image.Resampling.BOX)
        levels = np.asarray(small, np.float32)
        if float(levels.std()) < _FLAT:
            raise InputError("the picture is of one colour", fix="give one that shows something")
        return [{"light": levels[None]}]

    @override
    def pooled(
        self, outputs: Sequence[Arrays], sample: UInt8[np.ndarray, "height width 3"]
    ) -> NDArray[np.float32]:
        return np.asarray(outputs[0]["embedding"][0], np.float32)


def graph() -> Graph:
    """Returns the network: ``light`` [1, 32, 32] to ``embedding`` [1, 255]."""
    draft = Draft()
    given = Tensor("light", (1, SIDE, SIDE))
    cosines = _cosines()
    left, right = draft.constant(cosines), draft.constant(np.ascontiguousarray(cosines.T))
    rows = draft.do("MatMul", left, given.name, shape=(1, TERMS, SIDE))
    both = draft.do("MatMul", rows.name, right, shape=(1, TERMS, TERMS))
    flat = draft.reshape(both, 1, TERMS * TERMS)
    others = draft.constant(np.arange(1, TERMS * TERMS))
    shape = (1, TERMS * TERMS - 1)
    found = draft.do("Gather", flat.name, others, shape=shape, name="embedding", axis=1)
    return draft.done((given,), (found,))


def _cosines() -> Float32[np.ndarray, "16 32"]:
    """Returns the first rows of the orthonormal DCT-II."""
    angle = np.pi / SIDE * (np.arange(SIDE) + 0.5) * np.arange(TERMS)[:, None]
    matrix = np.sqrt(2 / SIDE) * np.cos(angle)
    matrix[0] = np.sqrt(1 / SIDE)
    return matrix.astype(np.float32)
