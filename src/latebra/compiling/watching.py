"""An eye on a worker: how long it takes, and how much memory it holds."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_NAP_S: Final = 0.02
"""How often memory is looked at, where there is a limit: 1 GB can be touched in some 0.2 s."""
_LONGEST_NAP_S: Final = 3600.0


class Late(Exception):
    """It took longer than it was given."""


class Greedy(Exception):
    """It holds more memory than it was given."""


class Watch:
    """Waits for a worker, but not for ever, and not at any price.

    Args:
        pid: Whose memory to look at.
        kill: Ends the worker; called where waiting cannot be interrupted otherwise.
        limit_bytes: How much memory of its own it may hold; None for no limit.
        shared: Descriptors of the memory it shares with this process, which is not its own.
    """

    def __init__(
        self,
        pid: int,
        kill: Callable[[], None],
        limit_bytes: int | None,
        shared: Sequence[int] = (),
    ) -> None:
        self._pid = pid
        self._shared = tuple(shared)
        self._kill = kill
        self._limit_bytes = limit_bytes
        self._deadline = 0.0
        self._timer: threading.Timer | None = None
        self._polls: dict[int, select.poll] = {}
        self._fired = False

    def start(self, timeout_s: float) -> None:
        """Starts counting: ``timeout_s`` seconds from now, waiting ends."""
        self._deadline = time.monotonic() + timeout_s
        if not hasattr(select, "poll"):  # Windows: a pipe cannot be waited for with a limit.
            self._timer = threading.Timer(min(timeout_s, threading.TIMEOUT_MAX), self._fire)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Stops counting."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def read(self, pipe: int, size: int) -> bytes:
        """Returns what a pipe has, at most ``size`` bytes.

        Raises:
            EOFError: The other end is closed.
            Late: Nothing came in time.
            Greedy: The worker holds too much memory meanwhile.
        """
        self._wait(pipe, writing=False)
        piece = os.read(pipe, size)
        if not piece:
            if self._fired:
                raise Late
            raise EOFError("the pipe is closed")
        return piece

    def write(self, pipe: int, message: bytes) -> None:
        """Writes a whole message to a pipe that does not block.

        Raises:
            OSError: The other end is closed.
            Late: The other end did not read it in time.
            Greedy: The worker holds too much memory meanwhile.
        """
        left = memoryview(message)
        while left:
            try:
                left = left[os.write(pipe, left) :]
            except BlockingIOError:
                self._wait(pipe, writing=True)

    def _wait(self, pipe: int, *, writing: bool) -> None:
        if self._timer:
            return
        poll = self._polls.get(pipe)
        if poll is None:
            poll = self._polls[pipe] = select.poll()
            poll.register(pipe, select.POLLOUT if writing else select.POLLIN)
        longest = _LONGEST_NAP_S if self._limit_bytes is None else _NAP_S
        while True:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise Late
            if poll.poll(1000 * min(left_s, longest)):
                return
            if self._limit_bytes is not None and self._held_bytes() > self._limit_bytes:
                raise Greedy

    def _held_bytes(self) -> int:
        return own_bytes(self._pid) - sum(os.fstat(fd).st_size for fd in self._shared)

    def _fire(self) -> None:
        self._fired = True
        self._kill()


def own_bytes(pid: int) -> int:
    """Returns how many bytes of memory a process has touched, mapped files left out.

    Zero where the system does not say (it is read from ``/proc``), or the process is gone.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    counted = [line.split() for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
    return sum(int(kibibytes) << 10 for _, kibibytes, _ in counted)


def limit_own_memory(limit_bytes: int) -> None:
    """Makes allocations of this process fail beyond ``limit_bytes``, where the system can.

    It limits private memory that may be written (``RLIMIT_DATA``), not addresses: compilers map
    hundreds of megabytes of libraries that they never touch.
    """
    if sys.platform == "win32":
        return
    import resource  # It is POSIX alone.

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def in_words(size_bytes: int) -> str:
    """Returns a size as people write it: 512 MiB."""
    return f"{size_bytes / (1 << 20):.4g} MiB"
