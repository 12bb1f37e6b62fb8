"""Read a text whose tables are wrong here and there: try what rounding errors may have moved.

From tick to tick the reader encodes the tokens; if the tick is wrong, some logit between was
rounded to another level at the writer's. Those nearest to the edge of their step are moved across
it, the likeliest sets first, until the tick is right; if later no set helps, the search comes back
for another that passed by chance. (Sequential decoding with lists: Zigangirov 1966, Jelinek 1969;
the order of subsets: Lawler, Management Science 18(7), 1972.)
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, final

import numpy as np
from jaxtyping import Float64

from latebra.hiding.coder import Encoder
from latebra.hiding.tokens.agreement import Agreement, Bits, Secrets
from latebra.hiding.tokens.steps import Moved, Step

_AHEAD: Final = 16
"""Tokens that are encoded at a time until a tick is settled."""
_TYPICAL: Final = 10.0
"""How much larger the largest rounding error is than a typical one. Measured for a language model
of 135 million parameters in float32: 1.0e-4 to 1.4e-5 between two compilers."""


@dataclass(frozen=True)
class Correction:
    """How hard a reader looks.

    Args:
        error: The largest difference of the two ends' logits, 0 for tables that cannot differ.
        tries: Sets of moved logits that are tried from one tick to the next.
    """

    error: float = 1.5e-4
    tries: int = 8192


@dataclass(frozen=True, eq=False)
class _Reached:
    """A reading up to the place of a tick.

    Args:
        encoder: What was read.
        at: Tokens that were read.
        ticks: Where ticks begin among the bits.
        moved: What was moved so far at tokens from ``at`` on.
    """

    encoder: Encoder
    at: int
    ticks: tuple[int, ...]
    moved: Mapping[int, Moved]


@dataclass(frozen=True, eq=False)
class _Attempt:
    """What one set of moved logits reads as.

    Args:
        reached: Where it got.
        prefix: Its bits up to the end of the tick: attempts with the same are the same.
        end: Tokens that had a say in that.
        right: Whether the tick is right, as far as it was read.
    """

    reached: _Reached
    prefix: bytes
    end: int
    right: bool


@final
class Reading:
    """One text, being read.

    Args:
        known: Its tokens and their tables.
        agreement: What the writer does alike.
        secrets: The ticks.
        correction: How hard to look.
    """

    def __init__(
        self, known: list[Step], agreement: Agreement, secrets: Secrets, correction: Correction
    ) -> None:
        self._known, self._agreement = known, agreement
        self._secrets, self._correction = secrets, correction

    def candidates(self) -> Iterator[Bits]:
        """Yields what the text may carry, ticks taken out, the likeliest first."""
        forced = [step.likeliest() for step in self._known]
        if any(moved is None for moved in forced):
            return
        self._cells = np.array([s.cell(m or ()) for s, m in zip(self._known, forced, strict=True)])
        self._forced = {at: moved for at, moved in enumerate(forced) if moved}
        found = [self._onwards(_Reached(Encoder(), 0, (), {}))]
        while found:
            reached = next(found[-1], None)
            if reached is None:
                found.pop()
            elif reached.at < len(self._known):
                found.append(self._onwards(reached))
            else:
                yield _without(reached.encoder.bits, reached.ticks, self._agreement.tick_bits)

    def _onwards(self, start: _Reached) -> Iterator[_Reached]:
        """Yields readings up to the next tick that is right, or to the end of the text."""
        plain = self._attempt(start, start.moved)
        if plain is None:
            return
        seen = set[bytes]()
        for moved in islice(self._sets(start, plain.end), self._correction.tries):
            attempt = self._attempt(start, moved)
            if attempt is not None and attempt.right and attempt.prefix not in seen:
                seen.add(attempt.prefix)
                yield attempt.reached

    def _sets(self, start: _Reached, end: int) -> Iterator[Mapping[int, Moved]]:
        """Yields what may have moved at tokens up to ``end``, the likeliest first."""
        error = self._correction.error
        if not error:
            yield start.moved
            return
        entries = list[tuple[float, int, int]]()
        for at in range(start.at, end):
            step, taken = self._known[at], start.moved.get(at, self._forced.get(at, ()))
            costs = _costs(step.levels.distances[step.fragile], error)
            pairs = zip(costs, step.fragile.tolist(), strict=True)
            entries += [(cost, at, entry) for cost, entry in pairs if entry not in taken]
        entries.sort()
        for chosen in _subsets([cost for cost, _, _ in entries]):
            moved = dict(start.moved)
            for i in chosen:
                _, at, entry = entries[i]
                before = moved.get(at, self._forced.get(at, ()))
                moved[at] = tuple(sorted((*before, entry)))
            yield moved

    def _attempt(self, start: _Reached, moved: Mapping[int, Moved]) -> _Attempt | None:
        """Reads on to the next tick and past it; None if no bits can have chosen some token."""
        cells = self._cells
        if moved:
            cells = cells[start.at :].copy()
            for at, entries in moved.items():
                cell = self._known[at].cell(entries)
                if cell is None:
                    return None
                cells[at - start.at] = cell
        else:
            cells = cells[start.at :]
        size, total = self._agreement.tick_bits, len(cells)
        encoder, at = start.encoder.copy(), 0
        while at < total:
            encoder.push_cells(cells[at : at + self._agreement.every])
            at = min(at + self._agreement.every, total)
            if not start.ticks or encoder.taken >= start.ticks[-1] + size:
                break
        if at == total:
            done = _Reached(encoder, start.at + total, start.ticks, {})
            return _Attempt(done, encoder.bits.tobytes(), done.at, right=True)
        place, placed, placed_at = encoder.taken, encoder.copy(), start.at + at
        while at < total and encoder.settled < place + size:
            encoder.push_cells(cells[at : at + _AHEAD])
            at = min(at + _AHEAD, total)
        bits, ticks, end = encoder.bits, (*start.ticks, place), start.at + at
        tick = bits[place : place + size]
        right = not tick.size or bool(
            np.array_equal(self._secrets.tick(bits[:place])[: tick.size], tick)
        )
        if tick.size < size:
            return _Attempt(_Reached(encoder, end, ticks, {}), bits.tobytes(), end, right)
        later = {at: entries for at, entries in moved.items() if at >= placed_at}
        reached = _Reached(placed, placed_at, ticks, later)
        return _Attempt(reached, bits[: place + size].tobytes(), end, right)


def _costs(distances: Float64[np.ndarray, " entries"], error: float) -> list[float]:
    """Minus the logarithm of the odds that an error, exponential either way, crosses so far."""
    return [math.log(2 * math.exp(d * _TYPICAL / error) - 1) for d in distances.tolist()]


def _subsets(costs: list[float]) -> Iterator[tuple[int, ...]]:
    """Yields the sets of indices into ascending ``costs``, the smallest sum first."""
    yield ()
    waiting: list[tuple[float, tuple[int, ...]]] = [(costs[0], (0,))] if costs else []
    while waiting:
        cost, chosen = heapq.heappop(waiting)
        yield chosen
        last = chosen[-1]
        if last + 1 < len(costs):
            more = cost + costs[last + 1]
            heapq.heappush(waiting, (more, (*chosen, last + 1)))
            heapq.heappush(waiting, (more - costs[last], (*chosen[:-1], last + 1)))


def _without(bits: Bits, ticks: tuple[int, ...], size: int) -> Bits:
    """Returns bits without their ticks, which begin at ``ticks``."""
    kept = np.ones(bits.size, np.bool_)
    for place in ticks:
        kept[place : place + size] = False
    return bits[kept]
