"""A chain of networks as a pipeline: each works on its own item at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any, Final

from numpy.typing import NDArray

from latebra.core.network import Arrays

Stage = Callable[[Arrays], dict[str, NDArray[Any]]]
"""Arrays in, arrays out: the ``run`` of a network, or a function around it that renames them."""

WAITING: Final = 2
"""Items that wait before each stage: one to take next, one to hide an uneven neighbour."""


@dataclass(frozen=True)
class Pipeline:
    """Stages that hand items on, each in a thread of its own.

    A thread waits while its network works in another process, so stages of different workers work
    at the same time; stages of one worker take turns.

    Args:
        stages: In order.
    """

    stages: tuple[Stage, ...]

    def run(self, items: Iterable[Arrays]) -> Iterator[dict[str, NDArray[Any]]]:
        """Yields the last stage's outputs for each item, in order.

        The first error of any stage is raised here, after the outputs of the items before it.

        Args:
            items: Inputs of the first stage. They are taken as the pipeline has room for them.
        """
        stop = threading.Event()
        queues = [_Line(stop) for _ in range(len(self.stages) + 1)]
        threads = [threading.Thread(target=_feed, args=(items, queues[0]), daemon=True)]
        for stage, taken, given in zip(self.stages, queues, queues[1:], strict=False):
            threads.append(threading.Thread(target=_work, args=(stage, taken, given), daemon=True))
        for thread in threads:
            thread.start()
        try:
            while not isinstance(item := queues[-1].get(), _End):
                yield item
            if item.error:
                raise item.error
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def one_by_one(self, items: Iterable[Arrays]) -> Iterator[dict[str, NDArray[Any]]]:
        """Yields the same outputs with one item at a time, as without a pipeline.

        Args:
            items: Inputs of the first stage.
        """
        for item in items:
            found: Any = item
            for stage in self.stages:
                found = stage(found)
            yield found


@dataclass(frozen=True)
class Throughput:
    """What a pipeline brings.

    Args:
        pipelined: Items a second through the pipeline.
        sequential: Items a second one by one.
    """

    pipelined: float
    sequential: float

    @property
    def gain(self) -> float:
        """How many times as fast the pipeline is."""
        return self.pipelined / self.sequential


def throughput(stages: Sequence[Stage], items: Sequence[Arrays], rounds: int = 3) -> Throughput:
    """Returns items a second both ways, the best of rounds that take turns.

    Args:
        stages: In order; they are warmed up with the first item.
        items: Inputs of the first stage, one at least.
        rounds: How often each way is tried.
    """
    pipeline = Pipeline(tuple(stages))
    list(pipeline.one_by_one(items[:1]))
    best = {"pipelined": 0.0, "sequential": 0.0}
    for _ in range(rounds):
        for name, way in (("pipelined", pipeline.run), ("sequential", pipeline.one_by_one)):
            start = time.perf_counter()
            for _ in way(items):
                pass
            best[name] = max(best[name], len(items) / (time.perf_counter() - start))
    return Throughput(**best)


class _End:
    """What comes after the last item, with the error that made it the last."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Line:
    """A queue that lets go of whoever waits at it when all must stop."""

    def __init__(self, stop: threading.Event) -> None:
        self._queue: Queue[Any] = Queue()
        self._room = threading.Semaphore(WAITING)
        self._stop = stop

    def put(self, item: Any) -> bool:
        """Returns whether there is still somebody who wants it."""
        while not self._room.acquire(timeout=0.05):
            if self._stop.is_set():
                return False
        self._queue.put(item)
        return not self._stop.is_set()

    def get(self) -> Any:
        """Returns the next item, or an end when all must stop and there is none."""
        while True:
            try:
                item = self._queue.get(timeout=0.05)
            except Empty:
                if self._stop.is_set():
                    return _End()
                continue
            self._room.release()
            return item


def _feed(items: Iterable[Arrays], given: _Line) -> None:
    try:
        for item in items:
            if not given.put(item):
                return
    except BaseException as error:  # noqa: BLE001  # It is raised where the outputs are taken.
        given.put(_End(error))
        return
    given.put(_End())


def _work(stage: Stage, taken: _Line, given: _Line) -> None:
    while True:
        item = taken.get()
        if isinstance(item, _End):
            given.put(item)
            return
        try:
            found = stage(item)
        except BaseException as error:  # noqa: BLE001  # It is raised where the outputs are taken.
            given.put(_End(error))
            return
        if not given.put(found):
            return
