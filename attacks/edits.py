"""What happens to photographs, by name: the edits that marks are measured against.

An edit takes a picture, uint8 ``(height, width, 3)``, and a generator; it gives back a picture,
which may be larger or smaller. Names follow WAVES (An et al. 2024, arXiv:2401.08573) where that
has one. What needs several marked pictures is in ``together.py``, and a network that paints anew in
``regeneration.py``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter

from latebra.hiding.media.photographs import natural

Picture = UInt8[np.ndarray, "_ _ 3"]
Edit = Callable[[Picture, np.random.Generator], Picture]


def _saved(picture: Picture, kind: str, **how: Any) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **how)
    return np.asarray(Image.open(file).convert("RGB"))


def jpeg(quality: int, subsampling: str = "4:2:0") -> Edit:
    return lambda picture, rng: _saved(picture, "JPEG", quality=quality, subsampling=subsampling)


def webp(quality: int) -> Edit:
    return lambda picture, rng: _saved(picture, "WEBP", quality=quality)


def avif(quality: int) -> Edit:
    return lambda picture, rng: _saved(picture, "AVIF", quality=quality)


def resized(factor: float, filter_: Image.Resampling = Image.Resampling.BICUBIC) -> Edit:
    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        size = [max(1, round(length * factor)) for length in picture.shape[1::-1]]
        return np.asarray(Image.fromarray(picture).resize(size, filter_))

    return edit


def cropped(share: float) -> Edit:
    """A share of width and height is left, from a place drawn by chance."""

    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        height, width = (round(length * share) for length in picture.shape[:2])
        top = int(rng.integers(0, picture.shape[0] - height + 1))
        left = int(rng.integers(0, picture.shape[1] - width + 1))
        return np.ascontiguousarray(picture[top : top + height, left : left + width])

    return edit


def rotated(degrees: float) -> Edit:
    """Turned about the middle, the size kept, corners black."""

    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        image = Image.fromarray(picture).rotate(degrees, Image.Resampling.BICUBIC)
        return np.asarray(image)

    return edit


def turned(quarters: int) -> Edit:
    return lambda picture, rng: np.ascontiguousarray(np.rot90(picture, quarters))


def mirrored(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def flipped(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.ascontiguousarray(picture[::-1])


def beside(picture: Picture, rng: np.random.Generator) -> Picture:
    """A collage: a picture of chance, as large, to the right."""
    return np.concatenate([picture, natural(rng, *picture.shape[:2])], axis=1)


def framed(picture: Picture, rng: np.random.Generator) -> Picture:
    """A collage: on a picture of chance that shows 37 pixels of itself all around."""
    height, width = picture.shape[:2]
    out = natural(rng, height + 74, width + 74)
    out[37 : 37 + height, 37 : 37 + width] = picture
    return out


def toned(change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Every value through one curve, given for grey levels 0 to 255."""
    curve = np.clip(np.rint(change(np.arange(256.0))), 0, 255).astype(np.uint8)
    return lambda picture, rng: curve[picture]


def brighter(levels: float) -> Edit:
    return toned(lambda x: x + levels)


def gamma(exponent: float) -> Edit:
    return toned(lambda x: 255.0 * (x / 255.0) ** exponent)


def contrast(factor: float) -> Edit:
    return toned(lambda x: 127.5 + factor * (x - 127.5))


def filtered(kind: ImageFilter.Filter | ImageFilter.MultibandFilter) -> Edit:
    return lambda picture, rng: np.asarray(Image.fromarray(picture).filter(kind))


def noise(deviation: float) -> Edit:
    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        noisy = picture + deviation * rng.standard_normal(picture.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

    return edit


def palette(picture: Picture, rng: np.random.Generator) -> Picture:
    image = Image.fromarray(picture).quantize(256)
    return np.asarray(image.convert("RGB"))


def chain(*edits: Edit) -> Edit:
    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        for each in edits:
            picture = each(picture, rng)
        return picture

    return edit


PROMISED: Final[Mapping[str, Edit]] = {
    "nothing": lambda picture, rng: picture,
    "jpeg 75": jpeg(75),
    "jpeg 50": jpeg(50),
    "resize 0.5": resized(0.5),
    "resize 1.5": resized(1.5),
    "crop 0.8": cropped(0.8),
    "brighter 8": brighter(8),
    "darker 8": brighter(-8),
    "gamma 0.9": gamma(0.9),
    "gamma 1.1": gamma(1.1),
    "mirror": mirrored,
    "turn 90": turned(1),
}
"""What a mark should survive."""

OTHER: Final[Mapping[str, Edit]] = {
    "jpeg 95": jpeg(95),
    "jpeg 90": jpeg(90),
    "jpeg 30": jpeg(30),
    **{f"jpeg {quality}, 4:4:4": jpeg(quality, "4:4:4") for quality in (95, 90, 75, 50, 30)},
    "webp 80": webp(80),
    "webp 50": webp(50),
    "avif 60": avif(60),
    "avif 40": avif(40),
    "resize 0.75": resized(0.75),
    "resize 0.5, area": resized(0.5, Image.Resampling.BOX),
    "resize 0.25": resized(0.25),
    "crop 0.95": cropped(0.95),
    "crop 0.5": cropped(0.5),
    "rotate 1": rotated(1.0),
    "rotate 2": rotated(2.0),
    "rotate 5": rotated(5.0),
    "flip": flipped,
    "turn 180": turned(2),
    "brighter 2": brighter(2),
    "brighter 20": brighter(20),
    "darker 20": brighter(-20),
    "gamma 0.7": gamma(0.7),
    "gamma 1.4": gamma(1.4),
    "contrast 0.8": contrast(0.8),
    "contrast 1.2": contrast(1.2),
    "blur 0.5": filtered(ImageFilter.GaussianBlur(0.5)),
    "blur 1": filtered(ImageFilter.GaussianBlur(1.0)),
    "blur 2": filtered(ImageFilter.GaussianBlur(2.0)),
    "sharpen": filtered(ImageFilter.SHARPEN),
    "median 3": filtered(ImageFilter.MedianFilter(3)),
    "noise 2": noise(2.0),
    "noise 5": noise(5.0),
    "noise 10": noise(10.0),
    "palette 256": palette,
    "chat: 0.75, jpeg 70": chain(resized(0.75), jpeg(70)),
    "screenshot: 0.8, gamma 1.05, jpeg 85": chain(resized(0.8), gamma(1.05), jpeg(85)),
    "collage, beside": beside,
    "collage, framed": framed,
}
"""What nobody promised, and what comes of it."""
