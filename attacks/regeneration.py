"""Paint a picture anew, so that what a network does not think worth keeping is lost.

Regeneration is the attack that pixel edits do not stand for (Zhao et al. 2023, Invisible image
watermarks are provably removable using generative AI, arXiv:2306.01953): through an autoencoder
that was not made for marks, or noised and painted again by a generative model. Both here are small:
a linear autoencoder of patches, fitted to pictures with the spectrum of photographs, and the
bundled flow.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64

from attacks.edits import Edit, Picture
from latebra.api.opened import open_reader
from latebra.hiding.carriers.diffusion import CENTRE, KINDS, SCALE
from latebra.hiding.media.photographs import natural

SIDE: Final = 64
"""Of the pictures that the flow paints."""
PATCH: Final = 8
STEPS: Final = 2


def through_flow(noise: float, kind: str = "stone") -> Edit:
    """A share of noise is mixed in, and the flow paints the rest of the way.

    Args:
        noise: Where on its straight line from a photograph (0) to noise (1) it starts.
        kind: Which photographs the flow is asked for.
    """

    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        missing = [(0, -height % SIDE), (0, -width % SIDE), (0, 0)]
        whole = np.pad(picture, missing, mode="symmetric")
        for top in range(0, height, SIDE):
            for left in range(0, width, SIDE):
                part = whole[top : top + SIDE, left : left + SIDE]
                part[:] = _painted(part, noise, kind, rng)
        return np.ascontiguousarray(whole[:height, :width])

    return edit


def through_patches(kept: int) -> Edit:
    """Patches of 8 by 8 pixels are told by ``kept`` of their 192 numbers, and painted from them."""

    def edit(picture: Picture, rng: np.random.Generator) -> Picture:
        height, width = picture.shape[:2]
        missing = [(0, -height % PATCH), (0, -width % PATCH), (0, 0)]
        whole = np.pad(picture, missing, mode="symmetric").astype(np.float64)
        rows = _cut(whole)
        mean, basis = _components()
        told = (rows - mean) @ basis[:, :kept]
        painted = told @ basis[:, :kept].T + mean
        return np.clip(np.rint(_joined(painted, whole.shape)), 0, 255).astype(np.uint8)[
            :height, :width
        ]

    return edit


def _painted(part: Picture, noise: float, kind: str, rng: np.random.Generator) -> Picture:
    network = open_reader("diffusion", "onnxruntime", {}, threads=1).carrier.networks["denoiser"]
    chosen = np.zeros((1, len(KINDS)), np.float32)
    chosen[0, KINDS.index(kind)] = 1.0
    clean = (part.transpose(2, 0, 1)[None].astype(np.float32) - CENTRE) / SCALE
    x = (1 - noise) * clean + noise * rng.standard_normal(clean.shape)
    # Time runs from noise at 0 to a picture at 1.
    for step in range(STEPS):
        t = 1 - noise * (1 - step / STEPS)
        inputs = {"x": x.astype(np.float32), "t": np.full(1, t, np.float32), "kind": chosen}
        x = x + noise / STEPS * network.run(inputs)["velocity"]
    levels = CENTRE + SCALE * x[0].transpose(1, 2, 0)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _cut(picture: Float64[np.ndarray, "height width 3"]) -> Float64[np.ndarray, "patches 192"]:
    height, width = picture.shape[:2]
    tiled = picture.reshape(height // PATCH, PATCH, width // PATCH, PATCH, 3)
    return tiled.transpose(0, 2, 1, 3, 4).reshape(-1, PATCH * PATCH * 3)


def _joined(
    rows: Float64[np.ndarray, "patches 192"], shape: tuple[int, ...]
) -> Float64[np.ndarray, "height width 3"]:
    down, across = shape[0] // PATCH, shape[1] // PATCH
    tiled = rows.reshape(down, across, PATCH, PATCH, 3).transpose(0, 2, 1, 3, 4)
    return tiled.reshape(shape)


@cache
def _components() -> tuple[Float64[np.ndarray, " 192"], Float64[np.ndarray, "192 192"]]:
    """Returns the mean and the principal axes of patches of pictures with a natural spectrum."""
    rng = np.random.default_rng(8)
    rows = np.concatenate([_cut(natural(rng, 256, 256).astype(np.float64)) for _ in range(8)])
    _, _, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return rows.mean(axis=0), axes.T


REGENERATED = {
    "regenerate: patches, 24 of 192": through_patches(24),
    "regenerate: flow, noise 0.05": through_flow(0.05),
    "regenerate: flow, noise 0.15": through_flow(0.15),
}
"""Which of these are measured."""
