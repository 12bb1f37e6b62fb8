"""A model of two tokens of context over a few hundred tokens, and its noisy twin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

VOCABULARY = 300


class Ngram:
    """Logits that depend on the last two tokens, with the entropy of English text in tokens.

    Args:
        noise: Scale of what is added to each logit, exponential either way, at most 1e-4; it is
            the same whenever the same context is asked for.
        twin: Which noise.
    """

    def __init__(self, noise: float = 0.0, twin: int = 0) -> None:
        rng = np.random.default_rng(0)
        self._last = rng.normal(0, 2.4, (VOCABULARY, VOCABULARY))
        self._before = rng.normal(0, 1.0, (VOCABULARY, VOCABULARY))
        self._noise, self._twin = noise, twin

    def logits(self, context: Sequence[int]) -> np.ndarray:
        before, last = (0, 0, *context)[-2:]
        exact = self._last[last] + self._before[before]
        if not self._noise:
            return exact
        rng = np.random.default_rng([self._twin, len(context), before, last])
        return exact + np.clip(rng.laplace(0, self._noise, VOCABULARY), -1e-4, 1e-4)
