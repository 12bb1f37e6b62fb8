"""Crop training tiles out of the photographs that two Debian packages ship."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from training.flow.photos import MATE, TUX, fetch

SIDE = 128
SUFFIXES = (".jpg", ".jpeg")


def sources(folder: Path) -> list[Path]:
    """Returns the photographs of both packages: JPEG files of at least 500 pixels a side."""
    found = []
    for package in (MATE, TUX):
        for path in sorted((folder / package).rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
                with Image.open(path) as image:
                    if min(image.size) >= 500:
                        found.append(path)
    return found


def crop(photo: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Returns one random square of ``photo``, uint8 ``(128, 128, 3)``, at a random scale."""
    shortest = min(photo.size)
    side = float(np.exp(rng.uniform(np.log(SIDE), np.log(shortest))))
    left, upper = (rng.uniform(0, length - side) for length in photo.size)
    box = (left, upper, left + side, upper + side)
    return np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box))


def main() -> None:
    """Write ``crops.npy``: uint8 ``(count, 128, 128, 3)``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.photos.mkdir(parents=True, exist_ok=True)
    fetch(arguments.photos)
    rng = np.random.default_rng(arguments.seed)
    paths = sources(arguments.photos)
    crops = []
    for path in paths:
        photo = Image.open(path).convert("RGB")
        crops += [crop(photo, rng) for _ in range(-(-arguments.count // len(paths)))]
    stacked = np.stack([crops[i] for i in rng.permutation(len(crops))[: arguments.count]])
    np.save(arguments.out, stacked)
    digest = hashlib.sha256(stacked.tobytes()).hexdigest()
    print(f"{len(stacked)} crops of {len(paths)} photographs, sha256 {digest}")


if __name__ == "__main__":
    main()
