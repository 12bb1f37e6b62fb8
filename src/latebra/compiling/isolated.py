"""Any compiler, one process away."""

from __future__ import annotations

import sys
import threading
import weakref
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Self

from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support
from latebra.compiling.process import Process
from latebra.compiling.samples import numbered
from latebra.compiling.spawning import Terms
from latebra.compiling.wire import Message
from latebra.compiling.worker import make
from latebra.core.errors import LatebraError
from latebra.core.network import Arrays, ModelCard


@dataclass(frozen=True)
class Isolated(Compiler):
    """The compiler called ``name``, one process away.

    A crash there is an error here, and a run that hangs is ended. The process starts when it is
    first needed, lives until ``close`` or the end of this one, and is replaced when it died. Arrays
    cross in memory that both processes map; large outputs stay where the worker wrote them for as
    long as somebody holds them.

    Args:
        name: An id, or ``module:Class`` for a compiler that has none.
        python: The interpreter to run it with; another environment is another path. It needs the
            compiler and numpy, not this package.
        start_timeout_s: How long the start of the process may take, in seconds.
        build_timeout_s: How long one build may take, in seconds.
        load_timeout_s: How long one load may take, in seconds.
        run_timeout_s: How long one run may take, in seconds.
        memory_limit_bytes: How much memory of its own the process may hold, the compiler's own code
            and tables included; None for no limit. Kept on Linux alone.
    """

    title: ClassVar[str] = "Isolated"
    about: ClassVar[str] = "Another compiler, one process away."
    rank: ClassVar[int] = 99

    name: str = "null"
    python: str = sys.executable
    start_timeout_s: float = 120.0
    build_timeout_s: float = 900.0
    load_timeout_s: float = 120.0
    run_timeout_s: float = 120.0
    memory_limit_bytes: int | None = None
    _holder: _Holder = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_holder", _Holder())

    @override
    def probe(self) -> Support:
        if self.python == sys.executable:
            return make(self.name, self.threads).probe()
        return self._asked(Message({"verb": "probe"}))

    @override
    def supports(self, model: Model) -> Support:
        if self.python == sys.executable:
            return make(self.name, self.threads).supports(model)
        request = Message({"verb": "supports", "card": _sent(model.card)}, blob=model.onnx)
        return self._asked(request)

    @override
    def build(self, model: Model) -> bytes:
        head = {"verb": "build", "card": _sent(model.card)}
        request = Message(head, numbered(model.samples), model.onnx)
        return bytes(self._process().ask(request, self.build_timeout_s).blob)

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        process = self._process()
        handle = next(process.handles)
        request = Message({"verb": "load", "handle": handle, "card": _sent(card)}, blob=artifact)
        process.ask(request, self.load_timeout_s)
        return _Remote(process, handle, self.run_timeout_s)

    @property
    def pid(self) -> int:
        """The worker's process id; it is started when there is none."""
        return self._process().pid

    def close(self) -> None:
        """Ends the worker; what it had loaded no longer runs."""
        with self._holder.lock:
            if self._holder.process:
                self._holder.process.end()
                self._holder.process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _process(self) -> Process:
        with self._holder.lock:
            if self._holder.process is None or not self._holder.process.is_alive():
                self._holder.process = Process(
                    Terms(
                        self.name,
                        self.threads,
                        self.python,
                        self.start_timeout_s,
                        self.memory_limit_bytes,
                    )
                )
            return self._holder.process

    def _asked(self, request: Message) -> Support:
        try:
            told = self._process().ask(request, self.load_timeout_s).head
        except LatebraError as error:
            return Support((error.what,), error.fix)
        return Support(tuple(told["reasons"]), told["fix"])


@cache
def worker_of(name: str, threads: int) -> Isolated:
    """Returns the compiler called ``name`` in the one worker that this process keeps for it."""
    return Isolated(threads=threads, name=name)


class _Holder:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: Process | None = None


class _Remote(Executable):
    def __init__(self, process: Process, handle: int, timeout_s: float) -> None:
        self._process = process
        self._head = {"verb": "run", "handle": handle}
        self._timeout_s = timeout_s
        weakref.finalize(self, process.forget, handle).atexit = False

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        return dict(self._process.ask(Message(self._head, inputs), self._timeout_s).arrays)


def _sent(card: ModelCard) -> dict[str, Any]:
    return {"name": card.name, "digest": card.digest, "tier": card.tier, "bound": card.bound}
