"""The parent's side of one worker: ask it, and say in words how it died."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latebra.compiling import wire
from latebra.compiling.arena import LEAST_LENT_BYTES, free_arena
from latebra.compiling.spawning import Terms, spawn
from latebra.compiling.watching import Greedy, Late, Watch, in_words
from latebra.compiling.wire import Garbled, Message
from latebra.core import errors
from latebra.core.errors import (
    BuildFailed,
    CompileError,
    LatebraError,
    LoadFailed,
    NumericsMismatch,
    RunFailed,
    TimedOut,
)

_FAILURES: Final[Mapping[str, type[CompileError]]] = {"build": BuildFailed, "load": LoadFailed}
_alive: Final[weakref.WeakSet[Process]] = weakref.WeakSet()


class Process:
    """One worker, asked by one caller at a time.

    Args:
        terms: How it is to run.

    Raises:
        Unavailable: The interpreter cannot be started.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._who = f"compiler {terms.name!r}"
        self.handles = itertools.count()
        self._lock = threading.Lock()
        self._forgotten: list[int] = []
        self._is_ready = False
        self._death: CompileError | None = None
        self._spawned = spawn(terms)
        self._given = next(iter(self._spawned.arenas), None)
        self._answers = self._spawned.arenas[1:]
        self._watch = Watch(
            self.pid,
            self._spawned.child.kill,
            terms.memory_limit_bytes,
            [each.fd for each in self._spawned.arenas],
        )
        self._ended = weakref.finalize(self, self._spawned.end)
        _alive.add(self)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._spawned.child.pid

    def is_alive(self) -> bool:
        """Does the worker still answer, as far as is known? What is left of a dead one is freed."""
        with self._lock:
            if self._ended.alive and self._spawned.child.poll() is not None:
                self._died("run", "idling")
            return self._ended.alive

    def forget(self, handle: int) -> None:
        """Lets go of something loaded, when the worker is next asked."""
        self._forgotten.append(handle)

    def end(self) -> None:
        """Ends the worker."""
        with self._lock:
            self._ended()

    def disown(self) -> None:
        """Leaves the worker alone, in a child that was forked off: it is the parent's."""
        self._lock = threading.Lock()
        if self._ended.detach():
            self._spawned.leave()

    def ask(self, request: Message, timeout_s: float) -> Message:
        """Returns the worker's answer, whose arrays belong to the caller.

        Raises:
            CompileError: Whatever the worker raised, or that it died.
            Unavailable: What the worker needs is missing where it runs.
            TimedOut: It took longer than ``timeout_s`` seconds.
        """
        verb = request.head["verb"]
        with self._lock:
            if self._death is not None:
                raise type(self._death)(self._death.what, fix=self._death.fix)
            if not self._ended.alive:
                raise RunFailed(f"{self._who} is closed", fix="open the network again")
            if not self._is_ready:
                ready = self._exchange(None, verb, self._terms.start_timeout_s, "start")
                if failure := self._failure_in(ready):
                    self._ended()
                    raise failure
                self._is_ready = True
            while self._forgotten:
                head = {"verb": "unload", "handle": self._forgotten.pop()}
                self._exchange(Message(head), verb, timeout_s)
            answer = self._exchange(request, verb, timeout_s)
        if failure := self._failure_in(answer):
            raise failure
        return answer

    def _exchange(
        self, request: Message | None, verb: str, timeout_s: float, doing: str = ""
    ) -> Message:
        """Sends a request, where there is one, and returns the answer."""
        doing = doing or verb
        place = free_arena(self._answers) if self._answers else None
        message = b"" if request is None else self._packed(request, place, verb)
        self._watch.start(timeout_s)
        try:
            self._watch.write(self._spawned.requests, message)
            answer = wire.receive(
                lambda size: self._watch.read(self._spawned.answers, size),
                None if place is None else self._answers[place],
            )
            return self._owned(answer, place, verb)
        except Late as error:
            what = f"{self._who} took longer than {timeout_s:g} s to {doing}"
            fix = "give it more time, or choose another compiler"
            raise self._buried(TimedOut(what, fix=fix)) from error
        except Greedy as error:
            limit = in_words(self._terms.memory_limit_bytes or 0)
            what = f"{self._who} held more memory than its limit of {limit} in {doing}"
            fix = "give it more memory, or choose another compiler"
            raise self._buried(_failure(verb)(what, fix=fix)) from error
        except Garbled as error:
            what = f"{self._who} answered {doing} with what is no message: {error}"
            fix = "choose another compiler: this one wrote over its own memory"
            raise self._buried(_failure(verb)(what, fix=fix)) from error
        except (EOFError, OSError) as error:
            raise self._died(verb, doing) from error
        except BaseException:
            self._ended()  # An answer that nobody waited for would be taken for the next.
            raise
        finally:
            self._watch.stop()

    def _packed(self, request: Message, place: int | None, verb: str) -> bytes:
        request = request._replace(head={**request.head, "place": place})
        try:
            return wire.packed(request, self._given)
        except OSError as error:
            raise _failure(verb)(
                f"there is no room for what {self._who} is to be given: {error.strerror}",
                fix="free memory, or give it less at once",
            ) from error

    def _owned(self, answer: Message, place: int | None, verb: str) -> Message:
        """Returns an answer that the next one does not overwrite."""
        blob = bytes(answer.blob)
        if place is None:
            return Message(answer.head, answer.arrays, blob)
        home, may_lend = self._answers[place], place < len(self._answers) - 1
        kept: dict[str, NDArray[Any]] = {}
        for name, array in answer.arrays.items():
            if may_lend and array.nbytes >= LEAST_LENT_BYTES:
                kept[name] = array
                home.lend(cast("NDArray[np.uint8]", array.base))
            else:
                kept[name] = array.copy()
        if verb in _FAILURES:  # Models and artifacts are large, and cross once.
            home.trim()
            if self._given:
                self._given.trim()
        return Message(answer.head, kept, blob)

    def _failure_in(self, answer: Message) -> LatebraError | None:
        """Returns what the worker raised, if it did."""
        if "error" in answer.head:
            kind: Any = getattr(errors, str(answer.head["error"]), None)
            fits = isinstance(kind, type) and issubclass(kind, LatebraError)
            if not fits or kind is NumericsMismatch:  # That one takes more than words.
                kind = RunFailed
            failure: LatebraError = kind(
                f"{self._who}: {answer.head['what']}", fix=str(answer.head["fix"])
            )
            return failure
        return None

    def _died(self, verb: str, doing: str) -> CompileError:
        cause, said = self._spawned.cause(), self._spawned.last_words()
        fix = "run it alone to see why: open_network(..., isolated=False)"
        if cause == "SIGKILL":
            fix = "see whether the system ran out of memory: its log would say so"
        if self._terms.memory_limit_bytes is not None:
            cause += f", with {in_words(self._terms.memory_limit_bytes)} of memory allowed,"
        what = f"{self._who} died of {cause} in {doing}"
        if said:
            what += f"; it last said:\n{said}"
        return self._buried(_failure(verb)(what, fix=fix))

    def _buried(self, death: CompileError) -> CompileError:
        """Returns the error, once nothing of the worker is left; asking again raises it again."""
        self._death = death
        self._ended()
        return death


def _failure(verb: str) -> type[CompileError]:
    return _FAILURES.get(verb, RunFailed)


def _after_fork() -> None:
    for process in list(_alive):
        process.disown()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
