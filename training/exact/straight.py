"""Exact values forwards, the gradients of smooth ones backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import torch
from torch import Tensor

from latebra.models.exact.graduated import Graduated
from latebra.models.exact.rescale import Rescale

_IN_FLOATS: Final = ContextVar("in_floats", default=False)


@contextmanager
def in_floats() -> Iterator[None]:
    """Within it, parts compute as their twins in floats do: nothing is rounded or clipped."""
    token = _IN_FLOATS.set(True)
    try:
        yield
    finally:
        _IN_FLOATS.reset(token)


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


def is_in_floats() -> bool:
    """Is this within ``in_floats``?"""
    return _IN_FLOATS.get()


def clipped(x: Tensor, most: float) -> Tensor:
    """Returns numbers up to ``most``; outside that range the gradient is zero."""
    return x if is_in_floats() else x.clamp(-most, most)


def rescaled(sums: Tensor, rescale: Rescale) -> Tensor:
    """Returns what ``Rescale`` computes; outside its range the gradient is zero."""
    scaled = sums * 2.0**-rescale.shift
    if is_in_floats():
        return scaled.relu() if rescale.low == 0 else scaled
    exact = scaled.detach().floor().clamp(rescale.low, rescale.high)
    return straight(exact, scaled.clamp(rescale.low, rescale.high))


def whole(weights: Tensor, most: float) -> Tensor:
    """Returns weights rounded to whole numbers up to ``most``; gradients pass as they are."""
    if is_in_floats():
        return weights
    return straight(weights.detach().round().clamp(-most, most), weights)


@torch.no_grad()
def entries(table: Tensor, graduated: Graduated, numbers: Tensor) -> Tensor:
    """Returns the entry of each number, as ``Graduated`` finds it."""
    places = sum(
        ((numbers - start) * 2.0**-rescale.shift).floor().clamp(rescale.low, rescale.high)
        for start, rescale in graduated.parts
    )
    return table[places.long()]
