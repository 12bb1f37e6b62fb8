"""The velocity network of the rectified flow: a small U-Net on 2 by 2 pixel blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (40, 96, 176)
EMBEDDING = 128


class Block(nn.Module):
    """Two 3x3 convolutions with a residual, scaled and shifted by time and kind."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(EMBEDDING, 2 * outputs)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(functional.silu(h))


class Velocity(nn.Module):
    """``v(x, t, kind)``: ``x`` (n, 3, 64, 64), ``t`` (n,), one-hot ``kind`` (n, kinds)."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.frequencies = nn.Buffer(2 * math.pi * 2.0 ** torch.arange(-2, 6))
        self.embed_time = nn.Linear(16, EMBEDDING)
        self.embed_kind = nn.Linear(kinds, EMBEDDING, bias=False)
        self.embed = nn.Linear(EMBEDDING, EMBEDDING)
        self.enter = nn.Conv2d(12, a, 3, padding=1)
        self.down0 = nn.ModuleList([Block(a, a)])
        self.shrink0 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.down1 = nn.ModuleList([Block(b, b), Block(b, b)])
        self.shrink1 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([Block(c, c), Block(c, c), Block(c, c)])
        self.grow1 = nn.Conv2d(c, 4 * b, 1)
        self.up1 = nn.ModuleList([Block(2 * b, b), Block(b, b)])
        self.grow0 = nn.Conv2d(b, 4 * a, 1)
        self.up0 = nn.ModuleList([Block(2 * a, a)])
        self.leave_norm = nn.GroupNorm(8, a)
        self.leave = nn.Conv2d(a, 12, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, t: Tensor, kind: Tensor) -> Tensor:
        angle = t[:, None] * self.frequencies
        e = self.embed_time(torch.cat([angle.sin(), angle.cos()], dim=1)) + self.embed_kind(kind)
        e = functional.silu(self.embed(functional.silu(e)))
        h0 = self.enter(functional.pixel_unshuffle(x, 2))
        for block in self.down0:
            h0 = block(h0, e)
        h1 = self.shrink0(h0)
        for block in self.down1:
            h1 = block(h1, e)
        h = self.shrink1(h1)
        for block in self.middle:
            h = block(h, e)
        h = torch.cat([functional.pixel_shuffle(self.grow1(h), 2), h1], dim=1)
        for block in self.up1:
            h = block(h, e)
        h = torch.cat([functional.pixel_shuffle(self.grow0(h), 2), h0], dim=1)
        for block in self.up0:
            h = block(h, e)
        h = self.leave(functional.silu(self.leave_norm(h)))
        return functional.pixel_shuffle(h, 2)
