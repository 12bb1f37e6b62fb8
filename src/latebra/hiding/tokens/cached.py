"""A language model one token at a time, or thirty-two at a time where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from latebra.core.errors import DoesNotFit
from latebra.core.network import Network

AT_ONCE: Final = 32
"""Tokens that go through the network together where they are known: a prompt, a text to read."""
ROOMS: Final = (512, 2048)
"""Positions that a cache has room for. Each is a network of its own, the larger a little slower."""


@final
class CachedModel:
    """A ``TokenModel`` that remembers what it saw.

    The network is a causal transformer that takes some tokens and the keys and values of all
    tokens before them, and gives logits and the new keys and values. One network serves one
    number of tokens and one room; its card names ``layers``, ``kv_heads``, ``head_dim`` and
    ``context``.

    Args:
        network: Inputs ``tokens`` int64 (batch, new), ``position`` int64 (1,), ``keys`` and
            ``values`` (layers, batch, kv_heads, room, head_dim); outputs ``logits``
            (batch, new, vocabulary), ``new_keys`` and ``new_values``
            (layers, batch, kv_heads, new, head_dim).
        dtype: "float32" or "float64": that of the keys, and of everything inside.
        batch: Rows that go through together. The text is in the first, other
            tokens are in the others.
    """

    def __init__(self, network: Network, dtype: str = "float32", batch: int = 1) -> None:
        about = network.card.about
        self._network, self._batch = network, batch
        self._longest = int(about["context"])
        self._shape = int(about["layers"]), batch, int(about["kv_heads"]), int(about["head_dim"])
        self._type = np.dtype(dtype)
        self._seen = list[int]()
        self._coming = list[int]()
        self._logits = dict[int, NDArray[np.floating]]()
        self._caches = self._empty(ROOMS[0])

    def expect(self, tokens: Sequence[int]) -> None:
        """Takes note of what the next contexts will be: prompt and text, from the first token."""
        self._coming = list(tokens)

    def logits(self, context: Sequence[int]) -> Float[np.ndarray, " vocabulary"]:
        """Returns the logits of what follows ``context``, which has at least one token.

        Raises:
            DoesNotFit: It is longer than the model can look back.
        """
        count = len(context)
        if count > min(self._longest, ROOMS[-1]):
            raise DoesNotFit(
                f"the text and its prompt have {count} tokens, {self._network.card.name} looks "
                f"back at {min(self._longest, ROOMS[-1])}",
                fix="shorten the message or the prompt",
            )
        same = _common(self._seen, context)
        if same < count or count - 1 not in self._logits:
            self._forget(min(same, count - 1))
            known = self._coming if self._coming[:count] == list(context) else context
            while len(self._seen) < count:
                self._feed(known)
        return self._logits[count - 1]

    def _feed(self, tokens: Sequence[int]) -> None:
        """Puts the next of ``tokens`` through the network."""
        start = len(self._seen)
        new = list(tokens[start : start + AT_ONCE])
        if start + AT_ONCE > ROOMS[-1]:
            del new[1:]
        size = 1 if len(new) == 1 else AT_ONCE
        self._grow(start + size)
        rows = np.zeros((self._batch, size), np.int64)
        for row in range(self._batch):
            rows[row, : len(new)] = [max(0, token - row) for token in new]
        keys, values = self._caches
        found = self._network.run(
            {"tokens": rows, "position": np.array([start]), "keys": keys, "values": values}
        )
        for cache, name in ((keys, "new_keys"), (values, "new_values")):
            cache[:, :, :, start : start + len(new)] = found[name][:, :, :, : len(new)]
        if start == 0 or len(self._logits) > 2 * AT_ONCE:
            self._logits.clear()
        for place, row in enumerate(found["logits"][0, : len(new)]):
            self._logits[start + place] = row
        self._seen += new

    def _forget(self, count: int) -> None:
        """Keeps the first ``count`` tokens."""
        del self._seen[count:]
        self._logits = {place: row for place, row in self._logits.items() if place < count}

    def _grow(self, count: int) -> None:
        """Makes room for ``count`` positions."""
        if count <= self._caches[0].shape[3]:
            return
        grown = self._empty(next(room for room in ROOMS if room >= count))
        for old, new in zip(self._caches, grown, strict=True):
            new[:, :, :, : old.shape[3]] = old
        self._caches = grown

    def _empty(self, room: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        layers, batch, heads, size = self._shape
        shape = layers, batch, heads, room, size
        return np.zeros(shape, self._type), np.zeros(shape, self._type)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Returns how many tokens both begin with."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
