"""Crop small photographs, one kind each, out of the photographs that two Debian packages ship."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
HEIGHT = 640
"""Photographs are reduced to at most this height, in pixels, before they are cropped."""
MATE = "mate-backgrounds"
TUX = "tuxpaint-data"

KINDS = ("water", "leaves", "stone", "bark", "flower", "sky")


@dataclass(frozen=True)
class Source:
    """One photograph: which package ships it, its kind, and the part of it that shows that kind.

    Args:
        package: The Debian package.
        name: The file's name.
        kind: One of ``KINDS``.
        top: Upper edge of the part used, as a fraction of the height.
        bottom: Lower edge of the part used, as a fraction of the height.
        detail: The least mean absolute difference between neighbouring pixels, in grey levels, that
            a crop must have: flat crops carry nothing.
    """

    package: str
    name: str
    kind: str
    top: float = 0.0
    bottom: float = 1.0
    detail: float = 7.0


SOURCES = (
    Source(TUX, "ocean_splash.jpg", "water"),
    Source(TUX, "ocean_waves.jpg", "water"),
    Source(MATE, "GreenMeadow.jpg", "leaves"),
    Source(MATE, "RainDrops.jpg", "leaves", detail=4.0),
    Source(MATE, "Blinds.jpg", "leaves", detail=4.0),
    Source(TUX, "corn_maze.jpg", "leaves"),
    Source(TUX, "redwoods_above.jpg", "leaves"),
    Source(TUX, "sun_behind_leaves.jpg", "leaves", detail=4.0),
    Source(TUX, "mossy_log.jpg", "leaves"),
    Source(TUX, "mudstone.jpg", "stone"),
    Source(TUX, "rocks.jpg", "stone", top=0.08),
    Source(TUX, "cliff.jpg", "stone", top=0.35),
    Source(TUX, "burnt_bark.jpg", "bark"),
    Source(TUX, "mossy_bark.jpg", "bark"),
    Source(MATE, "FreshFlower.jpg", "flower", detail=3.0),
    Source(MATE, "Garden.jpg", "flower", detail=3.0),
    Source(MATE, "YellowFlower.jpg", "flower", detail=3.0),
    Source(TUX, "sun_behind_clouds.jpg", "sky", detail=2.0),
    Source(TUX, "trees_above.jpg", "sky", detail=2.0),
    Source(TUX, "trees_at_dusk.jpg", "sky", detail=2.0),
)


def fetch(folder: Path) -> None:
    """Download the two packages with apt and unpack them below ``folder``."""
    for package in (MATE, TUX):
        target = folder / package
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as temporary:
            subprocess.run(["apt-get", "download", package], cwd=temporary, check=True)
            (archive,) = Path(temporary).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)


def crop(photo: Image.Image, source: Source, rng: np.random.Generator) -> np.ndarray | None:
    """Returns one random square of ``photo``, uint8 ``(64, 64, 3)``, or None if it is flat."""
    width, height = photo.size
    top, bottom = source.top * height, source.bottom * height
    side = min(bottom - top, width) * np.exp(rng.uniform(np.log(0.22), np.log(0.8)))
    side = max(side, SIDE * 1.5)
    left = rng.uniform(0, width - side)
    upper = rng.uniform(top, max(bottom - side, top + 1e-6))
    box = (left, upper, left + side, min(upper + side, height))
    small = photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box)
    pixels = np.asarray(small, dtype=np.uint8)
    grey = pixels.astype(np.float32).mean(axis=2)
    detail = 0.5 * (np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())
    return pixels if detail >= source.detail else None


def collect(folder: Path, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns ``count`` crops, uint8 ``(count, 3, 64, 64)``, and their kinds, int64 ``(count,)``.

    Every kind gets the same share, and within a kind every photograph does.
    """
    rng = np.random.default_rng(seed)
    crops: list[np.ndarray] = []
    kinds: list[int] = []
    for index, kind in enumerate(KINDS):
        sources = [source for source in SOURCES if source.kind == kind]
        share = -(-count // (len(KINDS) * len(sources)))
        for source in sources:
            (path,) = (folder / source.package).rglob(source.name)
            photo = Image.open(path).convert("RGB")
            photo.thumbnail((4 * HEIGHT, HEIGHT), Image.Resampling.LANCZOS)
            found = 0
            for _ in range(50 * share):
                pixels = crop(photo, source, rng)
                if pixels is not None:
                    crops.append(pixels)
                    kinds.append(index)
                    found += 1
                    if found == share:
                        break
    order = rng.permutation(len(crops))[:count]
    stacked = np.stack([crops[i] for i in order]).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(stacked), np.asarray(kinds, dtype=np.int64)[order]


def main() -> None:
    """Write ``crops.npz``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--photos", type=Path, required=True, help="where the packages are unpacked"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=36_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.photos.mkdir(parents=True, exist_ok=True)
    fetch(arguments.photos)
    crops, kinds = collect(arguments.photos, arguments.count, arguments.seed)
    np.savez(arguments.out, crops=crops, kinds=kinds)
    digest = hashlib.sha256(crops.tobytes()).hexdigest()
    print(f"{len(crops)} crops, {np.bincount(kinds)} of each kind, sha256 {digest}")


if __name__ == "__main__":
    main()
