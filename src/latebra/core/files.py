"""Write files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

_EVERYONE: Final = 0o644
"""Whoever may look into the folder may read what people make for others."""


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Generator[BinaryIO]:
    """Opens a file that takes the name ``path`` once all is written, and else leaves nothing.

    Args:
        path: What is there already is replaced.
        private: Whether its owner alone may read it.

    Raises:
        OSError: It cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=".latebra-", dir=path.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if not private:
            temporary.chmod(_EVERYONE)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
