"""Photographs of any size in and out of files, as people have them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from typing_extensions import override

from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.hiding.medium import Cover, Medium, Source, Text

LARGEST: Final = 50_000_000
"""Most pixels of a photograph that is opened: a hostile file can claim any number."""
_MODES: Final = {"L": "L", "RGB": "RGB", "RGBA": "RGBA", "1": "L", "CMYK": "RGB", "YCbCr": "RGB"}
"""Pillow's mode to the one that a photograph is kept in; others become RGB, or RGBA."""
_DEEP: Final = ("I;16", "I;16B", "I;16L")
_WIDE: Final = ("F", "I")
"""Modes whose numbers may be anything, not a number among them."""


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file)


def _half(image: Image.Image) -> Image.Image:
    size = (max(1, image.width // 2), max(1, image.height // 2))
    return image.resize(size, Image.Resampling.BICUBIC)


def _crop(image: Image.Image) -> Image.Image:
    width, height = image.size
    box = (width // 10, height // 10, width // 10 + width * 4 // 5, height // 10 + height * 4 // 5)
    return image.crop(box)


_EDITS: Final[Mapping[str, Callable[[Image.Image], Image.Image]]] = {
    "jpeg75": lambda image: _jpeg(image, 75),
    "jpeg50": lambda image: _jpeg(image, 50),
    "half": _half,
    "crop": _crop,
}
CHANNELS: Final[Mapping[str, str]] = {
    "jpeg75": "JPEG quality 75, colours at half resolution (4:2:0)",
    "jpeg50": "JPEG quality 50, colours at half resolution (4:2:0)",
    "half": "reduced to half of its side (bicubic)",
    "crop": "cut to four fifths of its width and height",
    "png": "saved without loss",
}
"""Channel id to what it does to a photograph."""


def load(path: Path) -> NDArray[Any]:
    """Returns the photograph in a file, the right way up.

    Args:
        path: Any format that Pillow reads.

    Raises:
        UnreadableFile: There is no such file, it is no picture, too large, or moves.
    """
    return _read(path, lambda image: _pixels(ImageOps.exif_transpose(image)))


def profile_of(path: Path) -> bytes:
    """Returns the colour profile of the photograph in a file, or nothing.

    Raises:
        UnreadableFile: There is no such file, or it is no picture.
    """
    # A profile of inks says nothing about the colours that they become.
    return _read(
        path,
        lambda image: b"" if image.mode == "CMYK" else bytes(image.info.get("icc_profile") or b""),
    )


def text_of(path: Path, keyword: str) -> str:
    """Returns what a photograph's file says in text under a keyword, or nothing.

    Raises:
        UnreadableFile: There is no such file, or it is no picture.
    """
    return _read(path, lambda image: str(image.info.get(keyword) or ""))


def eight_bit(pixels: NDArray[Any]) -> UInt8[np.ndarray, "height width 3"]:
    """Returns what a screen shows of a photograph, its transparency left out."""
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257.0).astype(np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])


def check(pixels: NDArray[Any]) -> None:
    """Raises InputError unless an array is a photograph: grey, RGB or RGBA, 8 or 16 bits."""
    colours = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if str(pixels.dtype) not in ("uint8", "uint16") or not colours or 0 in pixels.shape:
        raise InputError(
            f"an array of {pixels.dtype} and shape {pixels.shape} is no photograph",
            fix="give grey levels, uint8 or uint16, of shape (height, width), and 3 or 4 for "
            "colours",
        )
    if pixels.shape[0] * pixels.shape[1] > LARGEST:
        height, width = pixels.shape[:2]
        raise InputError(
            f"the array has {width} by {height} pixels, the limit is {LARGEST}",
            fix="give a smaller picture",
        )


def natural(rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """Returns a picture of chance whose spectrum falls with the frequency, as in photographs.

    Source: Field 1987, Relations between the statistics of natural images and the response
    properties of cortical cells, J. Opt. Soc. Am. A 4(12).
    """
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    fall = 1.0 / np.maximum(np.hypot(down, across), 1.0 / width)
    planes = [
        np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) * fall, (height, width))
        for _ in range(3)
    ]
    mixed = np.stack([planes[0] + 0.3 * planes[i] for i in range(3)], axis=2)
    levels = 127.0 + 45.0 * mixed / mixed.std()
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Photographs(Medium):
    """Photographs that people have: grey, RGB or RGBA, 8 bits, or 16 where they are grey.

    Orientation is applied, a colour profile is kept, and all else that a file holds (place, camera,
    thumbnail) is left behind.

    Args:
        profile: The ICC profile that files get.
        text: What files say besides, by keyword, for anybody to read.
    """

    noun: ClassVar[str] = "photograph"
    suffixes: ClassVar[tuple[str, ...]] = (".png",)
    harm: ClassVar[str] = "other formats harm what is hidden, and that is promised once"

    profile: bytes = field(default=b"", repr=False)
    text: Mapping[str, str] = field(default_factory=dict[str, str])

    @override
    def take(self, source: Source, channel: str | None = None) -> Cover:
        if isinstance(source, np.ndarray):
            check(source)
            return source
        if isinstance(source, Text):
            raise UnreadableFile("a text is no photograph", fix="name the carrier that wrote it")
        return load(Path(source))

    @override
    def like(self, source: Source) -> Medium:
        if isinstance(source, np.ndarray | Text):
            return self
        return Photographs(profile_of(Path(source)))

    @override
    def save(self, cover: Cover, path: Path, *, force: bool = False) -> None:
        self.refuse(path, force=force)
        told = PngInfo()
        for keyword, words in self.text.items():
            told.add_itxt(keyword, words)
        try:
            with replacing(path) as file:
                Image.fromarray(np.asarray(cover)).save(
                    file, "PNG", icc_profile=self.profile or None, pnginfo=told
                )
        except OSError as error:
            raise UnwritableFile(
                f"{path} cannot be written: {error.strerror}",
                fix="choose a folder that you can write to",
            ) from None

    @override
    def send(self, cover: Cover, channel: str, rng: np.random.Generator) -> Cover:
        del rng
        if channel not in CHANNELS:
            raise KeyError(channel)
        if channel == "png":
            return cover
        image = Image.fromarray(eight_bit(np.asarray(cover)))
        return np.asarray(_EDITS[channel](image).convert("RGB"))


