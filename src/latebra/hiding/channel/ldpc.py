"""Quasi-cyclic LDPC code with layered integer decoding, for blocks of more than 1,024 bits.

One Raptor-like protograph (``ldpc_design``) serves every length and rate: its rows are used from the
top until the block is full, the message columns beyond ``k`` are zeros that are not sent, and the
first two columns are never sent at all. The lifting size is the smallest that holds the message, so
any size occurs; its circulant shifts are therefore computed rather than stored, by a greedy search
that avoids short cycles and weak ones (Hu, Eleftheriou, Arnold, IEEE Trans. Inf. Theory 51(1), 2005;
Tian, Jones, Villasenor, Wesel, IEEE Trans. Commun. 52(8), 2004).

Rows are decoded one after another (Hocevar, SiPS 2004). A message is a whole number of eighths of
an LLR, held in float32, where whole numbers are exact: every machine decodes alike, and the
compiler can still use its vector units, which it does not with Numba's widened integers.
"""

from __future__ import annotations

from typing import final

import numba as nb
import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8
from typing_extensions import override

from latebra.hiding.channel.code import Code
from latebra.hiding.channel.ldpc_design import CORE, MESSAGE_COLUMNS, ROWS

SCALE = 8.0
"""Steps per unit of LLR."""

LOUDEST = 240.0
"""Largest channel value, in steps."""

ROUNDS = 60
"""Iterations before the decoder gives up."""


