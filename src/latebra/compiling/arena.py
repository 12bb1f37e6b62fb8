"""Memory that two processes share, which has no name and so outlives neither."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import weakref
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHARED: Final = sys.platform != "win32"
"""Whether a child inherits file descriptors here; where not, arrays cross the pipe itself."""
LEAST_LENT_BYTES: Final = 1 << 18
"""Arrays below this are copied: it costs less than a second arena kept warm (a choice)."""

_STEP_BYTES: Final = 1 << 16
_MUCH_BYTES: Final = 1 << 24
"""An arena that grew beyond this for a model's file gives its pages back."""


class Arena:
    """A stretch of memory behind a file descriptor that no folder lists.

    One process writes and makes it grow, the other reads. The kernel frees it when the last
    descriptor and the last mapping are gone, however the two processes ended. It never shrinks, so
    that neither can take pages away from under the other.

    Args:
        fd: The descriptor, made by ``Arena.made`` here or inherited from who made it.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._size = 0
        self._map: mmap.mmap | None = None
        self._lent: weakref.ref[NDArray[np.uint8]] | None = None

    @classmethod
    def made(cls) -> Arena:
        """Returns a new, empty arena.

        Raises:
            OSError: The system gives none.
        """
        return cls(_unnamed())

    @property
    def is_lent(self) -> bool:
        """Whether an array that somebody still holds lies in it."""
        return self._lent is not None and self._lent() is not None

    def lend(self, flat: NDArray[np.uint8]) -> None:
        """Takes note that arrays over ``flat`` were given away."""
        self._lent = weakref.ref(flat)

    def reserved(self, size: int) -> mmap.mmap:
        """Returns the memory, grown to ``size`` bytes or more, to write to.

        Raises:
            OSError: The system has no room for it.
        """
        if size > self._size or self._map is None:
            wanted = max(size, self._size * 5 // 4, 1)
            wanted = -(-wanted // _STEP_BYTES) * _STEP_BYTES
            if hasattr(os, "posix_fallocate"):
                # A lack of room is an error here; without this, it is a SIGBUS at some later write.
                os.posix_fallocate(self.fd, 0, wanted)
            else:
                os.ftruncate(self.fd, wanted)
            self._remap(wanted)
        assert self._map is not None  # noqa: S101 for the type checker: it was just made
        return self._map

    def flat(self, size: int) -> NDArray[np.uint8]:
        """Returns the first ``size`` bytes, to read.

        Raises:
            TypeError: The arena is not that long.
            ValueError: It is empty.
        """
        if size > self._size or self._map is None:
            self._remap(os.fstat(self.fd).st_size)
        assert self._map is not None  # noqa: S101 for the type checker: it was just made
        return np.ndarray((size,), np.uint8, self._map)

    def trim(self) -> None:
        """Gives the pages back to the system where there are many; what was written is lost."""
        if self._map is not None and self._size > _MUCH_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE)

    def close(self) -> None:
        """Lets go of it; arrays that were lent stay as they are."""
        self._map = None  # Unmapped when the last array over it is gone.
        os.close(self.fd)

    def _remap(self, size: int) -> None:
        # The old mapping goes when its arrays go; it cannot be closed under them. Pages are mapped
        # at once: one fault at a time costs more than the copy.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        self._map = mmap.mmap(self.fd, size, flags=flags)
        self._size = size


def free_arena(arenas: Sequence[Arena]) -> int:
    """Returns the place of one that nobody holds; the last, which is never lent, if all are."""
    last = len(arenas) - 1
    return next((at for at in range(last) if not arenas[at].is_lent), last)


def _unnamed() -> int:
    if hasattr(os, "memfd_create"):
        import fcntl  # It is POSIX alone.

        fd = os.memfd_create("latebra", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return fd
    fd, name = tempfile.mkstemp(prefix="latebra")
    os.unlink(name)  # noqa: PTH108 the name goes at once; the memory stays
    return fd
