"""Write several texts at once: each step of the network serves all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from latebra.core.network import Network
from latebra.hiding.tokens.cached import ROOMS, CachedModel


class Lockstep:
    """Rows of one batch, each a ``TokenModel`` for a thread of its own.

    All rows begin with one prompt and grow by a token at a time, so that they share positions; a
    row whose text is done goes on with zeros until all are.

    Args:
        network: The language model.
        rows: Texts at once.
        prompt: What all begin with.
        dtype: Of the floats.
        rooms: Positions that there is room for, at first and then.
    """

    def __init__(
        self,
        network: Network,
        rows: int,
        prompt: Sequence[int],
        dtype: str,
        rooms: tuple[int, int] = ROOMS,
    ) -> None:
        about = network.card.about
        self._network, self._rows, self._prompt = network, rows, list(prompt)
        self._shape = int(about["layers"]), rows, int(about["kv_heads"]), int(about["head_dim"])
        self._type = np.dtype(dtype)
        self._rooms = rooms
        self._caches = self._empty(rooms[0])
        self._next = np.zeros((rows, 1), np.int64)
        self._position = 0
        self._logits: Any = None
        self._gate = threading.Condition()
        self._waiting: set[int] = set()
        self._done: set[int] = set()
        self._turn = 0
        self.steps = 0
        one = CachedModel(network, dtype)
        self._first = one.logits(self._prompt)
        for mine, theirs in zip(self._caches, one._caches, strict=True):
            mine[:, :, :, : len(prompt)] = theirs[:, :, :, : len(prompt)]
        self._position = len(prompt)

    def write(self, makers: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """Returns what each maker makes of its row, a ``TokenModel``."""
        made: list[Any] = [None] * self._rows

        def work(row: int) -> None:
            try:
                made[row] = makers[row](_Row(self, row))
            except Exception as error:  # noqa: BLE001 it is raised where the threads are joined
                made[row] = error
            with self._gate:
                self._done.add(row)
                self._step_if_all_wait()

        threads = [threading.Thread(target=work, args=(row,)) for row in range(self._rows)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in made:
            if isinstance(one, Exception):
                raise one
        return made

    def logits(self, row: int, context: Sequence[int]) -> Any:
        """Returns the logits of one row, once all rows have come so far."""
        if len(context) == len(self._prompt):
            return self._first
        with self._gate:
            turn = self._turn
            self._next[row, 0] = context[-1]
            self._waiting.add(row)
            self._step_if_all_wait()
            while self._turn == turn:
                self._gate.wait()
            return self._logits[row, 0]

    def _step_if_all_wait(self) -> None:
        if len(self._waiting) + len(self._done) < self._rows or not self._waiting:
            return
        if self._position + 1 > self._caches[0].shape[3]:
            grown = self._empty(self._rooms[1])
            for old, new in zip(self._caches, grown, strict=True):
                new[:, :, :, : old.shape[3]] = old
            self._caches = grown
        keys, values = self._caches
        position = np.array([self._position])
        found = self._network.run(
            {"tokens": self._next, "position": position, "keys": keys, "values": values}
        )
        keys[:, :, :, self._position] = found["new_keys"][:, :, :, 0]
        values[:, :, :, self._position] = found["new_values"][:, :, :, 0]
        self._logits = found["logits"]
        self._position += 1
        self._turn += 1
        self.steps += 1
        self._waiting.clear()
        self._gate.notify_all()

    def _empty(self, room: int) -> tuple[Any, Any]:
        layers, rows, heads, size = self._shape
        shape = layers, rows, heads, room, size
        return np.zeros(shape, self._type), np.zeros(shape, self._type)


class _Row:
    def __init__(self, lockstep: Lockstep, row: int) -> None:
        self._lockstep, self._row = lockstep, row

    def logits(self, context: Sequence[int]) -> Any:
        return self._lockstep.logits(self._row, context)
