"""Exact values forwards, the gradients of smooth ones backwards."""

from __future__ import annotations

import torch
from torch import Tensor

from latebra.models.exact.graduated import Graduated
from latebra.models.exact.rescale import Rescale


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, exact, smooth):
        return exact.clone()

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


def straight(exact: Tensor, smooth: Tensor) -> Tensor:
    """Returns ``exact``, bit for bit, with the gradient of ``smooth``.

    Source: Bengio et al. 2013, arXiv:1308.3432. ``smooth + (exact - smooth)`` would round.
    """
    return _Straight.apply(exact, smooth)


def rescaled(sums: Tensor, rescale: Rescale) -> Tensor:
    """Returns what ``Rescale`` computes; outside its range the gradient is zero."""
    scaled = sums * 2.0**-rescale.shift
    exact = scaled.detach().floor().clamp(rescale.low, rescale.high)
    return straight(exact, scaled.clamp(rescale.low, rescale.high))


def whole(weights: Tensor, most: float) -> Tensor:
    """Returns weights rounded to whole numbers up to ``most``; gradients pass as they are."""
    return straight(weights.detach().round().clamp(-most, most), weights)


@torch.no_grad()
def entries(table: Tensor, graduated: Graduated, numbers: Tensor) -> Tensor:
    """Returns the entry of each number, as ``Graduated`` finds it."""
    places = sum(
        ((numbers - start) * 2.0**-rescale.shift).floor().clamp(rescale.low, rescale.high)
        for start, rescale in graduated.parts
    )
    return table[places.long()]
