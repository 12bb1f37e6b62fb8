"""The encoder of small pictures while it is trained: residual blocks, then two heads.

Blocks as in He et al., "Deep residual learning for image recognition" (CVPR 2016), few and small.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 128, 320)
"""Channels at 24, 12, 6 and 3 places along an edge."""
STRIDE = 2
LOOKS, MEANING = 256, 384


class Convolved(nn.Module):
    """A convolution and batch normalisation, which ``folded`` makes one of."""

    def __init__(self, given: int, made: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(given, made, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(made)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Returns weight and bias of the one convolution that does the same."""
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        bias = self.norm.bias - self.norm.running_mean * scale
        return self.conv.weight * scale[:, None, None, None], bias


class Block(nn.Module):
    """Two convolutions beside a way round them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Convolved(width, width), Convolved(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.second(self.first(x).relu())).relu()


class Encoder(nn.Module):
    """Pictures ``(n, 3, 48, 48)`` to meaning and looks, both of length one."""

    def __init__(self) -> None:
        super().__init__()
        first, *others = WIDTHS
        self.stem = Convolved(3 * STRIDE**2, first)
        stages: list[nn.Module] = [Block(first)]
        for given, made in zip(WIDTHS, others, strict=False):
            stages.append(Convolved(given, made, 2))
            if made != WIDTHS[-1]:
                stages.append(Block(made))
        stages.insert(5, Block(WIDTHS[2]))
        self.stages = nn.ModuleList(stages)
        self.meaning = nn.Linear(WIDTHS[-1], MEANING)
        self.looks = nn.Linear(WIDTHS[-1], LOOKS)

    def features(self, picture: Tensor) -> Tensor:
        """Returns ``(n, 320)``: the mean over places of the last convolution."""
        x = functional.pixel_unshuffle(picture, STRIDE).to(memory_format=torch.channels_last)
        x = self.stem(x).relu()
        for stage in self.stages:
            x = stage(x).relu() if isinstance(stage, Convolved) else stage(x)
        return x.float().mean(dim=(2, 3))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(picture)
        return (
            functional.normalize(self.meaning(features), dim=1),
            functional.normalize(self.looks(features), dim=1),
        )


class Folded(nn.Module):
    """An encoder whose normalisation is in its convolutions, and which takes pictures as they are.

    Args:
        encoder: What was trained.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.stem = _plain(encoder.stem)
        # Three places of pictures that were unshuffled by two are six of the pictures.
        weight = functional.pixel_shuffle(self.stem.weight.detach(), STRIDE)
        self.stem.weight = nn.Parameter(weight)
        self.stem.stride, self.stem.padding = (STRIDE, STRIDE), (2, 2)
        self.stages = nn.ModuleList(
            _plain(stage)
            if isinstance(stage, Convolved)
            else nn.ModuleList([_plain(stage.first), _plain(stage.second)])
            for stage in encoder.stages
        )
        self.meaning, self.looks = encoder.meaning, encoder.looks

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(picture).relu()
        for stage in self.stages:
            if isinstance(stage, nn.ModuleList):
                first, second = stage
                x = (x + second(first(x).relu())).relu()
            else:
                x = stage(x).relu()
        features = functional.avg_pool2d(x, x.shape[-1]).flatten(1)
        return _unit(self.meaning(features)), _unit(self.looks(features))


def _plain(convolved: Convolved) -> nn.Conv2d:
    weight, bias = (each.detach() for each in convolved.folded())
    plain = nn.Conv2d(weight.shape[1], len(weight), 3, convolved.conv.stride, 1)
    plain.weight, plain.bias = nn.Parameter(weight.contiguous()), nn.Parameter(bias)
    return plain


def _unit(rows: Tensor) -> Tensor:
    return rows / (rows * rows).sum(dim=1, keepdim=True).sqrt()
