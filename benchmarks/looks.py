"""How far painted pictures are from photographs: a Fréchet distance, the GAN's and the flow's.

    python -m benchmarks.looks paint FOLDER --carrier gan|diffusion [--each 200]
    python -m benchmarks.looks report FOLDER --photos WORK/photos

The feature network is ``random_convolutions_0``: three convolutions with ReLU whose weights are
drawn with seed 0 and never trained (random embeddings: Naeem et al. 2020, Reliable fidelity and
diversity metrics, arXiv:2002.09797, section 4). Of each of its maps the mean and the deviation over
the picture are features, 272 in all. Both carriers' pictures are compared with crops that nothing
was trained on, of the same photographs, drawn towards grey and grained as the training's were; so
is a second set of such crops, which says what the distance is between equals at this count.

Writes ``benchmarks/results/looks.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import about
from latebra.api.opened import open_reader
from latebra.hiding.carriers.gan import KINDS
from training.flow import photos

RESULT = Path(__file__).parent / "results" / "looks.json"
SHAPES = ((24, 3, 5), (48, 24, 3), (64, 48, 3))
"""Outputs, inputs and side of each convolution; all of them take every other place."""
CONTRAST, GRAIN, CENTRE = 0.8, 2.5, 127.5
"""What photographs of both trainings went through (``training/flow/train.py``)."""
SEEDS = (1001, 1002)
"""Of the crops: none is the trainings' own."""


def paint(folder: Path, carrier: str, each: int) -> None:
    """Writes ``each`` ordinary pictures of every kind."""
    painted: list[np.ndarray] = []
    for number, kind in enumerate(KINDS):
        reader = open_reader(carrier, "ngraph", {"kind": kind}, threads=1)
        rng = np.random.default_rng([5, number])
        painted += [np.asarray(reader.carrier.sample(rng)) for _ in range(each)]
    np.savez_compressed(folder / f"{carrier}.npz", pictures=np.stack(painted))


def crops(folder: Path, each: int, seed: int) -> np.ndarray:
    """Returns ``each`` crops of every kind, as the generators learned them, (n, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    # Kinds share alike, and the first of them are drawn too.
    found, kinds = photos.collect(folder, int(1.1 * each * len(photos.KINDS)), seed)
    chosen = [found[kinds == photos.KINDS.index(kind)][:each] for kind in KINDS]
    levels = np.concatenate(chosen).transpose(0, 2, 3, 1).astype(np.float32)
    levels = CENTRE + CONTRAST * (levels - CENTRE) + GRAIN * rng.standard_normal(levels.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def features(pictures: np.ndarray) -> np.ndarray:
    """Returns what the fixed network says of pictures, float64 ``(n, 272)``."""
    rng = np.random.default_rng(0)
    kernels = [
        rng.standard_normal((outputs, inputs, side, side)) * np.sqrt(2 / (inputs * side**2))
        for outputs, inputs, side in SHAPES
    ]
    rows: list[np.ndarray] = []
    for picture in pictures:
        h = (picture.transpose(2, 0, 1) - CENTRE) / 64
        told: list[np.ndarray] = []
        for kernel in kernels:
            side = kernel.shape[-1]
            windows = np.lib.stride_tricks.sliding_window_view(h, (side, side), (1, 2))
            h = np.tensordot(kernel, windows[:, ::2, ::2], ((1, 2, 3), (0, 3, 4)))
            h = np.maximum(h, 0)
            told += [h.mean(axis=(1, 2)), h.std(axis=(1, 2))]
        rows.append(np.concatenate(told))
    return np.stack(rows)


def distance(one: np.ndarray, two: np.ndarray) -> float:
    """Returns the Fréchet distance of Gaussians fitted to two sets of features."""
    means, spreads = [x.mean(axis=0) for x in (one, two)], [np.cov(x.T) for x in (one, two)]
    values, vectors = np.linalg.eigh(spreads[0])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    both = np.linalg.eigvalsh(root @ spreads[1] @ root)
    shared = np.sqrt(np.maximum(both, 0)).sum()
    apart = np.sum((means[0] - means[1]) ** 2)
    return float(apart + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)


def report(folder: Path, photographs: Path) -> None:
    """Writes all distances, over all kinds and kind by kind."""
    painted = {
        carrier: np.load(folder / f"{carrier}.npz")["pictures"] for carrier in ("gan", "diffusion")
    }
    each = min(len(pictures) for pictures in painted.values()) // len(KINDS)
    judge, equal = (crops(photographs, each, seed) for seed in SEEDS)
    assert len(judge) == len(equal) == each * len(KINDS)
    told = {name: features(pictures) for name, pictures in {**painted, "crops": equal}.items()}
    wanted = features(judge)
    rows: dict[str, Any] = {}
    for name, found in told.items():
        parts = np.split(found, len(KINDS))
        rows[name] = {
            "all": round(distance(np.concatenate([p[:each] for p in parts]), wanted), 4),
            **{
                kind: round(distance(part[:each], other), 4)
                for kind, part, other in zip(
                    KINDS, parts, np.split(wanted, len(KINDS)), strict=True
                )
            },
        }
    result = {
        **about(),
        "network": "random_convolutions_0",
        "pictures": each * len(KINDS),
        "distance": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


def main() -> None:
    """Paints, or reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["paint", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--carrier", default="gan", choices=["gan", "diffusion"])
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--photos", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.what == "paint":
        paint(arguments.folder, arguments.carrier, arguments.each)
    else:
        report(arguments.folder, arguments.photos)


if __name__ == "__main__":
    main()