@final
class LdpcCode(Code):
    """A quasi-cyclic LDPC code of any length and rate.

    Args:
        k: Message bits.
        n: Code bits.
    """

    def __init__(self, k: int, n: int) -> None:
        self.k, self.n, self.name = k, n, "ldpc"
        size = -(-k // MESSAGE_COLUMNS)
        hidden = 2 * size
        rows = min(len(ROWS), max(CORE, -(-(n - k + hidden) // size)))
        columns = MESSAGE_COLUMNS + rows
        self.size, self.rows, self.columns = size, rows, columns
        self.start = np.cumsum(
            [0, *(len(r) + (i >= CORE) for i, r in enumerate(ROWS[:rows]))]
        )
        self.column = np.array(
            [
                c
                for i, r in enumerate(ROWS[:rows])
                for c in (*r, *([MESSAGE_COLUMNS + i] if i >= CORE else []))
            ],
            dtype=np.int64,
        )
        self.shift = _shifts(
            self.start, self.column, columns, size, MESSAGE_COLUMNS, CORE
        )
        whole = np.arange(columns * size, dtype=np.int64)
        kept = np.concatenate([whole[hidden:k], whole[MESSAGE_COLUMNS * size :]])
        self.place = np.resize(kept, n)

    @override
    def encode(self, bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " n"]:
        word = np.zeros((self.columns, self.size), dtype=np.uint8)
        word.ravel()[: self.k] = bits
        _encode(word, self.start, self.column, self.shift, MESSAGE_COLUMNS, CORE)
        return word.ravel()[self.place]

    @override
    def decode(self, llr: Float32[np.ndarray, " n"]) -> UInt8[np.ndarray, " k"] | None:
        inner = np.zeros(self.columns * self.size, dtype=np.float32)
        np.subtract.at(inner, self.place, llr)
        inner = np.clip(np.rint(inner * np.float32(SCALE)), -LOUDEST, LOUDEST)
        inner[self.k : MESSAGE_COLUMNS * self.size] = 16 * LOUDEST
        state = inner.reshape(self.columns, self.size)
        if (
            _decode(state, self.start, self.column, self.shift, MESSAGE_COLUMNS, ROUNDS)
            < 0
        ):
            return None
        return (state.ravel()[: self.k] < 0).astype(np.uint8)

    @override
    def checks(self) -> list[Int32[np.ndarray, " _"]]:
        size = self.size
        where = np.full(self.columns * size, -1, dtype=np.int32)
        where[self.place[::-1]] = np.arange(self.n - 1, -1, -1, dtype=np.int32)
        zero = np.zeros(self.columns * size, dtype=bool)
        zero[self.k : MESSAGE_COLUMNS * size] = True
        base = [slice(self.start[r], self.start[r + 1]) for r in range(self.rows)]
        hidden = [
            {
                int(c): int(s)
                for c, s in zip(self.column[b], self.shift[b], strict=True)
                if c < 2
            }
            for b in base
        ]
        # A row that holds one hidden column alone clears that column from every other row.
        pivot = {
            c: min(
                (r for r in range(self.rows) if set(hidden[r]) == {c}),
                key=lambda r: int(self.start[r + 1] - self.start[r]),
                default=None,
            )
            for c in (0, 1)
        }
        found: list[Int32[np.ndarray, " _"]] = []
        turn = np.arange(size)
        for r in range(self.rows):
            if any(pivot[c] is None or pivot[c] == r for c in hidden[r]):
                continue
            parts = [self._members(r, turn)]
            parts += [
                self._members(
                    int(pivot[c] or 0),
                    (turn + s - hidden[int(pivot[c] or 0)][c]) % size,
                )
                for c, s in hidden[r].items()
            ]
            for row in np.concatenate(parts, axis=1):
                index, times = np.unique(row, return_counts=True)
                index = index[(times % 2 == 1) & ~zero[index]]
                if len(index) and (where[index] >= 0).all():
                    found.append(where[index])
        sent = len(set(self.place.tolist()))
        found += [np.array([i % sent, i], dtype=np.int32) for i in range(sent, self.n)]
        return found

    def _members(
        self, row: int, turn: Int64[np.ndarray, " z"]
    ) -> Int64[np.ndarray, "z degree"]:
        """Indices that take part in a lifted row, for each of some rotations."""
        edges = slice(self.start[row], self.start[row + 1])
        return (
            self.column[edges] * self.size
            + (turn[:, None] + self.shift[edges]) % self.size
        )


@nb.njit(cache=True, nogil=True)
def _shifts(start, column, columns, size, message, core):  # pyright: ignore
    """Circulant shifts, edge by edge, each where it closes the fewest and longest cycles."""
    rows = len(start) - 1
    shift = np.full(len(column), -1, np.int64)
    degree = np.zeros(columns, np.int64)
    edge = np.full((rows, columns), -1, np.int64)
    for r in range(rows):
        for e in range(start[r], start[r + 1]):
            degree[column[e]] += 1
            edge[r, column[e]] = e
            if column[e] >= message:
                shift[e] = 1 if column[e] == message and r < core and r != 1 else 0
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
                        cost[(ahead + shift[e3]) % size] += 1000000 // (
                            degree[c] + degree[c2] - 3
                        )
                    for r2 in range(rows):
                        e4 = edge[r2, c2]
                        if r2 == r or r2 == r1 or e4 < 0 or shift[e4] < 0:
                            continue
                        for e5 in range(start[r2], start[r2 + 1]):
                            c3 = column[e5]
                            e6 = edge[r, c3]
                            if (
                                c3 == c
                                or c3 == c2
                                or e6 < 0
                                or shift[e5] < 0
                                or shift[e6] < 0
                            ):
                                continue
                            far = ahead + shift[e4] - shift[e5] + shift[e6]
                            cost[far % size] += 10000 // (
                                degree[c] + degree[c2] + degree[c3] - 5
                            )
            state = (state * 1103515245 + 12345) % 2147483648
            best = state % size
            for j in range(size):
                s = (state + j) % size
                if cost[s] < cost[best]:
                    best = s
            shift[e] = best
    return shift


@nb.njit(cache=True, nogil=True)
def _encode(word, start, column, shift, message, core):  # pyright: ignore
    """Fill the parity columns: the core by its dual diagonal, the rest one row at a time."""
    size = word.shape[1]
    total = np.zeros(size, np.uint8)
    for step in range(2):
        for r in range(0 if step == 0 else core, core if step == 0 else len(start) - 1):
            out = word[message + r]
            for e in range(start[r], start[r + 1]):
                c = column[e]
                if c >= message + (0 if r < core else core):
                    continue
                s = shift[e]
                src = word[c]
                for j in range(size - s):
                    out[j] ^= src[j + s]
                for j in range(size - s, size):
                    out[j] ^= src[j + s - size]
            if r < core:
                for j in range(size):
                    total[j] ^= out[j]
        if step == 0:
            # out of row r stands in column message + r for now. Row 0: p0 turned by one, p1. Row 1:
            # p0, p1, p2. Row 2: p2, p3. Row 3: p0 turned by one, p3.
            for j in range(size):
                turned = total[j + 1 if j + 1 < size else 0]
                p1 = word[message, j] ^ turned
                p2 = word[message + 1, j] ^ total[j] ^ p1
                p3 = word[message + 2, j] ^ p2
                word[message, j] = total[j]
                word[message + 1, j] = p1
                word[message + 2, j] = p2
                word[message + 3, j] = p3


@nb.njit(cache=True, nogil=True)
def _decode(state, start, column, shift, message, rounds):  # pyright: ignore
    """Layered decoding in place; the number of rounds, or -1 when no codeword was found."""
    size = state.shape[1]
    rows = len(start) - 1
    widest = 0
    for r in range(rows):
        widest = max(widest, start[r + 1] - start[r])
    said = np.zeros((len(column), size), np.float32)
    fresh = np.zeros((widest, size), np.float32)
    ahead = np.zeros((widest, size), np.float32)
    back = np.zeros(size, np.float32)
    odd = np.zeros(size, np.uint8)
    for turn in range(1, rounds + 1):
        for r in range(rows):
            first = start[r]
            degree = start[r + 1] - first
            for i in range(degree):
                s = shift[first + i]
                q = state[column[first + i]]
                m = said[first + i]
                t = fresh[i]
                for j in range(size - s):
                    t[j] = q[j + s] - m[j]
                for j in range(size - s, size):
                    t[j] = q[j + s - size] - m[j]
            ahead[0, :] = fresh[0]
            for i in range(1, degree - 1):
                _join(ahead[i - 1], fresh[i], ahead[i])
            back[:] = fresh[degree - 1]
            for i in range(degree - 1, -1, -1):
                m = said[first + i]
                if i == degree - 1:
                    m[:] = ahead[i - 1]
                elif i:
                    _join(ahead[i - 1], back, m)
                    _join(back, fresh[i], back)
                else:
                    m[:] = back
                s = shift[first + i]
                q = state[column[first + i]]
                t = fresh[i]
                for j in range(size - s):
                    q[j + s] = t[j] + m[j]
                for j in range(size - s, size):
                    q[j + s - size] = t[j] + m[j]
        good = True
        for r in range(rows):
            odd[:] = 0
            for e in range(start[r], start[r + 1]):
                s = shift[e]
                q = state[column[e]]
                for j in range(size - s):
                    odd[j] ^= q[j + s] < 0
                for j in range(size - s, size):
                    odd[j] ^= q[j + s - size] < 0
            if odd.any():
                good = False
                break
        if good:
            # A message bit still undecided is no bit: an empty block must not decode to zeros.
            for c in range(message):
                for j in range(size):
                    if state[c, j] == 0:
                        good = False
        if good:
            return turn
    return -1


@nb.njit(cache=True, nogil=True, inline="always")
def _join(a, b, out):  # pyright: ignore
    """Parity of two LLRs: ln cosh((a+b)/2) - ln cosh((a-b)/2), its curve made of straight lines."""
    for j in range(len(out)):
        u = abs(a[j] + b[j])
        v = abs(a[j] - b[j])
        u1 = u * np.float32(0.5)
        u2 = u * np.float32(0.25) + np.float32(5.0)
        v1 = v * np.float32(0.5)
        v2 = v * np.float32(0.25) + np.float32(5.0)
        out[j] = np.floor(u1 if u1 > u2 else u2) - np.floor(v1 if v1 > v2 else v2)
