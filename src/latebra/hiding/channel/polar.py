"""Polar code with CRC-aided list decoding, for blocks of at most 1,024 bits.

Sources: Arikan, "Channel polarization" (IEEE Trans. Inf. Theory 55(7), 2009); Tal, Vardy, "List
decoding of polar codes" (ibid. 61(5), 2015); path metrics on LLRs from Balatsoukas-Stimming,
Bastani Parizi, Burg (IEEE Trans. Signal Process. 63(19), 2015); growing the list only when the
small one fails from Li, Shen, Tse (IEEE Commun. Lett. 16(12), 2012). Any length is reached by
quasi-uniform puncturing (Niu, Chen, Lin, ICC 2013), by shortening from the end of the bit-reversed
order (Wang, Liu, IEEE Commun. Lett. 18(12), 2014) or by repetition, whichever the Gaussian
approximation (Trifonov, IEEE Trans. Commun. 60(11), 2012) predicts to fail least. Inputs are chosen
by that approximation with a leaning to heavy rows (Li, Shen, Tse, arXiv:1407.5483), and
convolved first (``polar_list``): both thin out the light codewords that a long list falls for.
"""

from __future__ import annotations

from typing import final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8
from typing_extensions import override

from latebra.hiding.channel import crc
from latebra.hiding.channel.code import Code
from latebra.hiding.channel.polar_list import TAPS, convolve, decode, transform

LISTS = (4, 32)
"""List sizes, tried in turn until the check passes."""

LEANING = 0.2
"""What each one in the binary form of an input's number adds to the logarithm of its mean LLR:
chosen by simulation at 512 bits in 1,024."""

SURE = np.float32(1e6)
"""LLR of a bit that is known to be zero."""


@final
class PolarCode(Code):
    """A polar code of any length up to 1,024.

    Args:
        k: Message bits.
        n: Code bits.
    """

    def __init__(self, k: int, n: int) -> None:
        self.k, self.n, self.name = k, n, "polar"
        self.place, self.sure, self.frozen = _plan(k + crc.WIDTH, n)

    @override
    def encode(self, bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " n"]:
        inputs = np.zeros(len(self.frozen), dtype=np.uint8)
        inputs[~self.frozen] = np.concatenate([bits, crc.checksum(bits)])
        return transform(convolve(inputs, self.sure))[self.place]

    @override
    def decode(self, llr: Float32[np.ndarray, " n"]) -> UInt8[np.ndarray, " k"] | None:
        inner = np.zeros(len(self.frozen), dtype=np.float32)
        np.subtract.at(inner, self.place, llr.astype(np.float32))
        inner[self.sure] = SURE
        for size in LISTS:
            good, bits = decode(inner, self.frozen, self.sure, size)
            if good:
                return bits[: self.k]
        return None

    @override
    def checks(self) -> list[Int32[np.ndarray, " _"]]:
        size = len(self.frozen)
        where = np.full(size, -1, dtype=np.int32)
        where[self.place[::-1]] = np.arange(self.n - 1, -1, -1, dtype=np.int32)
        sent = where >= 0
        found: list[Int32[np.ndarray, " _"]] = []
        every = np.arange(size)
        # A row is zero after the convolution where all that is added to it is frozen too.
        zero = self.frozen.copy()
        for back in range(1, TAPS.bit_length() + 1):
            if TAPS >> (back - 1) & 1:
                zero[back:] &= self.frozen[:-back] | self.sure[back:]
        for row in np.flatnonzero(zero):
            inside = ((every & row) == row) & ~self.sure
            if 0 < inside.sum() <= 64 and sent[inside].all():
                found.append(where[inside])
        return found


def _plan(
    inside: int, n: int
) -> tuple[Int32[np.ndarray, " n"], Bool[np.ndarray, " size"], Bool[np.ndarray, " size"]]:
    """Where each code bit sits, which are known zeros, which inputs are frozen."""
    best: tuple[float, object] = (np.inf, None)
    plan = None
    for size in (1 << (n - 1).bit_length(), 1 << (n - 1).bit_length() - 1):
        if size < inside or size < n * 8 // 9 or size < 8:
            continue
        order = _reversed(size)
        for kind in ("repeat",) if n >= size else ("puncture", "shorten"):
            sure = np.zeros(size, dtype=bool)
            place = np.arange(n, dtype=np.int32) % size
            if kind == "puncture":
                place = np.sort(order[size - n :]).astype(np.int32)
            elif kind == "shorten":
                place = np.sort(order[:n]).astype(np.int32)
                sure[order[n:]] = True
            weak, frozen = _freeze(inside, n, size, place, sure)
            if weak < best[0]:
                best, plan = (weak, kind), (place, sure, frozen)
    if plan is None:
        raise ValueError(f"no polar code of {n} bits holds {inside}")
    return plan


def _freeze(
    inside: int,
    n: int,
    size: int,
    place: Int32[np.ndarray, " n"],
    sure: Bool[np.ndarray, " size"],
) -> tuple[float, Bool[np.ndarray, " size"]]:
    """Freeze the least reliable inputs; also the predicted failure rate of plain cancellation."""
    # The channel that a code of this rate and length is asked to work on: capacity a little above
    # the rate. Reliabilities are rounded before sorting: two machines must never disagree on them.
    rate = min(0.97, inside / n + 0.6 / np.sqrt(n))
    mean = _spread(np.full(1, rate))[0] ** 2 / 2
    channel = np.bincount(place, minlength=size) * mean
    channel[sure] = 1e4
    means = channel.astype(np.float64)
    width = size // 2
    while width:
        pairs = means.reshape(-1, 2, width)
        means = np.stack([_worse(pairs[:, 0], pairs[:, 1]), pairs[:, 0] + pairs[:, 1]], 1).ravel()
        width //= 2
    ones = np.array([number.bit_count() for number in range(size)])
    known = np.round(np.log(np.maximum(means, 1e-12)) + LEANING * ones, 7)
    known[sure] = -1e3
    frozen = np.ones(size, dtype=bool)
    chosen = np.argsort(-known, kind="stable")[:inside]
    frozen[chosen] = False
    return float(np.exp(-means[chosen] / 4).sum()), frozen


def _worse(a: Float64[np.ndarray, "*s"], b: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Mean LLR after a check node, by the fit of Brannstrom, Rasmussen, Grant (2005)."""
    x, y = _spread(_lost(a)), _spread(_lost(b))
    return _spread(_lost((x * x + y * y) / 2)) ** 2 / 2


_H1, _H2, _H3 = 0.3073, 0.8935, 1.1064


def _lost(mean: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """What is missing to one bit of information at a mean LLR."""
    power = np.exp2(-_H1 * np.minimum(2 * mean, 400.0) ** _H2)
    return -np.expm1(_H3 * np.log1p(-np.minimum(power, 1 - 1e-15)))


def _spread(information: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Standard deviation of the LLR that gives this much information."""
    inner = -np.expm1(np.log(np.clip(information, 1e-300, 1 - 1e-15)) / _H3)
    return (-np.log2(np.maximum(inner, 1e-300)) / _H1) ** (1 / (2 * _H2))


def _reversed(size: int) -> Int32[np.ndarray, " size"]:
    order = np.zeros(1, dtype=np.int32)
    while len(order) < size:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order
