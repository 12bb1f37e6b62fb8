"""Polar code with CRC-aided list decoding, for blocks of at most 1,024 bits.

Sources: Arikan, "Channel polarization" (IEEE Trans. Inf. Theory 55(7), 2009); Tal, Vardy, "List
decoding of polar codes" (ibid. 61(5), 2015); path metrics on LLRs from Balatsoukas-Stimming,
Bastani Parizi, Burg (IEEE Trans. Signal Process. 63(19), 2015); growing the list only when the
small one fails from Li, Shen, Tse (IEEE Commun. Lett. 16(12), 2012). Any length is reached by
quasi-uniform puncturing (Niu, Chen, Lin, ICC 2013), by shortening from the end of the bit-reversed
order (Wang, Liu, IEEE Commun. Lett. 18(12), 2014) or by repetition, whichever the Gaussian
approximation (Trifonov, IEEE Trans. Commun. 60(11), 2012) predicts to fail least.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, UInt8
from typing_extensions import override

from latebra.hiding.channel import crc
from latebra.hiding.channel.code import Code
from latebra.hiding.channel.kernel import kernel

LISTS = (4, 32)
"""List sizes, tried in turn until the check passes."""

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
        self.width = check_bits(k)
        self.place, self.sure, self.frozen = _plan(k + self.width, n)

    @override
    def encode(self, bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " n"]:
        u = np.zeros(len(self.frozen), dtype=np.uint8)
        u[~self.frozen] = np.concatenate([bits, crc.checksum(bits, self.width)])
        return _transform(u)[self.place]

    @override
    def decode(self, llr: Float32[np.ndarray, " n"]) -> UInt8[np.ndarray, " k"] | None:
        inner = np.zeros(len(self.frozen), dtype=np.float32)
        np.subtract.at(inner, self.place, llr.astype(np.float32))
        inner[self.sure] = SURE
        for size in LISTS:
            good, bits = _decode(inner, self.frozen, size, self.width, crc.POLYNOMIAL[self.width])
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
        for row in np.flatnonzero(self.frozen):
            inside = ((every & row) == row) & ~self.sure
            if 0 < inside.sum() <= 64 and sent[inside].all():
                found.append(where[inside])
        return found


def check_bits(k: int) -> int:
    """Check bits inside a block that carries ``k`` message bits."""
    return 16 if k >= 256 else 11


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
    known = np.round(np.log(np.maximum(means, 1e-12)), 7)
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


def _transform(u: UInt8[np.ndarray, " size"]) -> UInt8[np.ndarray, " size"]:
    x = u.copy()
    width = 1
    while width < len(x):
        pairs = x.reshape(-1, 2, width)
        pairs[:, 0] ^= pairs[:, 1]
        width *= 2
    return x


@kernel
def _decode(llr: Any, frozen: Any, most: Any, width: Any, polynomial: Any) -> Any:
    """List decoding; paths share arrays by pointers, as every path rewrites a layer at once."""
    size = len(llr)
    depth = 0
    while 1 << depth < size:
        depth += 1
    inside = size - frozen.sum()
    # Layer d of a path's LLRs has size >> d entries, from start[d]; likewise its left partial sums.
    start = np.zeros(depth + 1, np.int64)
    for d in range(1, depth + 1):
        start[d] = size - (size >> (d - 1))
    alpha = np.zeros((most, size), np.float32)
    left = np.zeros((most, size), np.uint8)
    sums = np.zeros((most, size), np.uint8)
    at = np.zeros((most, depth + 1), np.int64)
    lat = np.zeros((most, depth + 1), np.int64)
    at2 = np.zeros((most, depth + 1), np.int64)
    lat2 = np.zeros((most, depth + 1), np.int64)
    metric = np.zeros(most, np.float32)
    parent = np.zeros((inside, most), np.int32)
    choice = np.zeros((inside, most), np.uint8)
    price = np.zeros(2 * most, np.float32)
    order = np.zeros(2 * most, np.int64)
    paths = 1
    step = 0
    for i in range(size):
        first = 1
        if i:
            first = depth
            while not (i >> (depth - first)) & 1:
                first -= 1
        for d in range(first, depth + 1):
            half = size >> d
            for p in range(paths):
                out = alpha[p, start[d] : start[d] + half]
                src = llr if d == 1 else alpha[at[p, d - 1], start[d - 1] : start[d - 1] + 2 * half]
                if i and d == first:
                    bits = left[lat[p, d], start[d] : start[d] + half]
                    for j in range(half):
                        a = src[j]
                        out[j] = src[half + j] + (-a if bits[j] else a)
                else:
                    for j in range(half):
                        a = src[j]
                        b = src[half + j]
                        x = abs(a)
                        y = abs(b)
                        low = x if x < y else y
                        out[j] = low if (a < 0) == (b < 0) else -low
                at[p, d] = p
        if frozen[i]:
            for p in range(paths):
                a = alpha[p, start[depth]]
                if a < 0:
                    metric[p] -= a
                sums[p, 0] = 0
        else:
            for p in range(paths):
                a = alpha[p, start[depth]]
                price[2 * p] = metric[p] + (-a if a < 0 else np.float32(0))
                price[2 * p + 1] = metric[p] + (a if a > 0 else np.float32(0))
            count = 2 * paths
            keep = min(count, most)
            for q in range(count):
                v = price[q]
                j = min(q, keep)
                if q >= keep and price[order[keep - 1]] <= v:
                    continue
                if q >= keep:
                    j = keep - 1
                while j > 0 and price[order[j - 1]] > v:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = q
            for q in range(keep):
                src_path = order[q] >> 1
                bit = order[q] & 1
                parent[step, q] = src_path
                choice[step, q] = bit
                metric[q] = price[order[q]]
                sums[q, 0] = bit
                for d in range(depth + 1):
                    at2[q, d] = at[src_path, d]
                    lat2[q, d] = lat[src_path, d]
            at, at2 = at2, at
            lat, lat2 = lat2, lat
            paths = keep
            step += 1
        d = depth
        half = 1
        while d > 0 and (i >> (depth - d)) & 1:
            for p in range(paths):
                bits = left[lat[p, d], start[d] : start[d] + half]
                now = sums[p]
                for j in range(half):
                    now[half + j] = now[j]
                    now[j] ^= bits[j]
            d -= 1
            half *= 2
        if d > 0:
            for p in range(paths):
                for j in range(half):
                    left[p, start[d] + j] = sums[p, j]
                lat[p, d] = p
    bits = np.zeros(inside, np.uint8)
    for _ in range(paths):
        p = np.argmin(metric[:paths])
        metric[p] = np.inf
        for s in range(inside - 1, -1, -1):
            bits[s] = choice[s, p]
            p = parent[s, p]
        state = crc.register(bits[: inside - width], width, polynomial)
        good = True
        for j in range(width):
            if bits[inside - 1 - j] != (state >> j) & 1:
                good = False
        if good:
            return True, bits
    return False, bits
