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
from latebra.hiding.tokens.tables import Levels

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
        whole = model.logits(context)
        levels = agreement.quantiser.round(whole, 0.5)
        levels = replace(levels, allowed=agreement.allowed(context, levels.tokens))
        entry = int(np.searchsorted(levels.tokens, token))
        logits = whole[levels.tokens].astype(np.float64)
        exact = logits / (agreement.quantiser.step * agreement.quantiser.temperature)
        shifts = range(agreement.quantiser.coarse)
        pairs = [_pieces(exact, levels, entry, shift, len(shifts)) for shift in shifts]
        return cls(*(tuple(each) for each in zip(*pairs, strict=True)))

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


def _pieces(
    exact: Float64[np.ndarray, " kept"], levels: Levels, entry: int, shift: int, coarse: int
) -> tuple[Float64[np.ndarray, " edges"], Int64[np.ndarray, " pieces 3"]]:
    """Returns where a cell changes as the dither goes from 0 to 1, and the cells between.

    Each weight changes three times at most: where the token's own level goes up, where its coarse
    level does, and where the top does, which is the likeliest token's level. Changes are summed up
    along the dither, so that no table is made more than once.

    Args:
        exact: Logits in steps.
        levels: What is true of them whatever the dither: which are allowed, weights by depth.
        entry: The token.
        shift: Of coarse steps.
        coarse: Steps that a coarse one is as wide as.
    """
    fine = (-exact - 0.5) % 1
    rough = np.minimum((-exact - shift - coarse / 2) % coarse, 1.0)
    places = np.sort(np.stack([fine, rough, np.full_like(fine, fine[exact.argmax()])]), axis=0)
    bounds = np.concatenate([np.zeros((1, exact.size)), places, np.ones((1, exact.size))])
    middles = (bounds[1:] + bounds[:-1]) / 2
    top = np.floor(exact.max() + middles + 0.5)
    below = top - np.floor(exact + middles + 0.5)
    lower = top - (np.floor((exact + middles + shift) / coarse + 0.5) * coarse - shift)
    depth = np.where(below > levels.fine, lower, below).astype(np.int64)
    inside = (depth < levels.lightness.size) & levels.allowed
    weights = np.where(inside, levels.lightness[np.where(inside, depth, 0)], 0)
    real = places < 1
    ends = np.unique(places[real])
    at, changes = np.searchsorted(ends, places) + 1, np.where(real, np.diff(weights, axis=0), 0)

    def along(some: slice) -> Int64[np.ndarray, " pieces"]:
        """Returns the sum of some tokens' weights, piece by piece."""
        moved = np.bincount(at[:, some].ravel(), changes[:, some].ravel(), ends.size + 2)
        return weights[0, some].sum() + np.cumsum(moved[: ends.size + 1]).astype(np.int64)

    low, own = along(slice(0, entry)), along(slice(entry, entry + 1))
    return ends, np.stack([low, low + own, along(slice(None))], axis=1)
