"""What pictures are told about their looks without a critic, and what a critic is shown.

The distance of sliced patches (Heitz et al. 2021, A sliced Wasserstein loss for neural texture
synthesis, eq. (4), here on bands of a pyramid as Karras et al. 2018 do) holds colours, contrast and
grain to the photographs' from the first step on, and cannot blow up. Both sides of a critic see the
same random changes (Zhao et al. 2020, Differentiable augmentation, eq. (4)).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FILTERS = 8
BANDS = 4


def bands(pictures: Tensor) -> list[Tensor]:
    """Returns the Laplacian pyramid: three bands, each of half the side, and what is left."""
    out: list[Tensor] = []
    for _ in range(BANDS - 1):
        small = functional.avg_pool2d(pictures, 2)
        large = functional.interpolate(small, scale_factor=2.0, mode="bilinear")
        out.append(pictures - large)
        pictures = small
    return [*out, pictures]


def sliced(fake: Tensor, real: Tensor, kinds: int, rng: torch.Generator) -> Tensor:
    """Returns the distance of patches' distributions, kind by kind, each band in its own units.

    Args:
        fake: Pictures, as many of each kind, kind after kind.
        real: Photographs in the same order.
        kinds: How many kinds.
        rng: Where directions and offsets come from.
    """
    total = fake.new_zeros(())
    for number, (one, two) in enumerate(zip(bands(fake), bands(real), strict=True)):
        side = 5 if number < BANDS - 1 else 3
        directions = torch.randn((FILTERS, 3, side, side), generator=rng)
        directions /= directions.flatten(1).norm(dim=1)[:, None, None, None]
        stride = (3, 2, 1, 1)[number]
        at = int(torch.randint(stride, (1,), generator=rng))
        rows = [
            functional.conv2d(each[:, :, at:, at:], directions, stride=stride)
            .unflatten(0, (kinds, -1))
            .transpose(1, 2)
            .flatten(2)
            .sort(dim=2)
            .values
            for each in (one, two)
        ]
        unit = rows[1].detach().std(dim=2, keepdim=True) + 0.02
        total = total + ((rows[0] - rows[1]) / unit).square().mean()
    return total / BANDS


def changed(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Returns pictures mirrored, moved, and changed in tone and colour by chance."""
    count = len(pictures)

    def drawn(*shape: int) -> Tensor:
        return torch.rand((count, *shape), generator=rng) - 0.5

    pictures = torch.where(drawn(1, 1, 1) < 0, pictures, pictures.flip(-1))
    pictures = pictures + 0.5 * drawn(1, 1, 1)
    centre = pictures.mean(dim=(1, 2, 3), keepdim=True)
    pictures = centre + (pictures - centre) * (1 + 0.5 * drawn(1, 1, 1))
    grey = pictures.mean(dim=1, keepdim=True)
    pictures = grey + (pictures - grey) * (1 + drawn(1, 1, 1))
    padded = functional.pad(pictures, (6, 6, 6, 6), mode="reflect")
    down, across = (torch.randint(13, (2,), generator=rng)).tolist()
    return padded[:, :, down : down + 64, across : across + 64]
