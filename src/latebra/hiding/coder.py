"""Arithmetic coding in integers, run backwards: coin flips become symbols, and come back.

``Decoder`` spends bits that look like coin flips and gives symbols that are distributed as a
table says; ``Encoder`` is handed the symbols and gives the bits back. Both narrow one interval in
the same way (Witten, Neal, Cleary, Communications of the ACM 30(6), 1987), so that they need the
same integers and nothing else; a bit that hangs on a carry waits until it is known. To hide bits by
decoding them: Ziegler, Deng, Rush 2019, arXiv:1909.01496.

A table is an array of edges, the running sums of its weights: symbol ``s`` owns ``edges[s]`` up to
``edges[s + 1]`` of ``edges[-1]``, which is at most ``MOST_TOTAL``. Every symbol may have a table
of its own. Given coin flips, a symbol's chance differs from its share of the table by less than
``total / 2^60``.

Which bits are settled: the interval that the symbols so far leave begins with certain binary
digits whatever comes next, and those are settled. Both ends count them alike, so the writer knows
what the reader has. After symbols that carry I bits (the sum of -log2 of their chances), fewer
than I - g are settled with a chance of about 2^-g: two bits are missing on average. To end a
frame, follow it with coin flips and write symbols until ``settled`` says that all of it is there.
The decoder holds ``REGISTER`` bits that are not settled yet, so that it takes as many coin flips
more than a reader ever sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import numpy as np
from jaxtyping import Int64, UInt8

from latebra.core.errors import InputError
from latebra.hiding.channel.kernel import kernel

REGISTER: Final = 62
"""Bits of the interval's ends; what a signed 64-bit integer can double without overflow."""
MOST_TOTAL: Final = 1 << 32
"""Largest sum of a table's weights: even a weight of 1 then owns 2^28 points of the interval."""
_HALF: Final = 1 << (REGISTER - 1)
_QUARTER: Final = 1 << (REGISTER - 2)
_FULL: Final = (1 << REGISTER) - 1
_STEP: Final = 40
"""One symbol shifts fewer bits than this: 32 for its weight, and what the interval lacked."""
_UNBOUNDED: Final = 1 << 62
"""More bits than there ever are."""
_BLOCK: Final = 1 << 16
"""``pull_many`` asks its source for so many bits, ``push_many`` takes so many symbols, at once."""

# An interval is an array: its low end, its high end, the bits that wait for a carry, the bits that
# are settled. A decoder's has a fifth number, how far its register lies above the low end.
_LOW, _HIGH, _WAITING, _SETTLED, _ABOVE = range(5)

Bits = UInt8[np.ndarray, " bits"]
Edges = Int64[np.ndarray, " edges"]
Source = Callable[[int], Bits]
"""Gives the next so many coin flips, zeros and ones."""


def edges(weights: Int64[np.ndarray, " symbols"]) -> Edges:
    """Returns the table of ``weights``: their running sums, from 0.

    Raises:
        InputError: No weight, one below zero, or a sum of 0 or above ``MOST_TOTAL``.
    """
    sums = np.zeros(weights.size + 1, np.int64)
    np.cumsum(weights, out=sums[1:])
    total = int(sums[-1])
    if not 0 < total <= MOST_TOTAL or int(weights.min()) < 0 or int(weights.max()) > MOST_TOTAL:
        raise InputError(
            f"a table's {weights.size} weights sum to {total}",
            fix=f"give weights of 0 or more that sum to between 1 and {MOST_TOTAL}",
        )
    return sums


