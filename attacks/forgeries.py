"""Forgeries of signed pictures: a mark copied to another photograph, and hashes made to agree.

Everything here uses what everybody has: the carrier's networks and the hash, and no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from latebra.hiding.marks import refining, scale, tiles
from latebra.hiding.marks.lattice import luma
from latebra.hiding.provenance.picture_hash import PictureHash, cells_of

Picture = UInt8[np.ndarray, "height width 3"]
STRENGTHS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 20.0)
"""Grey levels by which a disguise parts neighbours that should differ; the weakest that works."""
ROUNDS = 60


def bits_of(carrier: Any, marked: Sequence[Picture]) -> Float32[np.ndarray, "3 16 16"]:
    """Returns the bits that marked pictures carry, 1 and -1, read without a key.

    Args:
        carrier: The autoencoder carrier, with its networks.
        marked: Pictures with the same bits, whose soft bits are added up.
    """
    soft = np.zeros((3, 16, 16), np.float32)
    for picture in marked:
        levels = scale.small(picture, scale.usual(picture.shape))
        for top, left in tiles.corners(levels.shape):
            tile = tiles.levels_of(levels, top, left)
            soft += carrier.networks["extractor"].run({"picture": tile})["soft"][0]
    return np.where(soft > 0, 1.0, -1.0).astype(np.float32)


def painted(carrier: Any, bits: Float32[np.ndarray, "3 16 16"], cover: Picture) -> Picture:
    """Returns a photograph with these bits in it, painted and refined as the carrier does it."""
    return carrier.paint(cover, bits, "jpeg75")


def pasted(picture: Picture, other: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Returns a picture with a square of another in it, at a place drawn by chance.

    Args:
        picture: What it is pasted in.
        other: What is pasted, from the same place.
        share: The square's side, as a share of the picture's short side.
        rng: Draws the place.
    """
    length = round(share * min(picture.shape[:2]))
    top, left = (int(rng.integers(0, side - length + 1)) for side in picture.shape[:2])
    out = picture.copy()
    out[top : top + length, left : left + length] = other[top : top + length, left : left + length]
    return out


def disguised(hashed: PictureHash, picture: Picture) -> Picture | None:
    """Returns a picture changed as little as it takes to be taken for the one that was hashed.

    The light of cells is moved until neighbours differ as the hash says (alternating projections
    onto its inequalities: Agmon 1954); the change is spread smoothly over their pixels. None where
    no strength is enough.
    """
    told = hashed.pairs()
    for strength in STRENGTHS:
        change = np.zeros(picture.shape[:2], np.float32)
        for _ in range(ROUNDS):
            made = refining.added(picture, change)
            cells = cells_of(luma(made.astype(np.float32)), hashed.rows, hashed.columns)
            change = change + _step(cells, told, strength, picture.shape)
        made = refining.added(picture, change)
        if hashed.compare(made).alike:
            return made
    return None


def _step(cells: np.ndarray, told: Any, strength: float, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a change that parts neighbours which do not differ as told, a little."""
    moved = np.zeros_like(cells)
    for sign, axis in zip(told, (1, 0), strict=True):
        missing = sign * np.maximum(0.0, strength - sign * np.diff(cells, axis=axis)) / 4
        before, after = (np.moveaxis(moved, axis, 0)[part] for part in (slice(-1), slice(1, None)))
        step = np.moveaxis(missing, axis, 0)
        before -= step
        after += step
    image = Image.fromarray(moved.astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), np.float32)
