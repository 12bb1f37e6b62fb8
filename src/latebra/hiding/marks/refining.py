"""Refinement: change what was painted until it is read after every edit that is promised.

Steps go down the gradient that a network gives, of a loss over edits of the picture at hand
(expectation over transformations: Athalye et al. 2018, arXiv:1707.07397; optimising the picture
against a fixed decoder: Kishore et al. 2022, FNNS). Edits are the real ones, and their gradient is
taken to be the identity.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from latebra.hiding.marks import scale
from latebra.hiding.marks.scale import Grid, Large, Levels, Plane

STEPS: Final = 40
MARGIN: Final = 3.0
"""Log-likelihood ratio that a bit is pushed to."""
LOUDEST: Final = 2.0
"""Most that a residual may have, root mean square in grey levels: 42 dB."""
STRIDE: Final = 0.12
"""Root mean square of one step in grey levels."""
ENOUGH: Final = 350.0
"""Bits of information in all soft bits of a tile: the frame's 192 and its check take 203 of the
code's share, five sixths, and a short code needs some four tenths more than a perfect one."""

TRIAL: Final = 6
HOPELESS: Final = 60.0
"""Bits of information under which an edit is given up after ``TRIAL`` steps: white made whiter
holds nothing."""
WORTH: Final = 2.0
"""Bits of information that are worth more change."""
PATIENCE: Final = 4
"""Steps without any."""

Picture = UInt8[np.ndarray, "height width 3"]
Edited = UInt8[np.ndarray, "_ _ 3"]
Edit = Callable[[Picture], Edited]
Gradient = Callable[[Levels], tuple[Plane, Float32[np.ndarray, "3 rows columns"]]]
"""From a small picture to the loss's gradient, and to its soft bits."""


def _jpeg(quality: int) -> Edit:
    def edit(picture: Picture) -> Edited:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        return np.asarray(Image.open(file).convert("RGB"))

    return edit


def _half(picture: Picture) -> Edited:
    height, width = picture.shape[:2]
    image = Image.fromarray(picture).resize((width // 2, height // 2), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _tone(exponent: float) -> Edit:
    curve = np.rint(255.0 * (np.arange(256) / 255.0) ** exponent).astype(np.uint8)
    return lambda picture: curve[picture]


def _brighter(levels: int) -> Edit:
    curve = np.clip(np.arange(256) + levels, 0, 255).astype(np.uint8)
    return lambda picture: curve[picture]


UNCHANGED: Final[Mapping[str, Edit]] = {"nothing": lambda picture: picture}
USUAL: Final[Mapping[str, Edit]] = {
    **UNCHANGED,
    "jpeg75": _jpeg(75),
    "half": _half,
    "darker": _tone(1.1),
    "lighter": _tone(0.9),
    "plus 8": _brighter(8),
    "minus 8": _brighter(-8),
}
"""What every mark is made sure against, unless nothing will be lost."""
HARD: Final[Mapping[str, Edit]] = {**USUAL, "jpeg50": _jpeg(50)}
"""The same, and hard JPEG, which takes more paint."""


@dataclass(frozen=True)
class Refined:
    """What refinement came to.

    Args:
        residual: What to add to the small picture.
        steps: How many steps it took.
        held: The information that each edit left, in bits.
    """

    residual: Plane
    steps: int
    held: Mapping[str, float]


def refine(
    picture: Picture,
    residual: Plane,
    gradient: Gradient,
    information: Callable[[Float32[np.ndarray, "3 rows columns"]], float],
    edits: Mapping[str, Edit],
) -> Refined:
    """Returns a residual that is read after all edits, or the best that few steps give.

    Args:
        picture: The photograph, with two pixels for each small one.
        residual: What was painted.
        gradient: What a network says of a small picture.
        information: From soft bits to the information that their copies hold together.
        edits: Which to be sure against.
    """
    height, width = residual.shape
    grid = Grid(height, width, (picture.shape[0] / height, picture.shape[1] / width))
    wanted, best, best_total = dict(edits), Refined(residual, 0, {}), -np.inf
    for step in range(STEPS + 1):
        stego = added(picture, scale.large(residual, grid, picture.shape))
        slopes = np.zeros_like(residual)
        held: dict[str, float] = {}
        for name, edit in wanted.items():
            received = edit(stego)
            pitch = (received.shape[0] / height, received.shape[1] / width)
            slope, soft = gradient(scale.small(received, Grid(height, width, pitch)))
            held[name] = information(soft)
            if held[name] < ENOUGH:
                slopes += slope
        if step == TRIAL:
            wanted = {name: edit for name, edit in edits.items() if held[name] > HOPELESS}
        total = sum(min(max(bits, HOPELESS), ENOUGH) for bits in held.values())
        if total > best_total + WORTH:
            best, best_total = Refined(residual, step, held), total
        size = float(np.sqrt(np.mean(slopes**2)))
        if size == 0.0 or step - best.steps >= PATIENCE:
            break
        residual = residual - np.float32(STRIDE / size) * slopes
        loudness = float(np.sqrt(np.mean(residual**2)))
        residual = residual * np.float32(min(1.0, LOUDEST / max(loudness, 1e-9)))
    return best


def added(picture: np.ndarray, plane: Large) -> np.ndarray:
    """Returns a photograph with a residual in grey levels added to all its colours."""
    top = np.iinfo(picture.dtype).max
    change = plane * np.float32(top / 255)
    out = picture.copy()
    colours = 1 if picture.ndim == 2 else min(3, picture.shape[2])
    for colour in range(colours):
        view = out if picture.ndim == 2 else out[:, :, colour]
        view[:] = np.clip(np.rint(view + change), 0, top).astype(picture.dtype)
    return out
