"""Start a worker with whatever Python runs this file, once what it needs is known to be there.

It is run by its path, so that the environment need not have this package: numpy is enough. Nothing
above the first check is newer than Python 3.7, so that an old one is refused in words.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import struct
import sys
import threading
import types
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The folder of this package."""
OLDEST = (3, 11)


def refuse(what: str, fix: str) -> None:
    """Sends one answer, as ``wire`` packs it, that says why there will be no other."""
    told: list[object] = [{"error": "Unavailable", "what": what, "fix": fix}, [], 0, 0, False]
    head = json.dumps(told).encode()
    os.write(1, struct.pack("<IQ", len(head), 0) + head)
    sys.exit(0)


def hold(lifeline: int, parent: int) -> None:
    """Ends this process and its group with its parent, whatever it is doing then.

    Args:
        lifeline: A pipe that closes when the parent ends; below zero where nothing is inherited.
        parent: The parent's process id.
    """
    if lifeline < 0 and sys.platform != "win32":
        return  # Nothing was inherited: the end of standard input has to do.

    def wait() -> None:
        if sys.platform == "win32":
            import ctypes

            synchronize, forever = 0x00100000, 0xFFFFFFFF
            kernel = ctypes.windll.kernel32
            kernel.WaitForSingleObject(kernel.OpenProcess(synchronize, False, parent), forever)
            os._exit(0)
        else:
            os.read(lifeline, 1)  # Nothing is ever written: it ends when that closes.
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()
    if sys.platform == "linux":
        # A vendor that hangs inside C keeps the thread above from running; the kernel needs none.
        import fcntl

        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


def borrow(root: Path) -> None:
    """Makes the package at ``root`` importable here, and nothing else that lies beside it."""
    spec = importlib.util.spec_from_file_location(
        root.name, root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{root} is no package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[root.name] = package
    spec.loader.exec_module(package)


def stand_in() -> None:
    """Stands in for typing_extensions where it is missing: all we use of it is one decorator."""
    if importlib.util.find_spec("typing_extensions") is None:
        module = types.ModuleType("typing_extensions")
        module.override = getattr(typing, "override", lambda method: method)  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module


def main() -> None:
    """Serve one compiler, or say what is missing."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        refuse(
            f"{sys.executable} is Python {found}, which is too old",
            "give the path of Python 3.11 or newer",
        )
    told = json.loads(sys.argv[1])
    hold(told["lifeline"], told["parent"])
    stand_in()
    borrow(ROOT)
    try:
        from latebra.compiling import worker
    except ImportError as error:
        refuse(
            f"{error.name or error} cannot be imported by {sys.executable}: {error}",
            f"{sys.executable} -m pip install {error.name or 'numpy'}",
        )
        raise
    worker.serve(told)


if __name__ == "__main__":
    main()
