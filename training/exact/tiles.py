"""Cut small grey tiles out of the photographs that two Debian packages ship.

    python -m training.exact.tiles --photos work/photos --out work/tiles.npz [--greys 256]

Each photograph of ``training/flow/photos.py`` gives as many crops of 64 by 64 pixels; their middle,
and the whole at half the size, are tiles of 32 by 32 pixels of 16 greys, or more. Of each kind with
three photographs or more, the last is held out.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.flow.photos import HEIGHT, SOURCES, Source, crop, fetch

SIDE: Final = 32
GREYS: Final = 16
EACH: Final = 500
"""Crops of a photograph."""


def held_out() -> list[Source]:
    """Returns the photographs that nothing is learned from."""
    kinds: dict[str, list[Source]] = {}
    for source in SOURCES:
        kinds.setdefault(source.kind, []).append(source)
    return [each[-1] for each in kinds.values() if len(each) > 2]


def tiles(
    folder: Path, source: Source, rng: np.random.Generator, greys: int = GREYS
) -> NDArray[np.uint8]:
    """Returns the tiles of one photograph, greys from 0, shape ``(count, 32, 32)``."""
    (path,) = (folder / source.package).rglob(source.name)
    photo = Image.open(path).convert("RGB")
    photo.thumbnail((4 * HEIGHT, HEIGHT), Image.Resampling.LANCZOS)
    tried = (crop(photo, source, rng) for _ in range(4 * EACH))
    crops = np.stack([each for each in tried if each is not None][:EACH])
    grey = crops.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    at = SIDE // 2
    middle = grey[:, at : at + SIDE, at : at + SIDE]
    whole = grey.reshape(-1, SIDE, 2, SIDE, 2).mean((2, 4))
    return (np.concatenate([middle, whole]) * greys // 256).astype(np.uint8)


def main() -> None:
    """Write ``tiles.npz``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="where packages are unpacked")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--greys", type=int, default=GREYS)
    arguments = parser.parse_args()
    arguments.photos.mkdir(parents=True, exist_ok=True)
    fetch(arguments.photos)
    rng = np.random.default_rng(2026)
    apart = held_out()
    parts: dict[str, list[NDArray[np.uint8]]] = {"kept": [], "held": []}
    for source in SOURCES:
        found = tiles(arguments.photos, source, rng, arguments.greys)
        parts["held" if source in apart else "kept"].append(found)
    joined = {name: np.concatenate(each) for name, each in parts.items()}
    np.savez_compressed(arguments.out, **joined)
    digest = hashlib.sha256(joined["kept"].tobytes() + joined["held"].tobytes()).hexdigest()
    print(f"{len(joined['kept'])} tiles, {len(joined['held'])} held out, sha256 {digest}")


if __name__ == "__main__":
    main()
