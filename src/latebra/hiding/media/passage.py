"""What happens to a picture on its way: the lossy channels that carriers are calibrated for."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

CHANNELS: Final[Mapping[str, str]] = {
    "png": "saved without loss",
    "jpeg95": "JPEG quality 95, colours at half resolution (4:2:0)",
    "jpeg75": "JPEG quality 75, colours at half resolution (4:2:0)",
    "jpeg50": "JPEG quality 50, colours at half resolution (4:2:0)",
    "noise5": "Gaussian noise with a standard deviation of 5 grey levels, rounded and clipped",
    "resize": "reduced to three quarters of its side and enlarged again (Lanczos)",
}
"""Channel id to what it does to a picture."""

Picture = UInt8[np.ndarray, "height width 3"]


def jpeg(picture: Picture, quality: int) -> Picture:
    """Returns the picture after JPEG with 4:2:0 chroma, as Pillow writes and reads it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file).convert("RGB"))


def resized(picture: Picture, factor: float) -> Picture:
    """Returns the picture made smaller by ``factor`` and brought back to its size."""
    height, width = picture.shape[:2]
    small = (round(width * factor), round(height * factor))
    image = Image.fromarray(picture).resize(small, Image.Resampling.LANCZOS)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def send(picture: Picture, channel: str, rng: np.random.Generator) -> Picture:
    """Returns ``picture`` as it arrives through ``channel``, one of ``CHANNELS``.

    Args:
        picture: Grey levels.
        channel: An id from ``CHANNELS``.
        rng: Where noise comes from; only ``noise5`` draws from it.

    Raises:
        KeyError: There is no such channel.
    """
    if channel not in CHANNELS:
        raise KeyError(channel)
    if channel.startswith("jpeg"):
        return jpeg(picture, int(channel.removeprefix("jpeg")))
    if channel == "noise5":
        noisy = picture + 5.0 * rng.standard_normal(picture.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if channel == "resize":
        return resized(picture, 0.75)
    return picture
