"""Start a worker, and leave nothing of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from latebra.compiling import arena
from latebra.compiling.arena import Arena
from latebra.compiling.scratch import Scratch
from latebra.core.errors import RunFailed, Unavailable

_STARTER: Final = Path(__file__).with_name("starting.py")
_ARENAS: Final = 5
"""One for requests, four for answers: the caller may hold three, further ones are copied."""
_TAIL_BYTES: Final = 2000
"""How much of what a worker last printed goes in an error."""
_GRACE_S: Final = 1.0
"""How long a worker that closed its pipe may take to be gone, so that its own signal is seen."""


@dataclass(frozen=True)
class Terms:
    """How a worker is to run.

    Args:
        name: The compiler's id, or ``module:Class``.
        threads: How many threads it may use.
        python: The interpreter.
        start_timeout_s: How long its start may take, in seconds.
        memory_limit_bytes: How much memory of its own it may hold; None for no limit.
    """

    name: str
    threads: int
    python: str
    start_timeout_s: float
    memory_limit_bytes: int | None


@dataclass(frozen=True)
class Spawned:
    """A worker's process, and all that this one holds for it.

    Args:
        child: The process; what it starts is in its group.
        said: What it prints.
        life: The end of a pipe: when it closes, the worker and its group end.
        arenas: Memory they share: for requests, then for answers. Empty where nothing is shared.
        ended: A descriptor that can be read once it ended; below zero where there is none.
        scratch: The folder for its temporary files: vendors leave some, and one that is killed
            cannot tidy up.
    """

    child: subprocess.Popen[bytes]
    said: IO[bytes]
    life: int
    arenas: tuple[Arena, ...]
    ended: int
    scratch: Scratch

    @property
    def requests(self) -> int:
        """The pipe to write to."""
        return _number(self.child.stdin)

    @property
    def answers(self) -> int:
        """The pipe to read from."""
        return _number(self.child.stdout)

    def last_words(self) -> str:
        """Returns the end of what it printed."""
        size = os.fstat(self.said.fileno()).st_size
        self.said.seek(max(0, size - _TAIL_BYTES))
        return self.said.read().decode(errors="replace").strip()

    def cause(self) -> str:
        """Returns what a worker died of; one that is only about to is waited for, not for long."""
        try:
            status = self.child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = self.child.wait()
        if status < 0:
            try:
                return signal.Signals(-status).name
            except ValueError:
                return f"signal {-status}"
        # Windows reports what would be a signal as a large status: 0xC0000005 is a bad access.
        return f"exit status {status:#x}" if status > 255 else f"exit status {status}"

    def end(self) -> None:
        """Ends it, and frees what is held for it."""
        self.child.kill()
        if arena.SHARED:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)  # Helpers that the compiler started.
        self.child.wait()
        self._close()
        self.scratch.remove()

    def leave(self) -> None:
        """Frees what is held for it, and leaves it to whoever holds the other end."""
        self._close()
        self.scratch.leave()

    def _close(self) -> None:
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()
        os.close(self.life)
        if self.ended >= 0:
            os.close(self.ended)
        self.said.close()
        for each in self.arenas:
            each.close()
        if self.child.returncode is None:
            self.child.returncode = 0  # Popen would warn of a process that still runs.


def spawn(terms: Terms) -> Spawned:
    """Returns a worker that was just started.

    Raises:
        Unavailable: The interpreter cannot be started, or the system has no room.
    """
    with contextlib.ExitStack() as undo:
        try:
            said = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the worker
            undo.callback(said.close)
            scratch = Scratch.made()
            undo.callback(scratch.remove)
            arenas: list[Arena] = []
            for _ in range(_ARENAS if arena.SHARED else 0):
                arenas.append(Arena.made())
                undo.callback(arenas[-1].close)
            lifeline, life = os.pipe()
            undo.callback(os.close, life)
            with contextlib.closing(os.fdopen(lifeline)):
                child = _started(terms, said, lifeline, [each.fd for each in arenas], scratch.path)
        except OSError as error:
            raise Unavailable(
                f"{terms.python!r} cannot be started: {error.strerror}",
                fix="give the path of a Python interpreter",
            ) from error
        undo.pop_all()
    if arena.SHARED:
        os.set_blocking(_number(child.stdin), False)
    return Spawned(child, said, life, tuple(arenas), _watched(child.pid), scratch)


def _started(
    terms: Terms, said: IO[bytes], lifeline: int, shared: list[int], scratch: str
) -> subprocess.Popen[bytes]:
    told = {
        "name": terms.name,
        "threads": terms.threads,
        "memory_limit_bytes": terms.memory_limit_bytes,
        "parent": os.getpid(),
        "lifeline": lifeline if arena.SHARED else -1,
        "arenas": shared,
    }
    return subprocess.Popen(  # noqa: S603 an interpreter and an id, never a shell
        [terms.python, str(_STARTER), json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        bufsize=0,
        env={
            **os.environ,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch),
            # For numpy, whose threads cost the reference more than they give; the others have their
            # own setting.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # What lies in the working folder, or beside the starter, is not imported.
            "PYTHONSAFEPATH": "1",
        },
        pass_fds=[lifeline, *shared] if arena.SHARED else (),
        process_group=0 if arena.SHARED else None,
    )


def _watched(pid: int) -> int:
    """Returns a descriptor that can be read once a process ended, or -1.

    The process's pipe tells too, unless somebody whom it forked off holds that open.
    """
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:  # Kernels before 5.3, and sandboxes.
        return -1


def _number(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise RunFailed("a worker was started without pipes")
    return pipe.fileno()
