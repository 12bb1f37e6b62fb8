"""The tables of a text's tokens as the reader has them, and as they may have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import final

import numpy as np
from jaxtyping import Int64

from latebra.hiding.tokens.agreement import Agreement, Secrets, TokenModel
from latebra.hiding.tokens.tables import Levels

Cell = Int64[np.ndarray, " 3"]
Moved = tuple[int, ...]
"""Entries of a table that are taken to lie across the nearest edge of their step, ascending."""


@final
@dataclass(frozen=True, eq=False)
class Step:
    """One token of a text.

    Args:
        levels: What might have followed there.
        entry: Which of that did follow.
        fragile: Entries that a rounding error can move.
    """

    levels: Levels
    entry: int
    fragile: Int64[np.ndarray, " some"]
    _cells: dict[Moved, Cell | None] = field(default_factory=dict[Moved, Cell | None])

    def cell(self, moved: Moved) -> Cell | None:
        """Returns the token's cell as low edge, high edge, total; None if it has no weight."""
        if moved not in self._cells:
            weights = self.levels.weights(moved)
            low, weight = int(weights[: self.entry].sum()), int(weights[self.entry])
            ends = np.array([low, low + weight, int(weights.sum())], np.int64)
            self._cells[moved] = ends if weight else None
        return self._cells[moved]

    def likeliest(self) -> Moved | None:
        """Returns the nearest entries, two at most, whose move lets the token have been chosen."""
        near = [int(i) for i in self.fragile]
        ways = [way for count in range(3) for way in combinations(near, count)]
        ways.sort(key=lambda way: float(self.levels.distances[list(way)].sum()))
        return next((way for way in ways if self.cell(way) is not None), None)


def steps(
    model: TokenModel,
    prompt: Sequence[int],
    tokens: Sequence[int],
    agreement: Agreement,
    secrets: Secrets,
    error: float,
) -> list[Step] | None:
    """Returns the steps of a text, or None if a token was not the model's to choose.

    Args:
        model: The reader's model.
        prompt: Tokens before the text.
        tokens: The text.
        agreement: How tables are made.
        secrets: The dithers.
        error: How far two ends' logits may lie apart.
    """
    context, known = list(prompt), list[Step]()
    for token in tokens:
        levels = agreement.levels(model, context, secrets.dither(context))
        entry = int(np.searchsorted(levels.tokens, token))
        if entry == levels.tokens.size or levels.tokens[entry] != token:
            return None
        if not levels.allowed[entry]:
            return None
        known.append(Step(levels, entry, levels.fragile(error)))
        context.append(token)
    return known
