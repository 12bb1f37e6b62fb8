"""The three networks of the spatial-latent GAN: generator, extractor, and a critic that is dropped.

A latent vector is three blocks of cells: few coarse ones that survive nearly everything, and finer
ones that survive less. Generator and extractor are convolutions, pixel shuffles and SiLU alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE: Final = 64
KINDS: Final = ("leaves", "stone", "bark")
BLOCKS: Final = ((16, 4), (16, 8), (4, 16))
"""Channels and side of the latent's blocks, the coarse one first."""
SIZES: Final = tuple(channels * side * side for channels, side in BLOCKS)
DIMS: Final = sum(SIZES)
WIDTHS: Final = (128, 96, 64, 40, 16)
"""Channels of the generator at 4, 8, 16, 32 and 64 cells a side."""
BOUND: Final = 127.5 / 64.0
"""Black and white in units of a picture."""
LEAST: Final = -3.5
MOST: Final = 1.0
"""The least and the most log-variance that the extractor reports; a prior's is 0."""


def conv(inputs: int, outputs: int, side: int = 3, stride: int = 1) -> nn.Conv2d:
    """Returns a convolution that keeps the size, but for its stride, and the power (He et al.)."""
    layer = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """Two 3x3 convolutions, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(x))))


class Grow(nn.Module):
    """Twice the side: a 1x1 convolution whose outputs are dealt to the new cells."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.deal = conv(inputs, 4 * outputs, 1)
        with torch.no_grad():
            # Starting as plain repetition leaves no chequerboard to unlearn.
            self.deal.weight.copy_(self.deal.weight[::4].repeat_interleave(4, dim=0))
            self.deal.bias.copy_(self.deal.bias[::4].repeat_interleave(4, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.deal(x), 2)


class Generator(nn.Module):
    """``latent`` (n, DIMS) and one-hot ``kind`` (n, kinds) to pictures (n, 3, 64, 64).

    One unit of a picture is 64 grey levels about mid-grey.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = WIDTHS
        self.kind = nn.Linear(len(KINDS), sum(widths[:4]))
        self.enter = nn.ModuleList(
            conv(channels, width) for (channels, _), width in zip(BLOCKS, widths, strict=False)
        )
        self.grow = nn.ModuleList(Grow(a, b) for a, b in pairwise(widths))
        self.mix = nn.ModuleList(Residual(width) for width in widths[:4])
        self.more = Residual(widths[2])
        self.smooth = conv(widths[4], widths[4])
        self.leave = conv(widths[4], 3)
        with torch.no_grad():
            self.leave.weight *= 0.2

    def forward(self, latent: Tensor, kind: Tensor) -> Tensor:
        blocks = [
            part.reshape(-1, channels, side, side)
            for part, (channels, side) in zip(latent.split(SIZES, dim=1), BLOCKS, strict=True)
        ]
        shifts = self.kind(kind)[:, :, None, None].split(WIDTHS[:4], dim=1)
        h = self.mix[0](self.enter[0](blocks[0]) + shifts[0])
        h = self.mix[1](self.grow[0](h) + self.enter[1](blocks[1]) + shifts[1])
        h = self.mix[2](self.grow[1](h) + self.enter[2](blocks[2]) + shifts[2])
        h = self.more(h)
        h = self.mix[3](self.grow[2](h) + shifts[3])
        h = functional.silu(self.smooth(functional.silu(self.grow[3](h))))
        return BOUND * torch.tanh(self.leave(h) / BOUND)


class Extractor(nn.Module):
    """Pictures (n, 3, 64, 64) to the mean and log-variance of each latent, (n, DIMS) both."""

    def __init__(self, fine: int = 64, middle: int = 112) -> None:
        super().__init__()
        self.enter = conv(12, 32)
        self.shrink = conv(32, fine, 3, 2)
        self.fine = nn.Sequential(Residual(fine), Residual(fine))
        self.shrink_again = conv(fine, middle, 3, 2)
        self.middle = nn.Sequential(Residual(middle), Residual(middle))
        self.shrink_more = conv(middle, middle, 3, 2)
        self.coarse = Residual(middle)
        self.back = Grow(middle, fine)
        self.last = Residual(fine)
        widths = (middle, middle, fine)
        self.leave = nn.ModuleList(
            conv(width, 2 * channels) for (channels, _), width in zip(BLOCKS, widths, strict=True)
        )
        with torch.no_grad():
            for layer in self.leave:
                layer.weight *= 0.1

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        h = functional.silu(self.enter(functional.pixel_unshuffle(picture, 2)))
        fine = self.fine(self.shrink(h))
        middle = self.middle(self.shrink_again(fine))
        coarse = self.coarse(self.shrink_more(middle))
        fine = self.last(fine + self.back(middle))
        pairs = [
            leave(functional.silu(x)).flatten(2).chunk(2, dim=1)
            for leave, x in zip(self.leave, (coarse, middle, fine), strict=True)
        ]
        mean = torch.cat([pair[0].flatten(1) for pair in pairs], dim=1)
        spread = torch.cat([pair[1].flatten(1) for pair in pairs], dim=1)
        return mean, LEAST + (MOST - LEAST) * torch.sigmoid(spread + 1.3)


class Critic(nn.Module):
    """Pictures and one-hot kinds to one score for each of 8 by 8 patches and one for the whole."""

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        a, b, c = width, 2 * width, 3 * width
        self.body = nn.ModuleList(
            [conv(12, a), conv(a, b, 3, 2), conv(b, b), conv(b, c, 3, 2), conv(c, c)]
        )
        self.patch = conv(c, 1 + len(KINDS), 1)
        self.whole = nn.Sequential(conv(c, c, 3, 2), nn.LeakyReLU(0.2), nn.Flatten())
        self.score = nn.Linear(16 * c, 1 + len(KINDS))

    def forward(self, picture: Tensor, kind: Tensor) -> Tensor:
        h = functional.pixel_unshuffle(picture, 2)
        for layer in self.body:
            h = functional.leaky_relu(layer(h), 0.2)
        chosen = torch.cat([torch.ones_like(kind[:, :1]), kind], dim=1)
        patches = (self.patch(h) * chosen[:, :, None, None]).sum(1).flatten(1)
        whole = (self.score(self.whole(h)) * chosen).sum(1, keepdim=True)
        return torch.cat([patches, whole.expand(-1, patches.shape[1] // 2)], dim=1)
