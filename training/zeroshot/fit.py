"""Fit the picture encoder in closed form: directions that tell seen things apart, then names.

    looks     B (features - mean),  B from Fisher's discriminants of the seen classes
    meaning   V looks / |looks|,  V from ridge regression on the vectors of the seen classes' names

No gradient is taken anywhere, and two minutes of one core are enough. ``looks`` throws away what
differs between drawings of one thing (styles, places, tints), whichever thing it is, so that it
serves things that were never seen.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from latebra.models.named import named
from training.zeroshot.augment import plain, varied
from training.zeroshot.emoji import STYLES
from training.zeroshot.patches import centroids, convolved

SIDE = 48
LOOKS = 256
AT_ONCE = 128
SHRINKAGE = 0.1
"""Of the scatter within classes, towards the same in every direction."""
DAMPING = 0.3
"""Discriminants of little strength count for less: chance has some share in them."""
RIDGE = 1.0
DIRECTED = ("arrow", "geometric", "alphanum", "keycap", "math", "time", "punctuation")
"""Subcategories that are not mirrored."""
_SHOWN = 1_500
"""Pictures that patches are taken from."""

Rows = Float32[np.ndarray, "rows dims"]


@dataclass(frozen=True)
class Data:
    """Pictures, and what they show.

    Args:
        pictures: Bytes ``(n, 4, 64, 64)``.
        classes: What each shows.
        styles: Who drew it.
        parts: Classes for training, for choosing, for judging once.
        vectors: Of the classes' names.
        mirror: Which classes may be mirrored.
    """

    pictures: torch.Tensor
    classes: np.ndarray
    styles: np.ndarray
    parts: dict[str, np.ndarray]
    vectors: Rows
    mirror: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> Data:
        stored = np.load(folder / "emoji.npz")
        told = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
        places = named().places()
        return cls(
            torch.from_numpy(stored["pictures"]),
            stored["classes"],
            stored["styles"],
            {name: np.flatnonzero(stored[name]) for name in ("seen", "choosing", "unseen")},
            named().vectors[[places[each["name"]] for each in told]],
            np.asarray([not each["subcategory"].startswith(DIRECTED) for each in told]),
        )

    def rows(self, part: str, *, trained: bool = True) -> np.ndarray:
        """Returns which pictures show a part's classes in styles that are trained on, or not."""
        styles = [at for at, each in enumerate(STYLES.values()) if each.trained == trained]
        return np.flatnonzero(
            np.isin(self.classes, self.parts[part]) & np.isin(self.styles, styles)
        )


@dataclass(frozen=True)
class Fitted:
    """The encoder.

    Args:
        weight: Of the convolution.
        bias: Of the convolution.
        mean: Of the features.
        discriminants: Features to looks.
        regression: Looks of length one to meaning.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    mean: Float32[np.ndarray, " features"]
    discriminants: Float32[np.ndarray, "features looks"]
    regression: Float32[np.ndarray, "looks meaning"]

    def looks(self, features: Rows) -> Rows:
        return of_length_one((features - self.mean) @ self.discriminants)

    def meaning(self, features: Rows) -> Rows:
        return of_length_one(self.looks(features) @ self.regression)


def of_length_one(rows: Rows) -> Rows:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def features_of(
    data: Data, rows: np.ndarray, weight: torch.Tensor, bias: torch.Tensor, rng=None
) -> Rows:
    """Returns features of pictures as they are or, where chance comes along, as it made them."""
    found = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        emoji = data.pictures[torch.from_numpy(some)]
        if rng is None:
            made = plain(emoji, SIDE)
        else:
            made = varied(emoji, SIDE, torch.from_numpy(data.mirror[data.classes[some]]), rng)
        found.append(convolved(made, weight, bias).numpy())
    return np.concatenate(found)


def discriminants(
    features: Rows, labels: np.ndarray
) -> tuple[Float32[np.ndarray, " features"], Float32[np.ndarray, "features looks"]]:
    """Returns the mean, and Fisher's discriminants: whitened within classes, widest among them."""
    mean = features.mean(axis=0)
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    middles = np.zeros((len(counts), features.shape[1]), np.float32)
    np.add.at(middles, label, features)
    middles /= counts[:, None]
    off = features - middles[label]
    within = off.T @ off / len(off)
    within += SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within), dtype=np.float32)
    root = np.linalg.cholesky(within)
    weights = np.sqrt(counts / counts.mean())[:, None]
    even = np.linalg.solve(root, (weights * (middles - mean)).T).T
    _, strengths, axes = np.linalg.svd(even, full_matrices=False)
    strengths = strengths[:LOOKS]
    damped = strengths / np.sqrt(strengths**2 + DAMPING * len(counts))
    found = np.linalg.solve(root.T, axes[:LOOKS].T) * damped
    return mean, found.astype(np.float32)


def fit(data: Data, count: int, copies: int, seed: int) -> Fitted:
    """Returns the encoder.

    Args:
        data: What it may see.
        count: Of centroids.
        copies: Varied copies of each picture, beside the plain one.
        seed: Of all chance.
    """
    rng = torch.Generator().manual_seed(seed)
    rows = data.rows("seen")
    shown = np.random.default_rng(seed).permutation(rows)[:_SHOWN]
    weight, bias = centroids(plain(data.pictures[torch.from_numpy(shown)], SIDE), count, rng)
    features = [features_of(data, rows, weight, bias)]
    features += [features_of(data, rows, weight, bias, rng) for _ in range(copies)]
    every = np.concatenate(features)
    labels = np.tile(data.classes[rows], copies + 1)
    mean, directions = discriminants(every, labels)
    looks = of_length_one((every - mean) @ directions)
    gram = looks.T @ looks + RIDGE * np.eye(LOOKS, dtype=np.float32)
    regression = np.linalg.solve(gram, looks.T @ data.vectors[labels])
    return Fitted(weight, bias, mean, directions, regression.astype(np.float32))


def accuracy(fitted: Fitted, data: Data, part: str, *, trained: bool = True) -> dict[str, float]:
    """Returns shares of pictures of a part's classes that are named right among its names."""
    rows = data.rows(part, trained=trained)
    indices = data.parts[part]
    meaning = fitted.meaning(features_of(data, rows, fitted.weight, fitted.bias))
    scores = meaning @ data.vectors[indices].T
    own = scores[np.arange(len(rows)), np.searchsorted(indices, data.classes[rows])]
    place = (scores >= own[:, None]).sum(axis=1)
    return {f"top{most}": round(float((place <= most).mean()), 4) for most in (1, 5)}


def main() -> None:
    """Write ``fitted.npz`` and ``fitted.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--centroids", type=int, default=320)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    data = Data.read(arguments.data)
    fitted = fit(data, arguments.centroids, arguments.copies, arguments.seed)
    seconds = time.process_time() - start
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.out / "fitted.npz",
        weight=fitted.weight.numpy(),
        bias=fitted.bias.numpy(),
        mean=fitted.mean,
        discriminants=fitted.discriminants,
        regression=fitted.regression,
    )
    record = {
        "centroids": arguments.centroids,
        "copies": arguments.copies,
        "seed": arguments.seed,
        "processor_seconds": round(seconds, 1),
        "seen_classes": len(data.parts["seen"]),
        "pictures": len(data.rows("seen")),
        "torch": torch.__version__,
        "choosing": accuracy(fitted, data, "choosing"),
    }
    (arguments.out / "fitted.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
