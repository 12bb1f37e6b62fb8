"""What somebody does who has many marked pictures, and what their marks have in common is lost.

Averaging is the classic attack on a mark that repeats (Cox et al. 2008, Digital Watermarking and
Steganography, section 9.3): copies of one picture with different marks, or what is left of many
pictures without what they show.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from PIL import Image, ImageFilter

from attacks.edits import Picture

COPIES = (2, 5)
"""How many copies of one photograph, each with a mark of its own, are averaged."""

Left = Float64[np.ndarray, "height width 3"]


def averaged(copies: Sequence[Picture]) -> Picture:
    """Returns the mean of pictures of one size."""
    return np.rint(np.mean([each.astype(np.float64) for each in copies], axis=0)).astype(np.uint8)


def left_over(picture: Picture) -> Left:
    """Returns what a median of 3 by 3 takes away."""
    smooth = Image.fromarray(picture).filter(ImageFilter.MedianFilter(3))
    return picture.astype(np.float64) - np.asarray(smooth)


def without(picture: Picture, shared: Left) -> Picture:
    """Returns the picture less what many marked ones have left over in common."""
    return np.clip(np.rint(picture - shared), 0, 255).astype(np.uint8)
