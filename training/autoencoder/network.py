"""The hiding autoencoder: a painter, an extractor of soft bits, and the way back through it.

All three work on blocks of 4 by 4 pixels of a picture that was made small, so that whatever is
hidden lies in frequencies that JPEG and resampling spare, and a picture of any size is a matter of
tiles. Each coefficient that carries a bit is moved towards the nearest point of the lattice that
the bit names (quantisation index modulation; Chen, Wornell 2001, IEEE Trans. Inf. Theory 47(4)).
What is learned is how far it may be moved, given what the block looks like, and how much it is
worth to the reader, given what the received block looks like.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 4
SIDE = 64
"""Pixels of a tile's side: 16 by 16 blocks, 768 bits."""
FREQUENCIES = ((0, 1), (1, 0), (1, 1))
"""Vertical and horizontal frequency of the coefficients that carry a bit; symmetric, so that a
picture that lies on its side is still on the lattice."""
STEP = 14.0
"""Distance of two lattice points of one bit, in grey levels of an orthonormal coefficient. A
quarter of it is more than JPEG of quality 50 rounds to nothing."""
LUMA = (0.299, 0.587, 0.114)
CENTRE = 127.5
SCALE = 64.0


def patterns() -> Tensor:
    """Returns the orthonormal patterns of the carrying coefficients, ``(3, 4, 4)``."""
    n = np.arange(BLOCK)
    rows = [
        math.sqrt((1 if k == 0 else 2) / BLOCK) * np.cos(math.pi * k * (2 * n + 1) / (2 * BLOCK))
        for k in range(2)
    ]
    return torch.tensor(
        np.stack([np.outer(rows[v], rows[h]) for v, h in FREQUENCIES]), dtype=torch.float32
    )


class Blocks(nn.Module):
    """Blocks in, coefficients out, and back: the part of the autoencoder that is not learned."""

    def __init__(self) -> None:
        super().__init__()
        weight = patterns()[:, None]
        luma = torch.tensor(LUMA)[None, :, None, None]
        self.register_buffer("forward_weight", weight * luma)
        self.register_buffer("back_weight", weight.clone())

    def coefficients(self, picture: Tensor) -> Tensor:
        """Returns the carrying coefficients of each block's luma, ``(n, 3, h, w)``."""
        return functional.conv2d(picture, self.forward_weight, stride=BLOCK)

    def paint(self, coefficients: Tensor) -> Tensor:
        """Returns the luma that these coefficients make, ``(n, 1, 4 h, 4 w)``."""
        return functional.conv_transpose2d(coefficients, self.back_weight, stride=BLOCK)


class Context(nn.Module):
    """What a block looks like, in a few numbers: the learned encoder."""

    def __init__(self, seen: int, width: int, out: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(seen, width, BLOCK, stride=BLOCK)
        self.mix = nn.Conv2d(2 * width + len(FREQUENCIES), width, 1)
        self.out = nn.Conv2d(width, out, 1)

    def forward(self, scaled: Tensor, coefficients: Tensor) -> Tensor:
        seen = self.look(scaled)
        parts = [functional.relu(seen), functional.relu(-seen), coefficients.abs() / SCALE]
        return self.out(functional.relu(self.mix(torch.cat(parts, dim=1))))


class Painter(nn.Module):
    """Cover, texture and bits in, residual out."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.blocks = Blocks()
        self.context = Context(4, width, len(FREQUENCIES))
        nn.init.zeros_(self.context.out.weight)
        nn.init.constant_(self.context.out.bias, 1.5)

    def forward(self, picture: Tensor, texture: Tensor, bits: Tensor) -> Tensor:
        """Returns the residual of all colours in grey levels, ``(n, 1, 64, 64)``.

        Args:
            picture: Grey levels, ``(n, 3, 64, 64)``.
            texture: Standard deviation of what was lost when the picture was made small, in grey
                levels, ``(n, 1, 64, 64)``.
            bits: 1 and -1; 0 leaves a coefficient alone, ``(n, 3, 16, 16)``.
        """
        latent = self.blocks.coefficients(picture)
        index = torch.floor(latent / STEP - 0.25 * bits + 0.5)
        target = STEP * (index + 0.25 * bits)
        seen = torch.cat([(picture - CENTRE) / SCALE, texture / (SCALE / 4.0)], dim=1)
        strength = torch.sigmoid(self.context(seen, latent)) * bits.abs()
        return self.blocks.paint(strength * (target - latent))


class Extractor(nn.Module):
    """Picture in, soft bits out: log-likelihood ratios, above zero for 1."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.blocks = Blocks()
        self.context = Context(3, width, len(FREQUENCIES))
        nn.init.zeros_(self.context.out.weight)
        nn.init.constant_(self.context.out.bias, 3.0)

    def parts(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns place in the lattice's cell from 0 to 1, closeness from -1 to 1, and weight."""
        latent = self.blocks.coefficients(picture)
        scaled = latent / STEP + 0.25
        place = scaled - torch.floor(scaled)
        closeness = 1.0 - 4.0 * torch.abs(place - 0.5)
        return place, closeness, functional.relu(self.context((picture - CENTRE) / SCALE, latent))

    def forward(self, picture: Tensor) -> Tensor:
        _, closeness, weight = self.parts(picture)
        return closeness * weight


class Refiner(nn.Module):
    """The gradient of the extractor's loss with respect to the picture, as a network of its own.

    The loss of one bit is softplus(margin - bit * ratio); the weights that the extractor gives are
    held still.
    """

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, picture: Tensor, bits: Tensor, margin: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the gradient of the luma in grey levels, and the extractor's soft bits."""
        place, closeness, weight = self.extractor.parts(picture)
        soft = closeness * weight
        pull = -bits * torch.sigmoid(margin - bits * soft) * weight
        slope = (4.0 / STEP) * (1.0 - 2.0 * (place > 0.5).to(picture.dtype))
        return self.extractor.blocks.paint(pull * slope), soft
