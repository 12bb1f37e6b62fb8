"""Any compiler, one process away."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar, Final, Self

from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling import wire
from latebra.compiling.contract import Compiler, Executable, Model, Support
from latebra.compiling.wire import Message
from latebra.compiling.worker import find
from latebra.core import errors
from latebra.core.errors import BuildFailed, CompileError, LoadFailed, RunFailed, TimedOut
from latebra.core.network import Arrays, ModelCard

_TAIL_BYTES: Final = 2000
"""How much of what a dead worker last printed goes in the error."""
_FAILURES: Final[Mapping[str, type[CompileError]]] = {
    "build": BuildFailed,
    "load": LoadFailed,
    "run": RunFailed,
    "unload": RunFailed,
}


@dataclass(frozen=True)
class Isolated(Compiler):
    """The compiler called ``name``, one process away.

    A crash there is an error here, and a run that hangs is ended. The process starts when it is
    first needed, lives until ``close`` or the end of this one, and is replaced when it died.

    Args:
        name: An id, or ``module:Class`` for a compiler that has none.
        python: The interpreter to run it with; another environment is another path.
        build_timeout_s: How long one build may take, in seconds.
        load_timeout_s: How long one load may take, in seconds.
        run_timeout_s: How long one run may take, in seconds.
    """

    title: ClassVar[str] = "Isolated"
    about: ClassVar[str] = "Another compiler, one process away."
    rank: ClassVar[int] = 99

    name: str = "null"
    python: str = sys.executable
    build_timeout_s: float = 900.0
    load_timeout_s: float = 120.0
    run_timeout_s: float = 120.0
    _holder: _Holder = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_holder", _Holder())

    @override
    def probe(self) -> Support:
        return find(self.name)(threads=self.threads).probe()

    @override
    def supports(self, model: Model) -> Support:
        return find(self.name)(threads=self.threads).supports(model)

    @override
    def build(self, model: Model) -> bytes:
        request = Message({"verb": "build", "card": _sent(model.card)}, blob=model.onnx)
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

    def _process(self) -> _Process:
        with self._holder.lock:
            if self._holder.process is None or not self._holder.process.is_alive():
                self._holder.process = _Process(self.python, self.name, self.threads)
            return self._holder.process


class _Holder:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: _Process | None = None


class _Remote(Executable):
    def __init__(self, process: _Process, handle: int, timeout_s: float) -> None:
        self._process = process
        self._head = {"verb": "run", "handle": handle}
        self._timeout_s = timeout_s
        weakref.finalize(self, process.forget, handle).atexit = False

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        return dict(self._process.ask(Message(self._head, inputs), self._timeout_s).arrays)


class _Process:
    """One worker, asked by one caller at a time."""

    def __init__(self, python: str, name: str, threads: int) -> None:
        self.name = name
        self.handles = itertools.count()
        self._lock = threading.Lock()
        self._forgotten: list[int] = []
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the worker
        self._child = subprocess.Popen(  # noqa: S603 an interpreter and an id, never a shell
            # -P: what lies in the working folder is not imported.
            [python, "-P", "-m", "latebra.compiling.worker", name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,
            # For numpy, whose threads cost the reference more than they give; the others have their
            # own setting.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._requests = _number(self._child.stdin)
        self._answers = _number(self._child.stdout)
        self._watch = _Watch(self._child.kill)
        self._ended = weakref.finalize(self, _end, self._child, self._watch, self._said)

    @property
    def pid(self) -> int:
        return self._child.pid

    def is_alive(self) -> bool:
        return self._child.poll() is None

    def forget(self, handle: int) -> None:
        """Lets go of something loaded, when the worker is next asked."""
        self._forgotten.append(handle)

    def end(self) -> None:
        with self._lock:
            self._ended()

    def ask(self, request: Message, timeout_s: float) -> Message:
        """Returns the worker's answer.

        Raises:
            CompileError: Whatever the worker raised, or that it died.
            TimedOut: It took longer than ``timeout_s`` seconds.
        """
        with self._lock:
            if not self._ended.alive:
                raise RunFailed(f"compiler {self.name!r} is closed", fix="open the network again")
            while self._forgotten:
                head = {"verb": "unload", "handle": self._forgotten.pop()}
                self._exchange(Message(head), timeout_s)
            answer = self._exchange(request, timeout_s)
        failure = answer.head.get("error")
        if failure:
            kind = getattr(errors, failure)
            raise kind(f"compiler {self.name!r}: {answer.head['what']}", fix=answer.head["fix"])
        return answer

    def _exchange(self, request: Message, timeout_s: float) -> Message:
        message = wire.packed(request)
        self._watch.start(timeout_s)
        try:
            wire.send(self._requests, message)
            return wire.receive(self._answers)
        except (EOFError, OSError) as error:
            raise self._death(request.head["verb"], timeout_s) from error
        except BaseException:
            self._child.kill()  # An answer that nobody waited for would be taken for the next.
            self._child.wait()
            raise
        finally:
            self._watch.stop()

    def _death(self, verb: str, timeout_s: float) -> CompileError:
        status = self._child.wait()
        if self._watch.fired:
            return TimedOut(
                f"compiler {self.name!r} took longer than {timeout_s:g} s to {verb}",
                fix="give it more time, or choose another compiler",
            )
        return _FAILURES[verb](
            f"compiler {self.name!r} died of {_cause(status)} in {verb}{self._tail()}",
            fix="run it alone to see why: open_network(..., isolated=False)",
        )

    def _tail(self) -> str:
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - _TAIL_BYTES))
        said = self._said.read().decode(errors="replace").strip()
        return f"; it last said:\n{said}" if said else ""


class _Watch:
    """Calls ``fire`` when something takes too long; starting and stopping it costs nothing."""

    def __init__(self, fire: Any) -> None:
        self._fire = fire
        self._deadline = float("inf")
        self._longest_nap_s = 0.5
        self._done = threading.Event()
        self.fired = False
        threading.Thread(target=self._guard, daemon=True).start()

    def start(self, timeout_s: float) -> None:
        self._longest_nap_s = min(0.5, timeout_s / 4)
        self._deadline = time.monotonic() + timeout_s

    def stop(self) -> None:
        self._deadline = float("inf")

    def end(self) -> None:
        self._done.set()

    def _guard(self) -> None:
        while not self._done.wait(self._longest_nap_s):
            if time.monotonic() > self._deadline:
                self.fired = True
                self._fire()
                return


def _end(child: subprocess.Popen[bytes], watch: _Watch, said: IO[bytes]) -> None:
    watch.end()
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
    said.close()


def _number(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise RunFailed("a worker was started without pipes")
    return pipe.fileno()


def _cause(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    # Windows reports what would be a signal as a large status: 0xC0000005 is an access violation.
    return f"exit status {status:#x}" if status > 255 else f"exit status {status}"


def _sent(card: ModelCard) -> dict[str, Any]:
    return {"name": card.name, "digest": card.digest, "tier": card.tier, "bound": card.bound}
