"""Inputs that are typical of a model, as arrays whose names begin with a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from latebra.core.network import Arrays


def numbered(samples: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """Returns every array of every sample, called ``N.NAME``, numbered from 0.

    Args:
        samples: Arrays by input name, one mapping a sample.
    """
    return {
        f"{at}.{name}": each for at, sample in enumerate(samples) for name, each in sample.items()
    }


def from_numbered(arrays: Arrays) -> tuple[dict[str, NDArray[Any]], ...]:
    """Returns samples from what ``numbered`` made of them.

    Raises:
        ValueError: A name has no number, or a number is left out.
    """
    found: dict[int, dict[str, NDArray[Any]]] = {}
    for told, array in arrays.items():
        number, dot, name = told.partition(".")
        if not dot or not re.fullmatch("0|[1-9][0-9]{0,8}", number):
            raise ValueError(f"array {told!r} belongs to no sample")
        found.setdefault(int(number), {})[name] = array
    if sorted(found) != list(range(len(found))):
        raise ValueError(f"samples are numbered {sorted(found)[:5]}, not from 0 on")
    return tuple(found[at] for at in range(len(found)))
