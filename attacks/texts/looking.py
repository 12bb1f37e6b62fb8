"""What whoever has the model and the prompt, but no key, can say of each token of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy import special

from latebra.hiding.tokens.agreement import Agreement, TokenModel
from latebra.hiding.tokens.tables import Levels

DITHER = 0.5
"""The tables of the analyst, who does not know the dithers."""
REACH = 1.5e-4
"""Logits that lie further from an edge than this are near to none."""

Dither = Callable[[Sequence[int]], float]


@dataclass(frozen=True, eq=False)
class Look:
    """A text, or several in a row, token by token.

    Args:
        tokens: Which.
        surprisals: Minus the binary logarithm of the chance that the model gives each.
        entropies: Those of the tables that they were chosen from, in bits.
        ranks: How many tokens of its table are likelier than it.
        points: Where it lies in its table, the likeliest first: uniform if drawn from it.
        repeated: Where the token lies that a keystream chooses here, the same in all texts.
        margins: How far the nearest logit is from the edge of a step without dither, in nats;
            infinite beyond ``REACH``.
        kept_margins: The same for the sender's own dithers, where they are known.
    """

    tokens: np.ndarray
    surprisals: np.ndarray
    entropies: np.ndarray
    ranks: np.ndarray
    points: np.ndarray
    repeated: np.ndarray
    margins: np.ndarray
    kept_margins: np.ndarray

    @property
    def latents(self) -> Float64[np.ndarray, " tokens"]:
        """The points as N(0, 1), as ``Language.latents`` has them."""
        return special.ndtri(self.points)

    @property
    def repeated_latents(self) -> Float64[np.ndarray, " tokens"]:
        """The same under a keystream that repeats."""
        return special.ndtri(self.repeated)


def ordered(
    logits: Float[np.ndarray, " vocabulary"], levels: Levels
) -> tuple[Int64[np.ndarray, " table"], Float64[np.ndarray, " table"]]:
    """Returns the tokens of a table, the likeliest first, and their chances."""
    weights = levels.weights()
    kept = np.flatnonzero(weights)
    kept = kept[np.argsort(-logits[levels.tokens[kept]], kind="stable")]
    return levels.tokens[kept], weights[kept] / weights.sum()


@final
class Watching:
    """A ``TokenModel`` that looks at a text while it is written, or read token by token.

    What it sees is what any later reader with the same model sees, but for rounding errors.

    Args:
        model: The language model.
        prompt: Tokens before the text.
        agreement: How tables are made.
        seed: Of the places within tokens' intervals.
        dither: The sender's, for ``kept_margins``.
        most: Tokens to look at.
    """

    def __init__(
        self,
        model: TokenModel,
        prompt: Sequence[int],
        agreement: Agreement,
        seed: int,
        dither: Dither | None = None,
        most: int = 1 << 20,
    ) -> None:
        self._model, self._agreement, self._dither = model, agreement, dither
        self._begin, self._most = len(prompt), most
        self._rng = np.random.default_rng(seed)
        self._keystream = np.random.default_rng(0)
        self._rows = list[tuple[float, ...]]()
        self._last: tuple[list[int], Any] | None = None

    def logits(self, context: Sequence[int]) -> Float[np.ndarray, " vocabulary"]:
        """Returns the model's logits, and looks at the last token of ``context``."""
        self._follow(context)
        logits = self._model.logits(context)
        self._last = list(context), logits.copy()  # It may be written over before it is looked at.
        return logits

    def seen(self, tokens: Sequence[int]) -> Look:
        """Returns what was seen of a text's first ``tokens``, which may be all."""
        if self._last is not None and len(self._rows) < len(tokens):
            self._follow([*self._last[0][: self._begin], *tokens])
        columns = np.array(self._rows[: len(tokens)], np.float64).T
        return Look(columns[0].astype(np.int64), *columns[1:])

    def _follow(self, context: Sequence[int]) -> None:
        if self._last is None or len(self._rows) == self._most:
            return
        (before, logits), self._last = self._last, None
        token, quantiser = context[-1], self._agreement.quantiser
        levels = quantiser.round(logits, DITHER)
        levels = replace(levels, allowed=self._agreement.allowed(before, levels.tokens))
        table, chances = ordered(logits, levels)
        ends = np.cumsum(chances)
        found = np.flatnonzero(table == token)
        rank = int(found[0]) if found.size else table.size
        same = int(np.searchsorted(ends, self._keystream.uniform()))
        kept = np.inf
        if self._dither is not None:
            senders = quantiser.round(logits, self._dither(before))
            kept = _margin(replace(senders, allowed=levels.allowed))
        self._rows.append(
            (
                token,
                _surprisal(logits, token),
                float(special.entr(chances).sum() / np.log(2)),
                rank,
                _point(ends, rank, self._rng),
                _point(ends, same, self._rng),
                _margin(levels),
                kept,
            )
        )


def look(
    model: TokenModel,
    prompt: Sequence[int],
    tokens: Sequence[int],
    agreement: Agreement,
    seed: int,
    dither: Dither | None = None,
) -> Look:
    """Returns what there is to say of a text's tokens; arguments as above."""
    watching = Watching(model, prompt, agreement, seed, dither)
    for at in range(len(tokens)):
        watching.logits([*prompt, *tokens[:at]])
    return watching.seen(tokens)


def pooled(looks: Sequence[Look], size: int) -> list[Look]:
    """Returns disjoint pools of ``size`` texts, each as one; the rest is left out."""
    return [_joined(looks[start : start + size]) for start in range(0, len(looks) - size + 1, size)]


def save(looks: Sequence[Look], path: Path) -> None:
    """Writes texts to an archive of NumPy's."""
    whole = _joined(looks)
    columns: dict[str, Any] = {each.name: getattr(whole, each.name) for each in fields(Look)}
    np.savez_compressed(path, lengths=np.array([each.tokens.size for each in looks]), **columns)


def load(path: Path) -> list[Look]:
    """Returns the texts of an archive."""
    with np.load(path, allow_pickle=False) as archive:
        cuts = np.cumsum(archive["lengths"])[:-1]
        columns = [np.split(archive[each.name], cuts) for each in fields(Look)]
    return [Look(*one) for one in zip(*columns, strict=True)]


def _joined(looks: Iterable[Look]) -> Look:
    several = list(looks)
    return Look(
        *(np.concatenate([getattr(one, each.name) for one in several]) for each in fields(Look))
    )


def _surprisal(logits: Float[np.ndarray, " vocabulary"], token: int) -> float:
    below = logits - logits.max()
    return float((np.log(np.exp(below).sum(dtype=np.float64)) - below[token]) / np.log(2))


def _point(ends: Float64[np.ndarray, " table"], rank: int, rng: np.random.Generator) -> float:
    """Returns a place in the share of a token; what is in no table lies in the last millionth."""
    within = float(rng.uniform(1e-9, 1 - 1e-9))
    if rank >= ends.size:
        return 1 - 1e-6 * within
    low = ends[rank - 1] if rank else 0.0
    return float(low + within * (ends[rank] - low))


def _margin(levels: Levels) -> float:
    near = levels.distances[levels.fragile(REACH)]
    return float(near.min()) if near.size else np.inf
