"""Pictures as a camera or a designer might have made them: moved, tinted, on other grounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 1.06
"""How much larger than the emoji a picture is when nothing is changed."""


def plain(emoji: Tensor, side: int) -> Tensor:
    """Returns emoji on white, as they are: ``(n, 4, s, s)`` bytes to ``(n, 3, side, side)``."""
    grid = functional.affine_grid(
        torch.eye(2, 3).expand(len(emoji), 2, 3) * MARGIN, [len(emoji), 4, side, side], False
    )
    return _laid(emoji, grid, torch.ones(len(emoji), 3, 1, 1))


def varied(emoji: Tensor, side: int, mirror: Tensor, rng: torch.Generator) -> Tensor:
    """Returns emoji moved, turned, tinted and on any ground.

    Args:
        emoji: Bytes ``(n, 4, s, s)``.
        side: Of the pictures.
        mirror: Whether each may be mirrored.
        rng: Where chance comes from.
    """
    count = len(emoji)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    turn = uniform(-0.3, 0.3)
    scale = torch.exp(uniform(-0.22, 0.3)) * MARGIN
    stretch, shear = torch.exp(uniform(-0.12, 0.12)), uniform(-0.12, 0.12)
    flip = torch.where(mirror & (torch.rand(count, generator=rng) < 0.5), -1.0, 1.0)
    cos, sin = turn.cos() * scale, turn.sin() * scale
    rows = [
        torch.stack([flip * cos * stretch, sin + shear, uniform(-0.15, 0.15)], 1),
        torch.stack([-flip * sin, cos / stretch, uniform(-0.15, 0.15)], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), [count, 4, side, side], False)
    ground = torch.where(uniform(0, 1, 1) < 0.4, torch.ones(count, 3), uniform(0, 1, 3))
    picture = _laid(emoji, grid, ground[:, :, None, None])
    return _tinted(picture, rng)


def _laid(emoji: Tensor, grid: Tensor, ground: Tensor) -> Tensor:
    """Returns emoji, sampled at a grid, over a ground; 0 to 1 becomes -1 to 1."""
    pixels = emoji.float() / 255
    opacity = pixels[:, 3:]
    pixels = torch.cat([pixels[:, :3] * opacity, opacity], 1)
    laid = functional.grid_sample(pixels, grid, "bilinear", "zeros", False)
    return 2 * (laid[:, :3] + (1 - laid[:, 3:]) * ground) - 1


def _tinted(picture: Tensor, rng: torch.Generator) -> Tensor:
    """Returns pictures with other colours, some blurred, some grained, some with a hole."""
    count, _, side, _ = picture.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, 1, 1, 1, generator=rng)

    grey = picture.mean(dim=1, keepdim=True)
    saturation = torch.where(uniform(0, 1) < 0.08, torch.zeros(()), uniform(0.4, 1.5))
    picture = grey + saturation * (picture - grey)
    # A turn about the grey axis changes hues: Rodrigues' rotation.
    angle = torch.where(uniform(0, 1) < 0.75, uniform(-0.12, 0.12), uniform(-0.6, 0.6))
    axis = 1 / math.sqrt(3)
    cross = axis * (picture.roll(-1, 1).roll(-1, 1) - picture.roll(-1, 1))
    mean = picture.mean(dim=1, keepdim=True)
    picture = picture * angle.cos() + cross * angle.sin() + mean * (1 - angle.cos())
    picture = picture * uniform(0.7, 1.25) + uniform(-0.25, 0.25)
    soft = functional.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
    picture = torch.where(uniform(0, 1) < 0.2, soft, picture)
    grain = torch.where(uniform(0, 1) < 0.3, uniform(0, 0.15), torch.zeros(()))
    picture = picture + grain * torch.randn(picture.shape, generator=rng)
    hole = int(side * 0.3)
    for index in torch.nonzero(torch.rand(count, generator=rng) < 0.2)[:, 0].tolist():
        top, left = torch.randint(0, side - hole, (2,), generator=rng).tolist()
        picture[index, :, top : top + hole, left : left + hole] = picture[index].mean()
    return picture.clamp(-1, 1)
