"""What goes before the bundled encoder of small pictures: any picture, as the network takes it."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

NETWORK: Final = "small_emoji"
SIDE: Final = 48


def prepared(picture: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "1 3 48 48"]:
    """Returns a picture's middle square, small, its levels from -1 to 1.

    Args:
        picture: Grey levels of red, green and blue.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(picture).crop((left, top, left + side, top + side))
    small = square.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    levels = np.asarray(small, np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))[None]
