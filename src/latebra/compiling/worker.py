"""One compiler in a process of its own; ``starting.py`` starts it.

Requests come on standard input, answers leave on what was standard output; whatever a vendor prints
goes to standard error instead. Arrays lie in arenas that were inherited. The process ends, and all
that it started, when its lifeline closes: whether it computes, hangs or waits.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from latebra.compiling import wire
from latebra.compiling.arena import Arena
from latebra.compiling.contract import Compiler, Executable, Model, Support, failing_as
from latebra.compiling.samples import from_numbered
from latebra.compiling.sharing import PLUS, Sharing
from latebra.compiling.watching import in_words, limit_own_memory
from latebra.compiling.wire import Message
from latebra.core.errors import (
    BuildFailed,
    CompileError,
    LatebraError,
    LoadFailed,
    RunFailed,
    Unavailable,
    UnknownPlugin,
)
from latebra.core.network import ModelCard
from latebra.core.registry import Registry

compilers: Final[Registry[Compiler]] = Registry("compiler", "latebra.compiling.backends")

_FAILURES: Final[Mapping[str, type[CompileError]]] = {"build": BuildFailed, "load": LoadFailed}


def find(name: str) -> type[Compiler]:
    """Returns the compiler called ``name``: an id, or ``module:Class`` for one that has none.

    Raises:
        UnknownPlugin: No compiler has that id.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        return compilers[name]
    return cast("type[Compiler]", getattr(importlib.import_module(module), attribute))


def make(name: str, threads: int) -> Compiler:
    """Returns the compiler called ``name``, ready to work.

    Args:
        name: An id; ``id:variant`` for one of its variants; two of these with a plus between them,
            where the second takes what the first cannot; ``module:Class`` for one without an id.
        threads: How many it may use.

    Raises:
        UnknownPlugin: No compiler has that id, or it has no such variant.
    """
    head, _, variant = name.partition(":")
    first, plus, second = name.partition(PLUS)
    if plus and "." not in head:
        return Sharing(threads, first=make(first, threads), second=make(second, threads))
    if not variant or head not in compilers:
        return find(name)(threads=threads)
    plugin = compilers[head]
    if variant not in plugin.variants:
        told = ", ".join(f"{head}:{each}" for each in plugin.variants)
        raise UnknownPlugin(
            f"compiler {head!r} has no variant {variant!r}",
            fix=f"choose from {head}, {told}" if told else f"use {head!r} as it is",
        )
    return plugin(threads=threads, variant=variant)


class Worker:
    """Answers requests, one at a time.

    Args:
        name: The compiler's id, or ``module:Class``; it is looked up when first asked for work.
        threads: How many threads it may use.
        memory_limit_bytes: What it may hold, for the words of an error.
    """

    def __init__(self, name: str, threads: int, memory_limit_bytes: int | None = None) -> None:
        self._name = name
        self._threads = threads
        self._memory_limit_bytes = memory_limit_bytes
        self._found: Compiler | None = None
        self._loaded: dict[int, Executable] = {}

    def answer(self, request: Message, arena: Arena | None = None) -> bytes:
        """Returns the packed answer to one request; an error becomes an answer too."""
        verb = request.head["verb"]
        try:
            with failing_as(_FAILURES.get(verb, RunFailed), f"the {verb} failed"):
                return wire.packed(self._do(verb, request), arena)
        except LatebraError as error:
            failure = self._out_of_memory(verb) if _is_of_memory(error) else error
        told = {"error": type(failure).__name__, "what": failure.what, "fix": failure.fix}
        return wire.packed(Message(told))

    def _do(self, verb: str, request: Message) -> Message:
        head = request.head
        match verb:
            case "probe":
                return Message(_support(self._compiler().probe()))
            case "supports":
                return Message(_support(self._compiler().supports(_model(request))))
            case "build":
                self._require_all()
                return Message({}, blob=self._compiler().build(_model(request)))
            case "load":
                try:
                    loaded = self._compiler().load(bytes(request.blob), _card(head))
                except Exception:
                    self._require_all()  # What is missing may not be needed to load.
                    raise
                self._loaded[head["handle"]] = loaded
                return Message({})
            case "run":
                return Message({}, self._loaded[head["handle"]].run(request.arrays))
            case "unload":
                self._loaded.pop(head["handle"], None)
                return Message({})
            case _:
                raise RunFailed(f"a worker knows no verb {verb!r}")

    def _compiler(self) -> Compiler:
        if self._found is None:
            self._found = make(self._name, self._threads)
        return self._found

    def _require_all(self) -> None:
        """Says what the compiler needs and has not got: this may be another environment."""
        compiler = self._compiler()
        if not (found := compiler.probe()):
            wanted = " ".join(sorted(set(compiler.needs.values())))
            raise Unavailable(
                f"{found}, where {sys.executable} runs",
                fix=f"{sys.executable} -m pip install {wanted}" if wanted else found.fix,
            )

    def _out_of_memory(self, verb: str) -> CompileError:
        limit = self._memory_limit_bytes
        return _FAILURES.get(verb, RunFailed)(
            f"memory ran out in {verb}" + (f": its limit is {in_words(limit)}" if limit else ""),
            fix="give it more memory, or choose another compiler",
        )


def serve(told: Mapping[str, Any]) -> None:
    """Serves one compiler until the lifeline closes, or standard input.

    Args:
        told: What the parent's ``Process`` gave.
    """
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent is interrupted, and ends this.
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # A vendor's printing would be taken for an answer,
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # and what it reads would be our request.
    os.close(nothing)
    if told["memory_limit_bytes"]:
        limit_own_memory(told["memory_limit_bytes"])
    arenas = [Arena(fd) for fd in told["arenas"]]
    for each in arenas:
        os.set_inheritable(each.fd, False)  # Helpers have no use for them.
    _answer_all(requests, answers, arenas, told)


def _answer_all(
    requests: int, answers: int, arenas: Sequence[Arena], told: Mapping[str, Any]
) -> None:
    worker = Worker(told["name"], told["threads"], told["memory_limit_bytes"])
    given: Arena | None = arenas[0] if arenas else None
    message = wire.packed(Message({"ready": True}))
    while True:
        try:
            left = memoryview(message)
            while left:
                left = left[os.write(answers, left) :]
            request = wire.receive(lambda size: _read(requests, size), given)
        except (EOFError, OSError):
            _leave()
        place: int | None = request.head["place"]
        message = worker.answer(request, None if place is None else arenas[1 + place])


def _leave() -> NoReturn:
    """Ends this process, and what it started: it may notice its parent's end before the kernel."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _read(pipe: int, size: int) -> bytes:
    piece = os.read(pipe, size)
    if not piece:
        raise EOFError("the pipe is closed")
    return piece


def _is_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__
    return False


def _model(request: Message) -> Model:
    return Model(bytes(request.blob), _card(request.head), from_numbered(request.arrays))


def _card(head: Mapping[str, Any]) -> ModelCard:
    """Returns the card without its golden vector, which stays with the caller."""
    return ModelCard(**head["card"])


def _support(found: Support) -> dict[str, Any]:
    return {"reasons": found.reasons, "fix": found.fix}
