"""Compilers that fail on purpose, to show that isolation holds."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.backends.reference import Reference
from latebra.compiling.contract import Compiler, Executable, Model, Support
from latebra.core.network import Arrays, ModelCard

_HELPER: Final = "import time; time.sleep(3600)"
_helpers: Final[list[subprocess.Popen[bytes]]] = []


@dataclass(frozen=True)
class Faulty(Compiler):
    """Does what the artifact says when it runs: ``echo``, or one of the ways to fail.

    | word | then |
    |---|---|
    | ``crash`` | reads where nothing is |
    | ``abort`` | ends as a failed assertion in C does |
    | ``exit`` | ends politely |
    | ``hang`` | sleeps for an hour |
    | ``seize`` | sleeps for an hour inside C, with the interpreter locked |
    | ``spawn`` | starts a helper that sleeps for an hour, then crashes |
    | ``assist`` | starts the same helper, then goes on |
    | ``eat`` | asks for memory until there is none |
    | ``gnaw`` | the same, where the system refuses nothing: in memory meant for sharing |
    | ``scribble`` | writes over whatever file it has open, the pipe to its parent included |
    | ``raise`` | raises what is no error of ours |
    | ``print`` | prints, then goes on |

    It builds that artifact from the model's name; a model called ``crash_in_build`` does not get
    so far. It is called ``latebra.testing.faults:Faulty``.
    """

    title: ClassVar[str] = "Faulty"
    about: ClassVar[str] = "Fails on purpose."
    needs: ClassVar[Mapping[str, str]] = {}
    rank: ClassVar[int] = 99

    @override
    def supports(self, model: Model) -> Support:
        return Support()

    @override
    def build(self, model: Model) -> bytes:
        verb, _, when = model.card.name.partition("_in_")
        if when == "build":
            _fail(verb)
        return verb.encode()

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        if card.name.endswith("_in_load"):
            _fail(artifact.decode())
        return _Faulty(artifact.decode())


class _Faulty(Executable):
    def __init__(self, verb: str) -> None:
        self._verb = verb

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        _fail(self._verb)
        return dict(inputs)


OFF_BY: Final = 0.25
"""What ``Off`` adds to each number."""


@dataclass(frozen=True)
class Off(Compiler):
    """Computes as the reference does, then adds a quarter: it is called ``...faults:Off``."""

    title: ClassVar[str] = "Off"
    about: ClassVar[str] = "Is off on purpose."
    needs: ClassVar[Mapping[str, str]] = Reference.needs
    rank: ClassVar[int] = 99

    @override
    def supports(self, model: Model) -> Support:
        return Reference().supports(model)

    @override
    def build(self, model: Model) -> bytes:
        return Reference().build(model)

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        return _Off(Reference().load(artifact, card))


class _Off(Executable):
    def __init__(self, inner: Executable) -> None:
        self._inner = inner

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        found = self._inner.run(inputs)
        return {name: (array + OFF_BY).astype(array.dtype) for name, array in found.items()}


def _fail(verb: str) -> None:
    match verb:
        case "crash":
            sys.stderr.write("about to read where nothing is\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        case "abort":
            os.abort()
        case "exit":
            sys.exit(3)
        case "hang":
            time.sleep(3600)
        case "seize":
            ctypes.PyDLL(None).sleep(3600)
        case "spawn":
            _helpers.append(subprocess.Popen([sys.executable, "-c", _HELPER]))  # noqa: S603
            os.kill(os.getpid(), signal.SIGSEGV)
        case "assist":
            _helpers.append(subprocess.Popen([sys.executable, "-c", _HELPER]))  # noqa: S603
        case "eat":
            eaten = [bytearray(1 << 24)]
            while True:
                eaten.append(bytearray(b"\1") * (1 << 24))
        case "gnaw":
            gnawed: list[mmap.mmap] = []
            while True:
                gnawed.append(mmap.mmap(-1, 1 << 24))
                gnawed[-1].write(b"\1" * (1 << 24))
        case "scribble":
            for fd in range(3, 64):
                with contextlib.suppress(OSError):
                    os.write(fd, b"scribble" * 8)
        case "raise":
            raise ValueError("three is not even")
        case "print":
            sys.stdout.write("a vendor's banner\n")
            sys.stdout.flush()
            os.write(1, b"a vendor's banner, from C\n")
        case _:
            return
