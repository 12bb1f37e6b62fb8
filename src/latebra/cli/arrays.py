"""Arrays and shapes, as words of a command give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.cli.console import Usage
from latebra.core.errors import UnreadableFile


def read_inputs(given: Sequence[Path], names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    """Returns arrays by input name, or None where nothing is given.

    Args:
        given: One ``.npz`` with arrays by name; ``NAME=FILE.npy`` for each; or ``FILE.npy`` where
            there is one input.
        names: The model's inputs.

    Raises:
        Usage: A file is given for no input.
        UnreadableFile: A file cannot be read, or holds no arrays.
    """
    if not given:
        return None
    found: dict[str, NDArray[Any]] = {}
    for each in given:
        name, equals, place = str(each).partition("=")
        path = Path(place if equals else name)
        held = _load(path)
        if isinstance(held, dict):
            found |= held
        elif equals:
            found[name] = held
        elif len(names) == 1:
            found[names[0]] = held
        else:
            raise Usage(
                f"{path} is given for no input, and there are {len(names)}",
                fix=f"say which: --input {names[0]}={path}",
            )
    return found


def read_samples(given: Sequence[Path], names: Sequence[str]) -> list[dict[str, NDArray[Any]]]:
    """Returns typical inputs, one mapping a file.

    Args:
        given: ``.npz`` with arrays by name, or ``.npy`` where there is one input.
        names: The model's inputs.

    Raises:
        Usage: A ``.npy`` is given, and there are several inputs.
        UnreadableFile: A file cannot be read, or holds no arrays.
    """
    return [found for each in given if (found := read_inputs([each], names))]


def read_shapes(given: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Returns shapes by input name; the name may be left empty where there is one input.

    Example:
        >>> read_shapes(["x=1,3,320,320", "2,5"])
        {'x': (1, 3, 320, 320), '': (2, 5)}

    Raises:
        Usage: A length is no whole number.
    """
    found: dict[str, tuple[int, ...]] = {}
    for each in given:
        name, equals, lengths = each.rpartition("=")
        try:
            found[name if equals else ""] = tuple(int(length) for length in lengths.split(","))
        except ValueError:
            raise Usage(
                f"{each!r} is no shape", fix="give NAME=LENGTHS, such as x=1,3,320,320"
            ) from None
    return found


def _load(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    try:
        held: Any = np.load(path, allow_pickle=False)
        if not hasattr(held, "files"):  # One array, not an archive of them.
            return held
        with held:
            return {name: held[name] for name in held.files}
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except OSError as error:
        why = error.strerror or "it is no file of arrays"
        raise UnreadableFile(f"{path} cannot be read: {why}", fix="give .npy or .npz") from None
    except (ValueError, EOFError, KeyError):
        raise UnreadableFile(
            f"{path} holds no numeric arrays", fix="give .npy or .npz, as numpy.save writes them"
        ) from None
