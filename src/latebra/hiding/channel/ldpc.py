"""Quasi-cyclic LDPC code with layered integer decoding, for blocks of more than 1,024 bits.

One Raptor-like protograph (``ldpc_design``) serves every length and rate: its rows are used from
the top until the block is full, the message columns beyond ``k`` are zeros that are not sent, and
the first two columns are never sent at all. The lifting size is the smallest that holds the
message, so any size occurs, and ``ldpc_lift`` computes its shifts.

Rows are decoded one after another (Hocevar, SiPS 2004). A message is a whole number of eighths of
an LLR, held in float32, where whole numbers are exact: every machine decodes alike, and the
compiler can still use its vector units, which it does not with Numba's widened integers.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8
from typing_extensions import override

from latebra.hiding.channel.code import Code
from latebra.hiding.channel.kernel import kernel
from latebra.hiding.channel.ldpc_design import CORE, MESSAGE_COLUMNS, ROWS
from latebra.hiding.channel.ldpc_lift import core, shifts

SCALE = 8.0
"""Steps per unit of LLR."""

LOUDEST = 240.0
"""Largest channel value, in steps."""

LIFT = 5.0
"""Where the flat line of the check node's curve starts, in steps."""

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
        self.start = np.cumsum([0, *(len(r) + (i >= CORE) for i, r in enumerate(ROWS[:rows]))])
        self.column = np.array(
            [
                c
                for i, r in enumerate(ROWS[:rows])
                for c in (*r, *([MESSAGE_COLUMNS + i] if i >= CORE else []))
            ],
            dtype=np.int64,
        )
        self.core, self.solve = core(size)
        self.shift = shifts(self.start, self.column, columns, size, MESSAGE_COLUMNS, self.core)
        whole = np.arange(columns * size, dtype=np.int64)
        kept = np.concatenate([whole[hidden:k], whole[MESSAGE_COLUMNS * size :]])
        self.place = np.resize(kept, n)

    @override
    def encode(self, bits: UInt8[np.ndarray, " k"]) -> UInt8[np.ndarray, " n"]:
        word = np.zeros((self.columns, self.size), dtype=np.uint8)
        word.ravel()[: self.k] = bits
        _encode(word, self.start, self.column, self.shift, MESSAGE_COLUMNS, self.core, self.solve)
        return word.ravel()[self.place]

    @override
    def decode(self, llr: Float32[np.ndarray, " n"]) -> UInt8[np.ndarray, " k"] | None:
        inner = np.zeros(self.columns * self.size, dtype=np.float32)
        np.subtract.at(inner, self.place, llr)
        inner = np.clip(np.rint(inner * np.float32(SCALE)), -LOUDEST, LOUDEST)
        inner[self.k : MESSAGE_COLUMNS * self.size] = 16 * LOUDEST
        state = inner.reshape(self.columns, self.size)
        if _decode(state, self.start, self.column, self.shift, MESSAGE_COLUMNS, ROUNDS) < 0:
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
            {int(c): int(s) for c, s in zip(self.column[b], self.shift[b], strict=True) if c < 2}
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

    def _members(self, row: int, turn: Int64[np.ndarray, " z"]) -> Int64[np.ndarray, "z degree"]:
        """Indices that take part in a lifted row, for each of some rotations."""
        edges = slice(self.start[row], self.start[row + 1])
        return self.column[edges] * self.size + (turn[:, None] + self.shift[edges]) % self.size


@kernel
def _encode(
    word: Any, start: Any, column: Any, shift: Any, message: Any, first: Any, solve: Any
) -> Any:
    """Fill the parity columns: the core by its dual diagonal, the rest one row at a time."""
    size = word.shape[1]
    core = len(first)
    total = np.zeros(size, np.uint8)
    p0 = np.zeros(size, np.uint8)
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
            # The sum of row r stands in column message + r for now. Row 0: p0, p1. Row 1: p0, p1,
            # p2. Row 2: p2, p3. Row 3: p0, p3.
            for s in solve:
                for j in range(size - s):
                    p0[j] ^= total[j + s]
                for j in range(size - s, size):
                    p0[j] ^= total[j + s - size]
            for j in range(size):
                p1 = word[message, j] ^ p0[(j + first[0]) % size]
                p2 = word[message + 1, j] ^ p0[(j + first[1]) % size] ^ p1
                p3 = word[message + 2, j] ^ p2
                word[message, j] = p0[j]
                word[message + 1, j] = p1
                word[message + 2, j] = p2
                word[message + 3, j] = p3


@kernel
def _turn(source: Any, by: Any, out: Any) -> Any:
    """Turn a circulant's input by its shift; undo it with the size less the shift."""
    size = len(out)
    for j in range(size - by):
        out[j] = source[j + by]
    for j in range(size - by, size):
        out[j] = source[j + by - size]


@kernel
def _join(a: Any, b: Any, out: Any) -> Any:
    """Parity of two LLRs: ln cosh((a+b)/2) - ln cosh((a-b)/2), its curve made of straight lines."""
    half, quarter, lift = np.float32(0.5), np.float32(0.25), np.float32(LIFT)
    for j in range(len(out)):
        u = abs(a[j] + b[j])
        v = abs(a[j] - b[j])
        out[j] = np.floor(max(u * half, u * quarter + lift)) - np.floor(
            max(v * half, v * quarter + lift)
        )


@kernel
def _decode(state: Any, start: Any, column: Any, shift: Any, message: Any, rounds: Any) -> Any:
    """Layered decoding in place; the number of rounds, or -1 when no codeword was found."""
    size = state.shape[1]
    rows = len(start) - 1
    widest = np.max(start[1:] - start[:-1])
    said = np.zeros((len(column), size), np.float32)
    fresh = np.zeros((widest, size), np.float32)
    ahead = np.zeros((widest, size), np.float32)
    back = np.zeros(size, np.float32)
    for count in range(1, rounds + 1):
        for r in range(rows):
            first = start[r]
            last = start[r + 1] - first - 1
            for i in range(last + 1):
                _turn(state[column[first + i]], shift[first + i], fresh[i])
                for j in range(size):
                    fresh[i, j] -= said[first + i, j]
            ahead[0] = fresh[0]
            for i in range(1, last):
                _join(ahead[i - 1], fresh[i], ahead[i])
            back[:] = fresh[last]
            said[first + last] = ahead[last - 1]
            for i in range(last - 1, 0, -1):
                _join(ahead[i - 1], back, said[first + i])
                _join(back, fresh[i], back)
            said[first] = back
            for i in range(last + 1):
                for j in range(size):
                    fresh[i, j] += said[first + i, j]
                _turn(fresh[i], size - shift[first + i], state[column[first + i]])
        # A message bit still undecided is no bit: an empty block must not decode to zeros.
        if np.all(state[:message] != 0) and _holds(state, start, column, shift, fresh[0], back):
            return count
    return -1


@kernel
def _holds(state: Any, start: Any, column: Any, shift: Any, turned: Any, product: Any) -> Any:
    """Whether the signs satisfy every check."""
    for r in range(len(start) - 1):
        product[:] = 1
        for e in range(start[r], start[r + 1]):
            _turn(state[column[e]], shift[e], turned)
            for j in range(len(product)):
                product[j] = -product[j] if turned[j] < 0 else product[j]
        if np.min(product) < 0:
            return False
    return True
