"""Read a text whose tables are wrong here and there: try what rounding errors may have moved.

From tick to tick the reader encodes the tokens; if the tick is wrong, some logit between was
rounded to another level at the writer's. Those nearest to the edge of their step are moved across
it, the likeliest sets first, until the tick is right. All readings that were begun wait in one
queue: what their moved logits cost counts against them, each tick that was right for them, so that
one that passed by chance is left as soon as it goes on badly. (The stack algorithm: Zigangirov
1966, Jelinek 1969; the metric: Fano, IEEE Trans. Inf. Theory 9(2), 1963; the order of subsets:
Lawler, Management Science 18(7), 1972.)
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final, final

import numpy as np
from jaxtyping import Float64

from latebra.hiding.coder import Encoder
from latebra.hiding.tokens.agreement import Agreement, Bits, Secrets
from latebra.hiding.tokens.steps import Moved, Step

_AHEAD: Final = 16
"""Tokens that are encoded at a time until a tick is settled."""
_MEANWHILE: Final = 64
"""Tokens that are encoded at a time until a tick is due."""
_TYPICAL: Final = 10.0
"""How much larger the largest rounding error is than a typical one. Measured for a language model
of 135 million parameters in float32: 1.0e-4 to 1.4e-5 between two compilers."""


@dataclass(frozen=True)
class Correction:
    """How hard a reader looks.

    Args:
        error: The largest difference of the two ends' logits, 0 for tables that cannot differ.
        tries: Sets of moved logits that are tried before a reading gets further into the text than
            any did; long texts have more ticks, and each may take many.
    """

    error: float = 1.5e-4
    tries: int = 1 << 16


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


_NONE: Final[tuple[float, Mapping[int, Moved]]] = (math.inf, {})
"""What comes after the last set."""


@final
class _Branch:
    """A reading up to a tick, and the sets of moved logits that may go on from there.

    Args:
        start: The reading.
        worth: What counts for or against it so far, in nats; the less the likelier.
        sets: Costs and what is moved, the cheapest first.
    """

    def __init__(
        self, start: _Reached, worth: float, sets: Iterator[tuple[float, Mapping[int, Moved]]]
    ) -> None:
        self.start, self.worth = start, worth
        self.seen = set[bytes]()
        """Bits that were read already."""
        self._sets, self._next = sets, next(sets, _NONE)

    @property
    def cost(self) -> float:
        """What the next set makes of the reading's worth; infinite if there is none."""
        return self.worth + self._next[0]

    def take(self) -> Mapping[int, Moved]:
        """Returns the next set."""
        _, moved = self._next
        self._next = next(self._sets, _NONE)
        return moved


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
        size, order = self._agreement.tick_bits, count()
        waiting: list[tuple[float, int, _Branch]] = []

        def wait(branch: _Branch | None) -> None:
            if branch is not None and branch.cost < math.inf:
                heapq.heappush(waiting, (branch.cost, next(order), branch))

        wait(self._branch(_Reached(Encoder(), 0, (), {}), 0.0))
        left, furthest = self._correction.tries, 0
        while left and waiting:
            left -= 1
            cost, _, branch = heapq.heappop(waiting)
            attempt = self._attempt(branch.start, branch.take())
            wait(branch)
            if attempt is None or not attempt.right or attempt.prefix in branch.seen:
                continue
            branch.seen.add(attempt.prefix)
            reached = attempt.reached
            if reached.at > furthest:
                left, furthest = self._correction.tries, reached.at
            if reached.at < len(self._known):
                wait(self._branch(reached, cost - size * math.log(2)))
            else:
                yield _without(reached.encoder.bits, reached.ticks, size)

    def _branch(self, start: _Reached, worth: float) -> _Branch | None:
        """Returns what may go on from ``start``, if anything can."""
        plain = self._attempt(start, start.moved)
        return None if plain is None else _Branch(start, worth, self._sets(start, plain.end))

    def _sets(self, start: _Reached, end: int) -> Iterator[tuple[float, Mapping[int, Moved]]]:
        """Yields what may have moved at tokens up to ``end``, the likeliest first, and its cost."""
        error = self._correction.error
        if not error:
            yield 0.0, start.moved
            return
        entries = list[tuple[float, int, int]]()
        for at in range(start.at, end):
            step, taken = self._known[at], start.moved.get(at, self._forced.get(at, ()))
            costs = _costs(step.levels.distances[step.fragile], error)
            pairs = zip(costs, step.fragile.tolist(), strict=True)
            entries += [(cost, at, entry) for cost, entry in pairs if entry not in taken]
        entries.sort()
        for cost, chosen in _subsets([cost for cost, _, _ in entries]):
            moved = dict(start.moved)
            for i in chosen:
                _, at, entry = entries[i]
                before = moved.get(at, self._forced.get(at, ()))
                moved[at] = tuple(sorted((*before, entry)))
            yield cost, moved

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
        due = (start.ticks[-1] if start.ticks else 0) + self._agreement.every
        encoder, at = start.encoder.copy(), 0
        while at < total and encoder.taken < due:
            at += encoder.push_cells(cells[at : at + _MEANWHILE], taken=due)
        if at == total:
            done = _Reached(encoder, start.at + total, start.ticks, {})
            return _Attempt(done, encoder.bits.tobytes(), done.at, right=True)
        place, placed, placed_at = encoder.taken, encoder.copy(), start.at + at
        while at < total and encoder.settled < place + size:
            at += encoder.push_cells(cells[at : at + _AHEAD])
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


def _subsets(costs: list[float]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yields sets of indices into ascending ``costs``, and their sums, the smallest sum first."""
    yield 0.0, ()
    waiting: list[tuple[float, tuple[int, ...]]] = [(costs[0], (0,))] if costs else []
    while waiting:
        cost, chosen = heapq.heappop(waiting)
        yield cost, chosen
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
