"""Start a worker with whatever Python runs this file, once what it needs is known to be there.

It is run by its path, so that the environment need not have this package: numpy is enough. Nothing
above the first check is newer than Python 3.7, so that an old one is refused in words.
"""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import sys
import types
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The folder of this package."""
OLDEST = (3, 11)


def refuse(what: str, fix: str) -> None:
    """Sends one answer, as ``wire`` packs it, that says why there will be no other."""
    told = [{"error": "Unavailable", "what": what, "fix": fix}, [], 0, 0, False]
    head = json.dumps(told).encode()
    os.write(1, struct.pack("<IQ", len(head), 0) + head)
    sys.exit(0)


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
    worker.serve(json.loads(sys.argv[1]))


if __name__ == "__main__":
    main()
