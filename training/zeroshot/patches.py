"""Features of patches: whitened, compared with centroids, pooled over a grid.

Coates, Lee, Ng, "An analysis of single-layer networks in unsupervised feature learning" (AISTATS
2011), with the soft threshold of Coates, Ng (ICML 2011): one convolution, once it is learnt.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 6
STRIDE = 2
POOL = 8
"""Places along an edge that are pooled: 24 give a grid of three by three."""
ROUNDS = 12
EVEN = 0.05
"""Added to the variance of every direction before it is made even."""
MET = 0.125
"""How many patches meet a centroid."""
SHOWN = 2**14
"""Patches by which thresholds are set."""


def centroids(pictures: Tensor, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Returns the convolution that was learnt: weight ``(count, 3, 6, 6)`` and bias.

    Args:
        pictures: ``(n, 3, s, s)``, -1 to 1.
        count: Of centroids.
        rng: Where chance comes from.
    """
    tries = 40 * count
    which = torch.randint(len(pictures), (tries,), generator=rng)
    top, left = torch.randint(0, pictures.shape[-1] - SIDE, (2, tries), generator=rng)
    places = zip(which.tolist(), top.tolist(), left.tolist(), strict=True)
    patches = torch.stack(
        [pictures[i, :, y : y + SIDE, x : x + SIDE].reshape(-1) for i, y, x in places]
    )
    patches = patches[patches.std(dim=1) > 0.05]
    mean = patches.mean(dim=0)
    scale, basis = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    whiten = basis @ torch.diag((scale + EVEN).rsqrt()) @ basis.T
    even = functional.normalize((patches - mean) @ whiten, dim=1)
    found = functional.normalize(torch.randn(count, even.shape[1], generator=rng), dim=1)
    for _ in range(ROUNDS):
        best, own = (even @ found.T).max(dim=1)
        total = torch.zeros_like(found).index_add_(0, own, best[:, None] * even)
        lost = total.norm(dim=1) < 1e-6
        total[lost] = even[torch.randint(len(even), (int(lost.sum()),), generator=rng)]
        found = functional.normalize(total, dim=1)
    weight = found @ whiten
    met = (patches[:SHOWN] - mean) @ weight.T
    return weight.reshape(count, 3, SIDE, SIDE), -(weight @ mean) - met.quantile(1 - MET, dim=0)


def convolved(pictures: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns features ``(n, 9 count)``: the root of how much each centroid is met, and where."""
    with torch.autocast("cpu", torch.bfloat16):
        met = functional.conv2d(
            # A step of two pixels is a step of one place of four times the channels.
            functional.pixel_unshuffle(pictures, STRIDE).to(memory_format=torch.channels_last),
            functional.pixel_unshuffle(weight, STRIDE),
            bias,
            padding=1,
        ).relu()
    return functional.avg_pool2d(met.float(), POOL).sqrt().flatten(1)
