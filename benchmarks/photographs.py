"""The photographs that marks are measured on: none of them was trained on.

Those of scikit-image and scikit-learn come with these packages; those of Debian's opencv-doc are
looked for in ``--opencv`` and never passed on. A tile is a square of a photograph, at a size drawn
by chance between its pixels and the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGED = {
    "skimage": ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png"),
    "sklearn": ("china.jpg", "flower.jpg"),
}
OPENCV = (
    "aloeL.jpg",
    "apple.jpg",
    "baboon.jpg",
    "board.jpg",
    "building.jpg",
    "butterfly.jpg",
    "fruits.jpg",
    "home.jpg",
    "messi5.jpg",
    "orange.jpg",
    "squirrel_cls.jpg",
    "stuff.jpg",
)


def found(opencv: Path | None, packages: Path | None) -> list[Path]:
    """Returns the photographs that are here.

    Args:
        opencv: Where Debian's opencv-doc is unpacked.
        packages: A site-packages folder with scikit-image and scikit-learn, or None for our own.
    """
    paths = []
    for package, names in PACKAGED.items():
        root = packages / package if packages else _folder(package)
        paths += [path for name in names for path in sorted(root.rglob(name))] if root else []
    if opencv is not None:
        paths += [path for name in OPENCV for path in sorted(opencv.rglob(name))[:1]]
    return paths


def tiles(paths: list[Path], count: int, side: int, seed: int) -> Iterator[np.ndarray]:
    """Yields squares of ``side`` pixels, each photograph that is large enough in turn."""
    rng = np.random.default_rng(seed)
    large = [path for path in paths if min(Image.open(path).size) >= side]
    for number in range(count):
        photo = _decoded(large[number % len(large)])
        shortest = min(photo.size)
        # Rounding must not make it longer than the photograph.
        length = min(shortest, np.exp(rng.uniform(np.log(side), np.log(shortest))))
        left, upper = (rng.uniform(0, total - length) for total in photo.size)
        box = (left, upper, left + length, upper + length)
        yield np.asarray(photo.resize((side, side), Image.Resampling.LANCZOS, box=box))


@cache
def _decoded(path: Path) -> Image.Image:
    with Image.open(path) as photo:
        return photo.convert("RGB")


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None
