"""Colours for drawings that are of one ink, so that they are not told by being black."""

from __future__ import annotations

import torch
from torch import Tensor

BLACK = 0.3
"""Share of the drawings of one ink that stay black."""


def inked(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Returns pictures of which those that are all black are of any one colour.

    Args:
        pictures: Bytes ``(n, 4, s, s)``.
        rng: Where chance comes from.
    """
    ink = torch.randint(0, 256, (len(pictures), 3, 1, 1), generator=rng, dtype=torch.uint8)
    stay = torch.rand(len(pictures), 1, 1, 1, generator=rng) < BLACK
    black = (pictures[:, :3].amax(dim=(1, 2, 3)) == 0)[:, None, None, None]
    return torch.cat([torch.where(black & ~stay, ink, pictures[:, :3]), pictures[:, 3:]], 1)
