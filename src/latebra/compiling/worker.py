"""One compiler in a process of its own: ``python -m latebra.compiling.worker COMPILER THREADS``.

Requests come on standard input, answers leave on what was standard output; whatever a vendor prints
goes to standard error instead. The process ends when its standard input closes.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any, Final, cast

from latebra.compiling.contract import Compiler, Executable, Model, failing_as
from latebra.compiling.wire import Message, packed, receive, send
from latebra.core.errors import BuildFailed, LatebraError, LoadFailed, RunFailed
from latebra.core.network import ModelCard
from latebra.core.registry import Registry

compilers: Final[Registry[Compiler]] = Registry("compiler", "latebra.compiling.backends")


def find(name: str) -> type[Compiler]:
    """Returns the compiler called ``name``: an id, or ``module:Class`` for one that has none.

    Raises:
        UnknownPlugin: No compiler has that id.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        return compilers[name]
    return cast("type[Compiler]", getattr(importlib.import_module(module), attribute))


class Worker:
    """Answers requests, one at a time.

    Args:
        compiler: Who does the work.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._loaded: dict[int, Executable] = {}

    def answer(self, request: Message) -> Message:
        """Returns the answer to one request; an error becomes an answer too."""
        try:
            return self._do(request)
        except LatebraError as error:
            return Message({"error": type(error).__name__, "what": error.what, "fix": error.fix})

    def _do(self, request: Message) -> Message:
        head = request.head
        match head["verb"]:
            case "build":
                with failing_as(BuildFailed, "the build failed"):
                    model = Model(bytes(request.blob), _card(head))
                    return Message({}, blob=self._compiler.build(model))
            case "load":
                with failing_as(LoadFailed, "the artifact could not be loaded"):
                    loaded = self._compiler.load(bytes(request.blob), _card(head))
                self._loaded[head["handle"]] = loaded
                return Message({})
            case "run":
                with failing_as(RunFailed, "the run failed"):
                    return Message({}, self._loaded[head["handle"]].run(request.arrays))
            case "unload":
                self._loaded.pop(head["handle"], None)
                return Message({})
            case verb:
                raise RunFailed(f"a worker knows no verb {verb!r}")


def _card(head: Any) -> ModelCard:
    """Returns the card without its golden vector, which stays with the caller."""
    return ModelCard(**head["card"])


def main() -> None:
    """Serve one compiler until standard input closes."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent is interrupted, and ends this.
    name, threads = sys.argv[1:]
    answers = os.dup(1)
    os.dup2(2, 1)
    requests: SimpleQueue[Message] = SimpleQueue()

    def listen() -> None:
        # A thread of its own, so that the end of the parent ends even a run that hangs.
        while True:
            try:
                requests.put(receive(0))
            except (EOFError, OSError):
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    worker = Worker(find(name)(threads=int(threads)))
    while True:
        try:
            send(answers, packed(worker.answer(requests.get())))
        except OSError:
            os._exit(0)


if __name__ == "__main__":
    main()
