"""Make integer tables of a model's logits, which two ends with rounding errors nearly always share.

A logit is divided by a step, shifted by a dither that only the two ends know, and rounded down:

    n_i = floor(l_i / (T q) + u + 1/2)                    q in nats, u in (0, 1)
    m_i = c floor((l_i / (T q) + u + k) / c + 1/2) - k    k one of 0 ... c - 1, by dither too
    d_i = max n - n_i                                     max n - m_i where that is above fine / q
    w_i = max(1, round(2^16 exp(-q d_i)))                 if q d_i <= depth, else 0

From ``d`` on there are integers only. An error of the logits changes a table when a logit lies that
near to the edge of its step; the dither makes where that happens independent of what anyone sees
in the text, and the average over dithers has no steps. (Dithered quantisation: Schuchman, IEEE
Trans. Commun. Technol. 12(4), 1964.) Rare tokens are many, and each is one more that can lie near
an edge, so that their steps are ``c`` times as wide: tables of 10 nats then have no more tokens
near an edge than tables of 8 nats have with steps that are all alike, hold more, and are nearer to
the model (``benchmarks/tables.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from latebra.core.errors import InputError

HEAVIEST: Final = 1 << 16
"""Weight of a table's likeliest tokens; 2^16 of those are the most that a coder's table holds."""
_MARGIN: Final = 3
"""Steps beyond the depth that are looked at: a rounding error moves a token by one, the top too."""


@dataclass(frozen=True)
class Quantiser:
    """How logits are rounded; both ends must use the same.

    Args:
        step: Width of a step in nats, above zero. Half the step, twice the tables that rounding
            errors change; ``benchmarks/tokens.py`` measures what a reader can undo.
        depth: Tokens that are less likely than the likeliest by more nats than this are left out.
        temperature: What the logits are divided by first.
        fine: Tokens further below the likeliest than this many nats have coarse steps.
        coarse: How many steps a coarse one is as wide as.
    """

    step: float = 0.25
    depth: float = 10.0
    temperature: float = 1.0
    fine: float = 4.0
    coarse: int = 4

    def __post_init__(self) -> None:
        if not (self.step > 0 and self.depth >= 0 and self.temperature > 0 and self.coarse >= 1):
            raise InputError(
                f"a step of {self.step} nats, {self.coarse} times as wide for rare tokens, a depth "
                f"of {self.depth} and a temperature of {self.temperature} make no table",
                fix="give a step and a temperature above 0, and a width of 1 or more",
            )

    def round(self, logits: Float[np.ndarray, " vocabulary"], dither: float) -> Levels:
        """Returns the levels of the tokens that the table keeps, or nearly kept.

        Args:
            logits: Natural logarithms of probabilities, up to a constant; minus infinity for never.
            dither: A number in (0, 1) that both ends know.

        Raises:
            InputError: A logit is not a number, or all of them are minus infinity.
        """
        top = float(logits.max())
        if not np.isfinite(top):
            raise InputError(f"the largest logit is {top}", fix="use a model that gives numbers")
        width = self.step * self.temperature
        below = top - self.depth * self.temperature - (_MARGIN + self.coarse) * width
        tokens = np.flatnonzero(logits >= below)
        steps = np.repeat([1, self.coarse], tokens.size)
        shift = int(dither * 2**32) % self.coarse
        shifted = np.tile(logits[tokens].astype(np.float64) / width + dither, 2)
        shifted[tokens.size :] += shift
        exact = shifted / steps + 0.5
        levels = np.floor(exact)
        fraction = exact - levels
        up = fraction >= 0.5
        levels = levels.astype(np.int64) * steps
        levels[tokens.size :] -= shift
        return Levels(
            tokens=tokens,
            levels=levels,
            distances=np.where(up, 1.0 - fraction, fraction) * (width * steps),
            toward=np.where(up, steps, -steps),
            allowed=np.ones(tokens.size, np.bool_),
            lightness=_weights(self.step, self.depth),
            fine=int(self.fine / self.step),
        )


@dataclass(frozen=True, eq=False)
class Levels:
    """Rounded logits of the tokens near the top, in the order of the vocabulary.

    Args:
        tokens: Their numbers in the vocabulary, ascending.
        levels: Their logits in steps: rounded to a step, then, once more, to a coarse one.
        distances: How far each logit is from being rounded to another level, in logits.
        toward: How far that level is from this: a step or a coarse one, up or down.
        allowed: Which of them may be in the table; the others only say where the top is.
        lightness: Weight by steps below the top.
        fine: Steps below the top from which on the coarse level counts.
    """

    tokens: Int64[np.ndarray, " kept"]
    levels: Int64[np.ndarray, " twice"]
    distances: Float64[np.ndarray, " twice"]
    toward: Int64[np.ndarray, " twice"]
    allowed: Bool[np.ndarray, " kept"]
    lightness: Int64[np.ndarray, " steps"]
    fine: int

    def weights(self, moved: tuple[int, ...] = ()) -> Int64[np.ndarray, " kept"]:
        """Returns the weights: 0 for tokens that the table leaves out.

        Args:
            moved: Entries of ``levels`` that are taken to lie across the nearest edge.
        """
        both = self.levels
        if moved:
            both = both.copy()
            both[list(moved)] += self.toward[list(moved)]
        levels, coarse = both[: self.tokens.size], both[self.tokens.size :]
        top = int(levels.max())
        below = np.where(top - levels > self.fine, top - coarse, top - levels)
        inside = (below < self.lightness.size) & self.allowed
        return np.where(inside, self.lightness[np.where(inside, below, 0)], 0)

    def fragile(self, error: float) -> Int64[np.ndarray, " some"]:
        """Returns the entries of ``levels`` that an error of the logits can change.

        Those are left out whose change would not change the table.

        Args:
            error: How far two ends' logits may lie apart.
        """
        levels, coarse = self.levels[: self.tokens.size], self.levels[self.tokens.size :]
        top = int(levels.max())
        below = top - levels
        fine = (self.allowed & (below <= self.fine + 2)) | (below <= 1)
        reach = self.lightness.size + int(abs(self.toward[-1])) + 1
        rare = self.allowed & (below >= self.fine - 1) & (top - coarse <= reach)
        return np.flatnonzero(np.concatenate([fine, rare]) & (self.distances <= error))


@cache
def _weights(step: float, depth: float) -> Int64[np.ndarray, " steps"]:
    """Weights by steps below the top, the same on every machine: exponentials in decimals."""
    digits = Context(prec=40, rounding=ROUND_HALF_EVEN)
    rounded = [
        int(
            digits.to_integral_value(
                digits.multiply(
                    Decimal(HEAVIEST), digits.exp(digits.multiply(Decimal(-step), below))
                )
            )
        )
        for below in map(Decimal, range(int(depth / step) + 1))
    ]
    weights = np.maximum(1, np.array(rounded, np.int64))
    weights.flags.writeable = False
    return weights