def _read(path: Path, wanted: Callable[[Image.Image], Any]) -> Any:
    """Returns what is wanted of the picture in a file, every failure said in one way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Of EXIF that is damaged, say.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _refuse_strange(image, path)
                return wanted(image)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except UnidentifiedImageError:
        raise UnreadableFile(f"{path} is not a picture", fix="give a PNG or JPEG file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableFile(
            f"{path} has more than {LARGEST} pixels, the limit", fix="give a smaller picture"
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFile(f"{path} could not be read: {error}", fix="check the file") from None


def _refuse_strange(image: Image.Image, path: Path) -> None:
    if image.width * image.height > LARGEST:
        raise UnreadableFile(
            f"{path} has {image.width} by {image.height} pixels, the limit is {LARGEST}",
            fix="give a smaller picture",
        )
    if image.mode in _WIDE:
        raise UnreadableFile(
            f"{path} holds numbers of 32 bits, which are no grey levels",
            fix="save it with 8 or 16 bits",
        )
    frames = getattr(image, "n_frames", 1)
    # Telephones put a second picture of the same into a JPEG: the first is what people see.
    if frames > 1 and image.format != "MPO":
        raise UnreadableFile(
            f"{path} holds {frames} pictures, one is wanted",
            fix="give a picture that does not move",
        )


def _pixels(image: Image.Image) -> NDArray[Any]:
    if image.mode in _DEEP:
        return np.asarray(image).astype(np.uint16)
    mode = _MODES.get(image.mode)
    if mode is None:
        mode = "RGBA" if image.has_transparency_data else "RGB"
    return np.array(image.convert(mode), dtype=np.uint8)
