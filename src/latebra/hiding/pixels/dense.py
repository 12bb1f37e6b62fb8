"""Hide bits in the choice of a picture's greys, at the whole entropy of the model's tables.

Coin flips choose each grey from the model's table by arithmetic decoding, so that a picture with a
message is one that a sampler of the same tables would give (Ziegler, Deng, Rush 2019,
arXiv:1909.01496; for pictures Zhang et al. 2021, Pixel-Stega, arXiv:2112.10945). The model computes
in whole numbers: both ends have the same tables, whatever computes them.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Decoder, Encoder
from latebra.hiding.pixels.model import Greys, PixelModel

HEAVIEST: Final = 1 << 24
"""Weight of the likeliest grey; no grey's is below 1, so that every picture can be read."""

Bits = UInt8[np.ndarray, " _"]


def write(model: PixelModel, bits: Bits, coins: Stream) -> Greys:
    """Returns a picture that carries ``bits``, and coin flips after them.

    A picture without detail may have no room for all of them; reading it back tells.

    Args:
        model: The reader's too.
        bits: Zeros and ones that look like coin flips.
        coins: What comes after them.
    """
    drawn = coins.bits(32 * model.side**2)
    tape, at = np.concatenate([bits, drawn]), 0

    def source(count: int) -> Bits:
        nonlocal at
        at += count
        return tape[at - count : at]

    decoder = Decoder(source)

    def choose(logits: Int64[np.ndarray, "pixels greys"]) -> Int64[np.ndarray, " pixels"]:
        return np.array([decoder.pull(each) for each in tables(logits, model.nats)])

    return model.paint(choose)


def read(model: PixelModel, greys: Greys) -> Bits:
    """Returns the bits that a picture carries, and some of the coin flips after them."""
    edges, chosen = _opened(model, greys)
    encoder = Encoder()
    each = np.arange(chosen.size)
    cells = np.stack([edges[each, chosen], edges[each, chosen + 1], edges[:, -1]], axis=1)
    encoder.push_cells(cells)
    return encoder.bits


def points(model: PixelModel, greys: Greys, within: Float64[np.ndarray, " pixels"]) -> np.ndarray:
    """Returns where each pixel lies in the distribution of its table: even over (0, 1) if drawn.

    Args:
        model: The model.
        greys: The picture.
        within: Where in its own share a pixel is taken to lie.
    """
    edges, chosen = _opened(model, greys)
    each = np.arange(chosen.size)
    low, high = edges[each, chosen], edges[each, chosen + 1]
    return (low + within * (high - low)) / edges[:, -1]


def tables(
    logits: Int64[np.ndarray, "pixels greys"], nats: float
) -> Int64[np.ndarray, "pixels edges"]:
    """Returns the tables of pixels: running sums of weights, from 0.

    Args:
        logits: In whole steps.
        nats: What a step is worth.
    """
    lightness = _weights(nats)
    below = logits.max(axis=1, keepdims=True) - logits
    edges = np.zeros((len(logits), logits.shape[1] + 1), np.int64)
    np.cumsum(lightness[np.minimum(below, lightness.size - 1)], axis=1, out=edges[:, 1:])
    return edges


def _opened(
    model: PixelModel, greys: Greys
) -> tuple[Int64[np.ndarray, "pixels edges"], Int64[np.ndarray, " pixels"]]:
    return tables(model.logits(greys), model.nats), greys.ravel()[model.order]


@cache
def _weights(nats: float) -> Int64[np.ndarray, " steps"]:
    """Weights by steps below the top down to 1, the same everywhere: exponentials in decimals."""
    digits = Context(prec=40, rounding=ROUND_HALF_EVEN)
    found = [HEAVIEST]
    while found[-1] > 1:
        power = digits.exp(digits.multiply(Decimal(-nats), Decimal(len(found))))
        found.append(int(digits.to_integral_value(digits.multiply(Decimal(HEAVIEST), power))))
    weights = np.array(found, np.int64)
    weights.flags.writeable = False
    return weights
