"""Circulant shifts of the LDPC code, for any lifting size.

Any size occurs, so shifts are computed rather than stored: by a greedy search that avoids short
cycles and weak ones (Hu, Eleftheriou, Arnold, IEEE Trans. Inf. Theory 51(1), 2005; Tian, Jones,
Villasenor, Wesel, IEEE Trans. Commun. 52(8), 2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int64

from latebra.hiding.channel.kernel import kernel


def core(size: int) -> tuple[Int64[np.ndarray, 4], Int64[np.ndarray, " terms"]]:
    """Shifts of the first parity column in the core rows, with the circulant that solves for it.

    The four core rows sum to three circulants of that column. If two of them cancelled, as they do
    where encoding must be cheapest, every bit of it would lie in a near-codeword of weight six;
    hence three that differ, whose sum has an inverse.
    """
    for step in range(size):
        third = (size * 3 // 8 + step) % size
        shifts = np.array([1 % size, 0, -1, third], dtype=np.int64)
        solve = _inverse((1 << int(shifts[0])) ^ 1 ^ (1 << third), size)
        if third > 1 and solve:
            break
    else:
        shifts, solve = np.array([1 % size, 0, -1, 1 % size], dtype=np.int64), 1
    return shifts, np.array([i for i in range(size) if solve >> i & 1], dtype=np.int64)


def _inverse(polynomial: int, size: int) -> int:
    """Inverse of a binary polynomial, bit by power, modulo ``x**size - 1``; 0 when it has none."""
    old, new, old_factor, factor = (1 << size) | 1, polynomial, 0, 1
    while new:
        while old.bit_length() >= new.bit_length():
            by = old.bit_length() - new.bit_length()
            old ^= new << by
            old_factor ^= factor << by
        old, new, old_factor, factor = new, old, factor, old_factor
    return (old_factor & ((1 << size) - 1)) ^ (old_factor >> size) if old == 1 else 0


@kernel
def shifts(start: Any, column: Any, columns: Any, size: Any, message: Any, first: Any) -> Any:
    """Circulant shifts, edge by edge, each where it closes the fewest and longest cycles."""
    rows, core = len(start) - 1, len(first)
    shift = np.full(len(column), -1, np.int64)
    degree = np.zeros(columns, np.int64)
    edge = np.full((rows, columns), -1, np.int64)
    for r in range(rows):
        for e in range(start[r], start[r + 1]):
            degree[column[e]] += 1
            edge[r, column[e]] = e
            if column[e] >= message:
                shift[e] = first[r] if column[e] == message and r < core else 0
    cost = np.zeros(size, np.int64)
    state = np.int64(12345)
    for r in range(rows):
        for e in range(start[r], start[r + 1]):
            c = column[e]
            if c >= message and (r < core or c >= message + core):
                continue
            shift[e] = -1
            cost[:] = 0
            for r1 in range(rows):
                e1 = edge[r1, c]
                if r1 == r or e1 < 0 or shift[e1] < 0:
                    continue
                for e2 in range(start[r1], start[r1 + 1]):
                    c2 = column[e2]
                    if c2 == c or shift[e2] < 0:
                        continue
                    ahead = shift[e1] - shift[e2]
                    e3 = edge[r, c2]
                    if e3 >= 0 and shift[e3] >= 0:
                        cost[(ahead + shift[e3]) % size] += 1000000 // (degree[c] + degree[c2] - 3)
                    for r2 in range(rows):
                        e4 = edge[r2, c2]
                        if r2 in (r, r1) or e4 < 0 or shift[e4] < 0:
                            continue
                        for e5 in range(start[r2], start[r2 + 1]):
                            c3 = column[e5]
                            e6 = edge[r, c3]
                            if c3 in (c, c2) or e6 < 0 or shift[e5] < 0 or shift[e6] < 0:
                                continue
                            far = ahead + shift[e4] - shift[e5] + shift[e6]
                            cost[far % size] += 10000 // (degree[c] + degree[c2] + degree[c3] - 5)
            state = (state * 1103515245 + 12345) % 2147483648
            best = state % size
            for j in range(size):
                s = (state + j) % size
                if cost[s] < cost[best]:
                    best = s
            shift[e] = best
    return shift
