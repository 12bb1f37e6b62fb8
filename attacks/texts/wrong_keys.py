"""What keys that are wrong read off a text, very many of them.

A key's dithers decide which table each token was chosen from, and so which bits chose it. All other
things being public, a token's cell is a function of the dither that is constant between the places
where some logit comes to an edge: those are found once, and a key costs a look-up a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from jaxtyping import Float64, Int64

from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Encoder
from latebra.hiding.tokens.agreement import Agreement, Bits, Secrets, TokenModel

_FINEST = 1 << 32
"""A dither's place on a grid of so many decides how coarse steps are shifted."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A token's cell, by dither.

    Args:
        edges: For each shift of coarse steps, where the cell changes, ascending.
        cells: For each shift, the cell below the first edge, between each two, above the last.
            A cell of no width belongs to a table that lacks the token.
    """

    edges: tuple[Float64[np.ndarray, " edges"], ...]
    cells: tuple[Int64[np.ndarray, " pieces 3"], ...]

    @classmethod
    def of(
        cls, model: TokenModel, context: Sequence[int], token: int, agreement: Agreement
    ) -> Self:
        """Returns the cells of ``token`` after ``context``."""
        quantiser, whole = agreement.quantiser, model.logits(context)
        width = quantiser.step * quantiser.temperature
        tokens = quantiser.round(whole, 0.5).tokens
        allowed = agreement.allowed(context, tokens)
        # Of those that may not follow, only the likeliest count: they say where the top is.
        matters = allowed | (whole[tokens] >= whole.max() - 2 * width)
        tokens, allowed = tokens[matters], allowed[matters]
        logits = whole[tokens]
        exact = logits.astype(np.float64) / width
        entry = int(np.searchsorted(tokens, token))
        edges: list[np.ndarray] = []
        cells: list[np.ndarray] = []
        for shift in range(quantiser.coarse):
            fine = (-exact - 0.5) % 1
            coarse = (-exact - shift - quantiser.coarse / 2) % quantiser.coarse
            ends = np.unique(np.concatenate([fine, coarse[coarse < 1]]))
            middles = (np.append(ends, 1.0) + np.insert(ends, 0, 0.0)) / 2
            rows = [
                _cell(
                    replace(quantiser.round(logits, one), allowed=allowed).weights(),
                    entry,
                )
                for one in _with_shift(middles, shift, quantiser.coarse)
            ]
            edges.append(ends)
            cells.append(np.array(rows, np.int64))
        return cls(tuple(edges), tuple(cells))

    def at(self, dithers: Float64[np.ndarray, " keys"]) -> Int64[np.ndarray, "keys 3"]:
        """Returns the cell under each dither."""
        shifts = (dithers * _FINEST).astype(np.int64) % len(self.edges)
        out = np.empty((dithers.size, 3), np.int64)
        for shift, (ends, rows) in enumerate(zip(self.edges, self.cells, strict=True)):
            mine = shifts == shift
            out[mine] = rows[np.searchsorted(ends, dithers[mine])]
        return out


def dithers(stream: Stream, contexts: Sequence[bytes]) -> Float64[np.ndarray, " tokens"]:
    """Returns what ``Secrets.dither`` says of many contexts, faster.

    Args:
        stream: A key's.
        contexts: The tokens before each, as little-endian 64-bit integers.
    """
    tags = np.frombuffer(stream.child("dither").tags(list(contexts), 8), "<u8")
    return ((tags >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def passes_a_tick(
    cells: Int64[np.ndarray, "tokens 3"], agreement: Agreement, secrets: Secrets
) -> bool | Literal["in_no_table", "no_tick_reached"]:
    """Returns whether the first tick is right, or why there is none to look at.

    It is read as it stands: no logit is moved.

    Args:
        cells: Those of the first tokens, enough for a tick.
        agreement: How often there is a tick.
        secrets: What the tick must be.
    """
    if bool((cells[:, 0] >= cells[:, 1]).any()):
        return "in_no_table"
    encoder = Encoder()
    done = encoder.push_cells(cells, taken=agreement.every)
    place, size = encoder.taken, agreement.tick_bits
    encoder.push_cells(cells[done:])
    bits: Bits = encoder.bits
    if bits.size < place + size:
        return "no_tick_reached"
    return bool(np.array_equal(secrets.tick(bits[:place]), bits[place : place + size]))


def _cell(weights: Int64[np.ndarray, " kept"], entry: int) -> tuple[int, int, int]:
    low = int(weights[:entry].sum())
    return low, low + int(weights[entry]), int(weights.sum())


def _with_shift(places: Float64[np.ndarray, " places"], shift: int, coarse: int) -> list[float]:
    """Returns dithers within 2^-30 of ``places`` that shift coarse steps by ``shift``."""
    grid = (places * _FINEST).astype(np.int64)
    grid += (shift - grid) % coarse
    near: list[float] = ((np.minimum(grid, _FINEST - coarse + shift) + 0.5) / _FINEST).tolist()
    return near
