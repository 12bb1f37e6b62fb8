"""Bits in, standard Gaussians out, exactly; and the soft way back.

A dimension that carries ``v`` bits takes the Gaussian's quantile function at a point drawn evenly
from the cell that the bits name: one of 2^v cells of equal probability, in Gray order. If the bits
are coin flips the marginal is exactly N(0, 1), whatever v is. One bit is the sign.
(Gaussian Shading, arXiv:2404.04956, section 3.2; the posterior is that of PRC watermarks,
arXiv:2410.07369, for any number of cells.)
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from latebra.hiding.channel.kernel import kernel

MOST_BITS: Final = 4
"""Most bits that one dimension carries."""
CLIP: Final = 10.0
"""Largest log-likelihood ratio reported: calibration does not know the tails beyond it."""
_STANDARD = NormalDist()


def sample(
    bits: UInt8[np.ndarray, " total"],
    depths: UInt8[np.ndarray, " dims"],
    uniforms: Float64[np.ndarray, " dims"],
) -> Float32[np.ndarray, " dims"]:
    """Returns standard Gaussians that carry ``bits``.

    Args:
        bits: Zeros and ones, as many as ``depths`` sums to, dimension after dimension; the first
            bit of each dimension says the sign (1 is positive).
        depths: Bits that each dimension carries, 0 to ``MOST_BITS``.
        uniforms: One number in (0, 1) a dimension: where in its cell the point lies.
    """
    cells = np.empty(depths.size, np.int64)
    _cells(bits, depths, cells)
    points = (cells + uniforms) * 2.0 ** -depths.astype(np.float64)
    return np.fromiter(map(_STANDARD.inv_cdf, points), np.float64, depths.size).astype(np.float32)


def harden(
    sent: Float32[np.ndarray, " dims"], depths: UInt8[np.ndarray, " dims"]
) -> UInt8[np.ndarray, " total"]:
    """Returns the bits that ``sample`` would have written to get ``sent``: its exact inverse."""
    ones = np.ones(sent.size, np.float32)
    return (soften(sent, depths, ones, np.full(sent.size, 1e-4, np.float32)) > 0).astype(np.uint8)


def soften(
    received: Float32[np.ndarray, " dims"],
    depths: UInt8[np.ndarray, " dims"],
    gain: Float32[np.ndarray, " dims"],
    noise: Float32[np.ndarray, " dims"],
) -> Float32[np.ndarray, " total"]:
    """Returns one log-likelihood ratio for each bit that ``sample`` wrote; above zero means 1.

    The channel is ``received = gain * sent + noise * N(0, 1)`` with ``sent`` from N(0, 1), so that
    what was sent is Gaussian given what came: mean g y / (g² + s²), variance s² / (g² + s²).

    Args:
        received: What came back.
        depths: Bits that each dimension carries.
        gain: Calibrated gain of each dimension.
        noise: Calibrated standard deviation of each dimension's noise, above zero.
    """
    out = np.empty(int(depths.sum(dtype=np.int64)), np.float32)
    power = gain.astype(np.float64) ** 2 + noise.astype(np.float64) ** 2
    mean = gain * received / power
    spread = noise / np.sqrt(power)
    _soften(mean, spread, depths, _edges(), out)
    return out


def soft_capacity(
    gain: Float32[np.ndarray, " dims"],
    noise: Float32[np.ndarray, " dims"],
    depth: int,
    draws: int = 400,
) -> Float64[np.ndarray, " dims"]:
    """Returns the mutual information in bits of ``depth`` bits in each dimension, by simulation.

    Args:
        gain: Gain of each dimension.
        noise: Standard deviation of each dimension's noise.
        depth: Bits that each dimension carries.
        draws: Simulated uses of the channel for each of 60 levels of noise.
    """
    rng = np.random.default_rng(7)
    ratios = np.geomspace(1e-3, 30.0, 60)
    depths = np.full(draws, depth, np.uint8)
    table = np.empty(ratios.size)
    for i, ratio in enumerate(ratios):
        bits = rng.integers(0, 2, draws * depth, dtype=np.uint8)
        sent = sample(bits, depths, (np.arange(draws) + 0.5) / draws)
        received = (sent + ratio * rng.standard_normal(draws)).astype(np.float32)
        ones, level = np.ones(draws, np.float32), np.full(draws, ratio, np.float32)
        llr = soften(received, depths, ones, level).astype(np.float64)
        table[i] = depth * (1 - np.logaddexp2(0, (1 - 2.0 * bits) * llr / math.log(2)).mean())
    table = np.maximum.accumulate(np.clip(table, 0, depth)[::-1])[::-1]
    ratio = np.asarray(noise, np.float64) / np.maximum(np.asarray(gain, np.float64), 1e-9)
    return np.interp(np.log(np.clip(ratio, 1e-3, 30.0)), np.log(ratios), table)


def _edges() -> Float64[np.ndarray, "depths edges"]:
    """Returns the inner and outer edges of the cells, one row a depth; row 0 is not used."""
    rows = np.zeros((MOST_BITS + 1, 2**MOST_BITS + 1))
    for depth in range(1, MOST_BITS + 1):
        inner = [_STANDARD.inv_cdf(i / 2**depth) for i in range(1, 2**depth)]
        rows[depth, : 2**depth + 1] = [-1e9, *inner, 1e9]
    return rows


@kernel
def _cells(bits: Any, depths: Any, cells: Any) -> Any:
    at = 0
    for i in range(depths.size):
        cell, previous = 0, 0
        for _ in range(depths[i]):
            previous ^= bits[at]  # Gray to binary: each bit is the exclusive or of all before it.
            cell = 2 * cell + previous
            at += 1
        cells[i] = cell


@kernel
def _soften(mean: Any, spread: Any, depths: Any, edges: Any, out: Any) -> Any:
    at = 0
    mass = np.empty(1 << MOST_BITS)
    for i in range(depths.size):
        depth = depths[i]
        count = 1 << depth
        for cell in range(count):
            low = (edges[depth, cell] - mean[i]) / spread[i] * 0.7071067811865476
            high = (edges[depth, cell + 1] - mean[i]) / spread[i] * 0.7071067811865476
            # The difference of two tails on the same side keeps its digits.
            if low > 0:
                mass[cell] = math.erfc(low) - math.erfc(high)
            else:
                mass[cell] = math.erfc(-high) - math.erfc(-low)
        for bit in range(depth):
            one, zero = 1e-30, 1e-30
            for cell in range(count):
                code = cell ^ (cell >> 1)
                if (code >> (depth - 1 - bit)) & 1:
                    one += mass[cell]
                else:
                    zero += mass[cell]
            ratio = math.log(one) - math.log(zero)
            out[at] = min(max(ratio, -CLIP), CLIP)
            at += 1
