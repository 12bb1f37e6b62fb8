"""Samplers that are wrong on purpose, and the right one, for texts that detectors must tell apart.

Each picks a place in a table whose tokens lie in the order of their chances, the likeliest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from attacks.texts.looking import Look, ordered
from latebra.hiding.tokens.agreement import Agreement, TokenModel

Sampler = Callable[[Float64[np.ndarray, " table"], np.random.Generator], int]

COOL = 0.8
"""Temperature of the first bad sampler."""
FEW = 40
"""Tokens of the second."""


def honest(chances: Float64[np.ndarray, " table"], rng: np.random.Generator) -> int:
    """Returns a place by its chance."""
    return _draw(chances, rng)


def cooled(chances: Float64[np.ndarray, " table"], rng: np.random.Generator) -> int:
    """Returns a place at a temperature of 0.8: likely tokens get likelier."""
    return _draw(chances ** (1 / COOL), rng)


def cut_off(chances: Float64[np.ndarray, " table"], rng: np.random.Generator) -> int:
    """Returns one of the 40 likeliest places, by its chance."""
    return _draw(chances[:FEW], rng)


def rank_parity(chances: Float64[np.ndarray, " table"], rng: np.random.Generator) -> int:
    """Returns a place whose lowest bit is a coin flip: the bit of a message."""
    bit = int(rng.integers(2)) if chances.size > 1 else 0
    return 2 * _draw(chances[bit::2], rng) + bit


BAD: dict[str, Sampler] = {"cooled": cooled, "cut_off": cut_off, "rank_parity": rank_parity}


def sample(
    model: TokenModel,
    prompt: Sequence[int],
    sampler: Sampler,
    length: int,
    agreement: Agreement,
    seed: int,
) -> list[int]:
    """Returns a text of ``length`` tokens that a sampler chose, each from a fresh dither's table.

    Args:
        model: The language model.
        prompt: Tokens before the text.
        sampler: One of the above.
        length: Tokens.
        agreement: How tables are made.
        seed: Of choices and dithers.
    """
    rng = np.random.default_rng(seed)
    context = list(prompt)
    for _ in range(length):
        logits = model.logits(context)
        levels = agreement.quantiser.round(logits, float(rng.uniform(1e-9, 1 - 1e-9)))
        levels = replace(levels, allowed=agreement.allowed(context, levels.tokens))
        table, chances = ordered(logits, levels)
        context.append(int(table[sampler(chances, rng)]))
    return context[len(prompt) :]


def not_rejected(looks: Sequence[Look], least: float, *, keyed: bool = False) -> list[Look]:
    """Returns the texts that a sender keeps who takes none with a logit near an edge.

    Without dithers where the edges are is public, so that texts are missing of which anyone can
    say that they were rejected.

    Args:
        looks: Texts.
        least: Logits nearer to an edge than this are rejected.
        keyed: Whether edges are where the sender's dithers put them, not where anyone sees them.
    """
    return [one for one in looks if (one.kept_margins if keyed else one.margins).min() >= least]


def _draw(weights: Float64[np.ndarray, " table"], rng: np.random.Generator) -> int:
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, rng.uniform(0, ends[-1]))), weights.size - 1)
