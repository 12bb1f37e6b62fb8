"""End a worker at a random point, and see what came of it and what it left."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Executable, Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.opening import outcome_of
from latebra.core.errors import LatebraError
from latebra.core.network import ModelCard

FAULTY: Final = "latebra.testing.faults:Faulty"
FROM_OUTSIDE: Final = ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGSTOP")
"""Signals that reach a worker wherever it is; the last makes it hang."""
FROM_INSIDE: Final = (
    "crash",
    "abort",
    "exit",
    "hang",
    "seize",
    "spawn",
    "eat",
    "gnaw",
    "scribble",
    "raise",
)
"""What a compiler does to itself; see ``faults``."""
VERBS: Final = ("build", "load", "run")

_MEMORY_LIMIT_BYTES: Final = 512 << 20
_SPAN_S: Final = 0.6
"""From the start of a process: some 0.2 s of imports, then builds, loads and runs."""
_LARGE: Final = 1 << 18
"""Numbers in the larger of two inputs: a quarter of a million cross at each second run."""


@dataclass(frozen=True)
class Death:
    """How one worker ended.

    Args:
        how: What was done to it.
        verb: What it was doing.
        outcome: The word for it, or ``replaced`` if it was asked for nothing at that time.
        said: The error's words.
    """

    how: str
    verb: str
    outcome: str
    said: str


@dataclass(frozen=True)
class Holdings:
    """What a process holds of the system; workers must leave it as it was.

    Args:
        descriptors: Open file descriptors.
        children: Child processes, dead ones that nobody waited for included.
        threads: Threads.
        mappings: Mappings of shared memory.
        named: Files in ``/dev/shm``.
        folders: Folders for workers' temporary files.
    """

    descriptors: int
    children: int
    threads: int
    mappings: int
    named: int
    folders: int

    @staticmethod
    def now() -> Holdings:
        """Returns what this process holds (it reads ``/proc``)."""
        gc.collect()
        shared = Path("/dev/shm")  # noqa: S108 where POSIX shared memory has its names
        return Holdings(
            sum(1 for _ in Path("/proc/self/fd").iterdir()),
            sum(1 for _, parent, _ in _processes() if parent == os.getpid()),
            threading.active_count(),
            Path("/proc/self/maps").read_text().count("memfd:latebra"),
            sum(1 for _ in shared.iterdir()) if shared.exists() else 0,
            sum(1 for _ in Path(gettempdir()).glob(f"latebra-{os.getpid()}-*")),
        )


def group_of(pid: int) -> list[int]:
    """Returns the processes that run in the group that ``pid`` leads, or led."""
    return [each for each, _, group in _processes() if group == pid]


@contextmanager
def bystander() -> Generator[Executable]:
    """Gives a network in a worker of its own, to which nothing is done."""
    with Isolated(name=FAULTY, threads=1) as compiler:
        yield _opened(compiler, "echo")


def die(rng: np.random.Generator, beside: Executable) -> Death:
    """Ends one worker in a random way at a random point; returns what was said of it.

    Raises:
        AssertionError: It was not said in words, or something else was lost with it.
    """
    patient = Isolated(name=FAULTY, threads=1, memory_limit_bytes=_MEMORY_LIMIT_BYTES)
    hasty = replace(
        patient, start_timeout_s=3.0, build_timeout_s=0.5, load_timeout_s=0.5, run_timeout_s=0.5
    )
    kill = _from_outside if rng.random() < 0.5 else _from_inside
    with hasty:
        pid = hasty.pid
        death = kill(rng, hasty)
        assert death.said, "it ended without a word"
        # It was lost alone: the one beside it works, and a new one does. The latter takes half of
        # the time, and is asked of one in four.
        _assert_echo(beside, _inputs(rng))
        if rng.random() < 0.25:
            with patient:
                _assert_echo(_opened(patient, "echo"), _inputs(rng))
    deadline = time.monotonic() + 10
    while (left := group_of(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"processes {left} outlived their worker"
    return death


def _from_outside(rng: np.random.Generator, compiler: Isolated) -> Death:
    how = str(rng.choice(FROM_OUTSIDE))
    verb = "start"
    pid = compiler.pid
    killer = threading.Timer(
        float(rng.uniform(0, _SPAN_S)), _kill, (pid, signal.Signals[how].value)
    )
    killer.start()
    networks: list[Executable] = []
    end = time.monotonic() + 30
    try:
        while time.monotonic() < end:
            verb = "build"
            artifact = compiler.build(_model("echo"))
            verb = "load"
            networks.append(compiler.load(artifact, _model("echo").card))
            verb = "run"
            for _ in range(4):
                _assert_echo(networks[-1], _inputs(rng))
            if compiler.pid != pid:
                # It died between two requests: whoever held a network of its own is told.
                for network in networks[:1] if len(networks) > 1 else ():
                    network.run(_inputs(rng))
                return Death(how, "idle", "replaced", "nobody asked it for anything")
    except LatebraError as error:
        return Death(how, verb, outcome_of(error).value, error.what)
    finally:
        killer.cancel()  # It may have ended otherwise, and its number be another's by then.
        killer.join()
    raise AssertionError(f"{how} did nothing")


def _from_inside(rng: np.random.Generator, compiler: Isolated) -> Death:
    how, verb = str(rng.choice(FROM_INSIDE)), str(rng.choice(VERBS))
    name = how if verb == "run" else f"{how}_in_{verb}"
    try:
        _assert_echo(_opened(compiler, name), _inputs(rng))
    except LatebraError as error:
        return Death(how, verb, outcome_of(error).value, error.what)
    raise AssertionError(f"{how} in {verb} went unnoticed")


def _kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _model(name: str) -> Model:
    return Model(b"", ModelCard(name, "0" * 64, "T3", 0.0))


def _opened(compiler: Isolated, name: str) -> Executable:
    return compiler.load(compiler.build(_model(name)), _model(name).card)


def _inputs(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    length = int(rng.choice([1, _LARGE]))
    return {"x": rng.random(length, np.float32), "n": rng.integers(0, 100, (2, 3))}


def _assert_echo(network: Executable, inputs: dict[str, NDArray[Any]]) -> None:
    found = network.run(inputs)
    assert set(found) == set(inputs)
    for name, array in inputs.items():
        assert found[name].tobytes() == array.tobytes(), f"{name} came back changed"


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yields id, parent and group of every process that has not yet ended."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name, in brackets, may hold spaces and brackets of its own.
                state, parent, group, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if state not in "ZX":
                yield int(entry.name), int(parent), int(group)
