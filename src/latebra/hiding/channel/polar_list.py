"""The polar transform, the convolution before it, and the list decoder of both.

Every input, frozen or not, has some of those before it added to it, as in Arikan's
polarization-adjusted convolutional codes (arXiv:1908.09594). A plain list decoder decodes them
(Rowshan, Burg, Viterbo, IEEE Trans. Veh. Technol. 70(2), 2021): each path remembers its last
inputs. Inputs that shortening needs to be zero are left alone.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from latebra.hiding.channel import crc
from latebra.hiding.channel.kernel import kernel

TAPS: Final = 0o133
"""Which inputs are added, the lowest bit the one before."""
MEMORY: Final = 0o177
"""As many inputs as a path remembers."""


def transform(u: UInt8[np.ndarray, " size"]) -> UInt8[np.ndarray, " size"]:
    """Returns Arikan's transform: the inputs times the Kronecker power of [1 0; 1 1]."""
    x = u.copy()
    width = 1
    while width < len(x):
        pairs = x.reshape(-1, 2, width)
        pairs[:, 0] ^= pairs[:, 1]
        width *= 2
    return x


@kernel
def _parity(past: Any) -> Any:
    """What the inputs before this one add to it."""
    found = past & TAPS
    for step in (8, 4, 2, 1):
        found ^= found >> step
    return found & 1


@kernel
def convolve(bits: Any, alone: Any) -> Any:
    """Adds to each input those before it that ``TAPS`` names, but to none that is ``alone``."""
    out = bits.copy()
    past = 0
    for i in range(len(bits)):
        if not alone[i]:
            out[i] = bits[i] ^ _parity(past)
        past = ((past << 1) | bits[i]) & MEMORY
    return out


@kernel
def decode(llr: Any, frozen: Any, alone: Any, most: Any) -> Any:
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
    past = np.zeros(most, np.int64)
    past2 = np.zeros(most, np.int64)
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
                want = 0 if alone[i] else _parity(past[p])
                if (a < 0) != (want == 1):
                    metric[p] += abs(a)
                sums[p, 0] = want
                past[p] = (past[p] << 1) & MEMORY
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
                v_bit = bit ^ _parity(past[src_path])
                choice[step, q] = v_bit
                past2[q] = ((past[src_path] << 1) | v_bit) & MEMORY
                metric[q] = price[order[q]]
                sums[q, 0] = bit
                for d in range(depth + 1):
                    at2[q, d] = at[src_path, d]
                    lat2[q, d] = lat[src_path, d]
            at, at2 = at2, at
            lat, lat2 = lat2, lat
            past, past2 = past2, past
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
        state = crc.register(bits[: inside - crc.WIDTH], crc.WIDTH, crc.POLYNOMIAL)
        good = True
        for j in range(crc.WIDTH):
            if bits[inside - 1 - j] != (state >> j) & 1:
                good = False
        if good:
            return True, bits
    return False, bits
