"""What a text comes back to for anyone who has the model and the prompt, but no key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from jaxtyping import Float32

from latebra.core.errors import InputError
from latebra.hiding.tokens.agreement import Agreement
from latebra.hiding.tokens.cached import CachedModel
from latebra.hiding.tokens.tables import Levels

LOOKED_AT: Final = 48
"""Tokens of a text that are looked at: the shortest texts have hardly more."""
_DITHER: Final = 0.5
_EDGE: Final = 2.0**-20
"""A token that is in no table counts as one of the last millionth."""


def latents(
    model: CachedModel,
    prompt: Sequence[int],
    texts: Sequence[Sequence[int]],
    agreement: Agreement,
) -> Float32[np.ndarray, "texts 48"]:
    """Returns where each of the first tokens lies in its table: N(0, 1) if drawn from it.

    A token owns an interval of the table's distribution, the likeliest token the lowest; a point
    in it that the text itself decides goes through the inverse of the normal distribution.

    Args:
        model: The language model.
        prompt: Tokens before each text.
        texts: The texts' tokens.
        agreement: How tables are made, without a dither, which only the two ends know.

    Raises:
        InputError: A text is too short.
    """
    normal = NormalDist()
    rows = np.empty((len(texts), LOOKED_AT), np.float32)
    for row, tokens in zip(rows, texts, strict=True):
        if len(tokens) < LOOKED_AT:
            raise InputError(
                f"a text has {len(tokens)} tokens, {LOOKED_AT} are looked at",
                fix="leave it out, or put texts together",
            )
        seed = hashlib.sha256(np.asarray(tokens, "<i8").tobytes()).digest()
        within = np.random.default_rng(list(seed)).uniform(size=LOOKED_AT)
        context = list(prompt)
        model.expect([*prompt, *tokens])
        for place in range(LOOKED_AT):
            levels = agreement.levels(model, context, _DITHER)
            point = _point(levels, tokens[place], float(within[place]))
            row[place] = normal.inv_cdf(min(max(point, _EDGE), 1 - _EDGE))
            context.append(tokens[place])
    return rows


def _point(levels: Levels, token: int, within: float) -> float:
    """Returns where ``token`` lies in its table, from 0 for the likeliest to 1 for what is not."""
    weights = levels.weights()
    entry = int(np.searchsorted(levels.tokens, token))
    if entry == weights.size or levels.tokens[entry] != token or not weights[entry]:
        return 1.0
    own = weights[entry]
    before = weights[weights > own].sum() + weights[:entry][weights[:entry] == own].sum()
    return float((before + within * own) / weights.sum())
