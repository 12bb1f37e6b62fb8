"""A perceptual hash of eight bytes, for where there is no room for more: in the mark itself.

Its bits are the signs of a cosine transform's lowest terms (Zauner, "Implementation and
benchmarking of perceptual image hash functions", 2010). It knows a picture that was turned or
mirrored, not one that was cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from latebra.hiding.marks.finding import ORIENTATIONS, turned
from latebra.hiding.marks.lattice import luma

SIZE: Final = 8
BITS: Final = 8 * SIZE - 1
NEAR: Final = 10
"""Bits by which hashes of one picture differ at most; measured by ``benchmarks/provenance.py``."""
_SIDE: Final = 32
_TERMS: Final = 8

Picture = UInt8[np.ndarray, "height width 3"]
Light = Float32[np.ndarray, "height width"]


def short_hash(picture: Picture) -> bytes:
    """Returns eight bytes of what a picture looks like; the last bit is 0."""
    terms = _terms(luma(picture.astype(np.float32)))
    return np.packbits(np.append(terms > 0, np.False_)).tobytes()


def short_distance(short: bytes, picture: Picture) -> int:
    """Returns how many bits of a short hash a picture has otherwise, the best way up."""
    light = luma(picture.astype(np.float32))
    told = np.unpackbits(np.frombuffer(short, np.uint8))[:BITS]
    found = (_terms(turned(light, each)) > 0 for each in range(ORIENTATIONS))
    return min(int(np.sum(told != each)) for each in found)


def _terms(light: Light) -> Float32[np.ndarray, " terms"]:
    """Returns the lowest terms of a picture's cosine transform, the mean left out."""
    small = np.asarray(
        Image.fromarray(light).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float32
    )
    angles = np.pi / _SIDE * np.outer(np.arange(_TERMS), np.arange(_SIDE) + 0.5)
    cosines = np.cos(angles).astype(np.float32)
    return (cosines @ small @ cosines.T).ravel()[1:]