@final
class Decoder:
    """Turns coin flips into symbols.

    Args:
        source: Where the bits come from; ``REGISTER`` of them are taken at once.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ahead = np.zeros(0, np.uint8)
        self._state = np.array([0, _FULL, 0, 0, 0], np.int64)
        _fill(self._state, source(REGISTER), 0, REGISTER)

    @property
    def settled(self) -> int:
        """How many bits an encoder would have given back by now."""
        return int(self._state[_SETTLED])

    @property
    def taken(self) -> int:
        """How many bits the register has taken."""
        return REGISTER + int(self._state[_SETTLED] + self._state[_WAITING])

    def pull(self, table: Edges) -> int:
        """Returns the next symbol; takes no more from the source than it needs."""
        symbol, shifts = _choose(self._state, table)
        if shifts:
            self._need(shifts)
            _fill(self._state, self._ahead, 0, shifts)
            self._ahead = self._ahead[shifts:]
        return int(symbol)

    def pull_many(
        self, tables: Int64[np.ndarray, "tables edges"], which: Int64[np.ndarray, " symbols"]
    ) -> Int64[np.ndarray, " symbols"]:
        """Returns one symbol for each entry of ``which``, which names its row of ``tables``.

        It may take bits from the source before they are needed, and keeps those for later.
        """
        symbols = np.empty(which.size, np.int64)
        done = 0
        while done < which.size:
            self._need(_BLOCK)
            done, used = _pull_many(self._state, tables, which, symbols, done, self._ahead)
            self._ahead = self._ahead[used:]
        return symbols

    def _need(self, count: int) -> None:
        if self._ahead.size < count:
            more = self._source(count - self._ahead.size)
            self._ahead = np.concatenate([self._ahead, more]) if self._ahead.size else more


@final
class Encoder:
    """Turns symbols back into the bits that chose them."""

    def __init__(self) -> None:
        self._state = np.array([0, _FULL, 0, 0], np.int64)
        self._bits = b""

    @property
    def bits(self) -> Bits:
        """The bits that are settled, zeros and ones, as an array that cannot be written to."""
        return np.frombuffer(self._bits, np.uint8)

    @property
    def settled(self) -> int:
        """How many bits are settled."""
        return len(self._bits)

    @property
    def taken(self) -> int:
        """How many bits the decoder's register had taken after the same symbols."""
        return REGISTER + int(self._state[_SETTLED] + self._state[_WAITING])

    def copy(self) -> Encoder:
        """Returns another that goes on from here by itself."""
        twin = Encoder()
        twin._state, twin._bits = self._state.copy(), self._bits
        return twin

    def push(self, table: Edges, symbol: int) -> None:
        """Takes one symbol; see ``push_cells`` for what it raises."""
        cell = np.array([[table[symbol], table[symbol + 1], table[-1]]], np.int64)
        self.push_cells(cell)

    def push_many(
        self,
        tables: Int64[np.ndarray, "tables edges"],
        which: Int64[np.ndarray, " symbols"],
        symbols: Int64[np.ndarray, " symbols"],
    ) -> None:
        """Takes symbols, each from the row of ``tables`` that ``which`` names."""
        for start in range(0, which.size, _BLOCK):
            rows, taken = which[start : start + _BLOCK], symbols[start : start + _BLOCK]
            ends = tables[rows, taken], tables[rows, taken + 1], tables[rows, -1]
            self.push_cells(np.stack(ends, axis=1))

    def push_cells(self, cells: Int64[np.ndarray, "symbols 3"], *, taken: int = _UNBOUNDED) -> int:
        """Takes symbols as their cells: low edge, high edge, total.

        Args:
            cells: Their cells.
            taken: Where to stop: no symbol is taken after that with which ``self.taken`` gets here.

        Returns:
            How many it took.

        Raises:
            InputError: A symbol has no weight, so that no bits can have chosen it.
        """
        if bool((cells[:, 0] >= cells[:, 1]).any()):
            raise InputError(
                "a symbol has weight 0 in its table", fix="use the tables that it was written with"
            )
        out = np.empty(_STEP * len(cells) + int(self._state[_WAITING]) + REGISTER, np.uint8)
        most = taken - REGISTER
        count, pushed = _push_cells(self._state, np.ascontiguousarray(cells), most, out)
        self._bits += out[:count].tobytes()
        return int(pushed)


@kernel
def _narrow(state: Any, low_edge: Any, high_edge: Any, total: Any, out: Any, at: Any) -> Any:
    """Narrows the interval to a cell and doubles it; returns the doublings and the end of ``out``.

    ``out`` takes the bits that get settled, unless it is empty.
    """
    low, high, waiting = state[_LOW], state[_HIGH], state[_WAITING]
    unit = (high - low + 1) // total
    if high_edge < total:  # The last cell also takes what the division leaves over.
        high = low + unit * high_edge - 1
    low += unit * low_edge
    shifts = 0
    while True:
        if high < _HALF or low >= _HALF:
            bit = 1 if low >= _HALF else 0
            if out.size:
                out[at] = bit
                for i in range(waiting):
                    out[at + 1 + i] = 1 - bit
            at += 1 + waiting
            state[_SETTLED] += 1 + waiting
            waiting = 0
            low -= bit * _HALF
            high -= bit * _HALF
        elif low >= _QUARTER and high < 3 * _QUARTER:
            waiting += 1
            low -= _QUARTER
            high -= _QUARTER
        else:
            break
        low = 2 * low
        high = 2 * high + 1
        shifts += 1
    state[_LOW], state[_HIGH], state[_WAITING] = low, high, waiting
    return shifts, at


@kernel
def _choose(state: Any, table: Any) -> Any:
    """The symbol in whose cell the register lies, and the doublings that follow."""
    total = table[-1]
    unit = (state[_HIGH] - state[_LOW] + 1) // total
    point = min(state[_ABOVE] // unit, total - 1)
    symbol, beyond = 0, table.size - 1
    while beyond - symbol > 1:
        middle = (symbol + beyond) >> 1
        if table[middle] <= point:
            symbol = middle
        else:
            beyond = middle
    state[_ABOVE] -= unit * table[symbol]
    none = np.empty(0, np.uint8)
    shifts, _ = _narrow(state, table[symbol], table[symbol + 1], total, none, 0)
    return symbol, shifts


@kernel
def _fill(state: Any, bits: Any, at: Any, count: Any) -> Any:
    above = state[_ABOVE]
    for i in range(at, at + count):
        above = 2 * above + bits[i]
    state[_ABOVE] = above


@kernel
def _pull_many(state: Any, tables: Any, which: Any, symbols: Any, done: Any, bits: Any) -> Any:
    at = 0
    while done < which.size and bits.size - at >= _STEP:
        symbols[done], shifts = _choose(state, tables[which[done]])
        _fill(state, bits, at, shifts)
        at += shifts
        done += 1
    return done, at


@kernel
def _push_cells(state: Any, cells: Any, most: Any, out: Any) -> Any:
    at = pushed = 0
    while pushed < cells.shape[0] and state[_SETTLED] + state[_WAITING] < most:
        cell = cells[pushed]
        _, at = _narrow(state, cell[0], cell[1], cell[2], out, at)
        pushed += 1
    return at, pushed
