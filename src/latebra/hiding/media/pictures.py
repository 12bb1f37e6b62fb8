"""Pictures in and out of files: never half a file, never over one that is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from typing_extensions import override

from latebra.core.errors import UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.hiding.media import passage
from latebra.hiding.medium import Cover, Medium, Source, Text

LARGEST = 2**24
"""Most pixels of a picture that is opened: a hostile file can claim any number."""

Picture = UInt8[np.ndarray, "height width 3"]


def load(path: Path, shape: tuple[int, ...] | None = None, *, fit: bool = False) -> Picture:
    """Returns the picture in a file, as RGB grey levels.

    Args:
        path: Any format that Pillow reads.
        shape: Height, width and 3 that the picture must have, or None for any.
        fit: Bring a picture of another size to ``shape`` (Lanczos) instead of refusing it.

    Raises:
        UnreadableFile: There is no such file, it is no picture, or it has another size.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise UnreadableFile(
                    f"{path} has {image.width} by {image.height} pixels, the limit is {LARGEST}"
                )
            image = image.convert("RGB")
            if fit and shape and (image.height, image.width) != shape[:2]:
                image = image.resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
            pixels = np.asarray(image, dtype=np.uint8)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except UnidentifiedImageError:
        raise UnreadableFile(f"{path} is not a picture", fix="give a PNG or JPEG file") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableFile(f"{path} could not be read: {error}", fix="check the file") from None
    check(pixels, shape, str(path))
    return pixels


def check(pixels: Picture, shape: tuple[int, ...] | None, name: str) -> None:
    """Raises UnreadableFile unless ``pixels`` has the given shape."""
    if shape is not None and pixels.shape != shape:
        height, width = pixels.shape[:2]
        raise UnreadableFile(
            f"{name} is {width} by {height} pixels, this carrier reads {shape[1]} by {shape[0]}",
            fix="give the picture as it was sent, or, if it was resized on its way, "
            "name the channel 'resize'",
        )


def write(pixels: Picture, path: Path) -> None:
    """Writes a PNG file, whole or not at all, with nothing in it but pixels.

    Raises:
        UnwritableFile: The folder is not there, or it cannot be written to.
    """
    try:
        with replacing(path) as file:
            Image.fromarray(pixels).save(file, "PNG")
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


@dataclass(frozen=True)
class Pictures(Medium):
    """Colour pictures of one size, in PNG files.

    Args:
        shape: Height, width and 3.
    """

    noun: ClassVar[str] = "picture"
    suffixes: ClassVar[tuple[str, ...]] = (".png",)
    harm: ClassVar[str] = "other formats lose what is hidden"

    shape: tuple[int, int, int]

    @override
    def take(self, source: Source, channel: str | None = None) -> Cover:
        if isinstance(source, np.ndarray):
            check(source, self.shape, "the picture")
            return source
        if isinstance(source, Text):
            raise UnreadableFile("a text is no picture", fix="name the carrier that wrote it")
        return load(Path(source), self.shape, fit=channel == "resize")

    @override
    def save(self, cover: Cover, path: Path, *, force: bool = False) -> None:
        self.refuse(path, force=force)
        write(np.asarray(cover), path)

    @override
    def send(self, cover: Cover, channel: str, rng: np.random.Generator) -> Cover:
        return passage.send(np.asarray(cover), channel, rng)
