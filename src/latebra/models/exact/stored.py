"""Exact networks as few bytes: each array in the smallest whole numbers that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import UnreadableFile
from latebra.models.exact.attention import Attention
from latebra.models.exact.convolution import Convolution
from latebra.models.exact.embedding import Embedding, Positions
from latebra.models.exact.layer import Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.norm import Norm
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Flatten, Residual, Sequence
from latebra.models.exact.softmax import CausalSoftmax

KIND: Final = "layer"
_KINDS: Final[Mapping[str, type[Layer]]] = {
    kind.__name__: kind
    for kind in (
        Attention,
        CausalSoftmax,
        Convolution,
        Embedding,
        Flatten,
        Linear,
        Norm,
        Positions,
        Rescale,
        Residual,
        Sequence,
    )
}
_TYPES: Final = (np.int8, np.int16, np.int32)


def stored(network: Sequence) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Returns what layers there are, as JSON tells it, and their arrays, which it numbers."""
    arrays: list[NDArray[Any]] = []
    return _told(network, arrays), arrays


def restored(told: Mapping[str, Any], arrays: list[NDArray[Any]]) -> Sequence:
    """Returns the network that was stored.

    Raises:
        UnreadableFile: It has a layer that is not known here, or lacks an array.
    """
    try:
        network = _made(told, arrays)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UnreadableFile(
            f"these are not the layers of an exact network: {error!r}",
            fix="use the file as it was written, or a newer latebra",
        ) from error
    if not isinstance(network, Sequence):
        raise UnreadableFile(
            f"the outermost layer is a {type(network).__name__}", fix="store a Sequence"
        )
    return network


def _told(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, Layer):
        # Every layer is a dataclass, and made of its fields again.
        names: list[str] = [each.name for each in fields(value)]  # pyright: ignore[reportArgumentType]
        return {
            KIND: type(value).__name__,
            **{name: _told(getattr(value, name), arrays) for name in names},
        }
    if isinstance(value, tuple):
        parts = cast("tuple[Any, ...]", value)
        return [_told(each, arrays) for each in parts]
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        arrays.append(_small(array))
        return {"array": len(arrays) - 1}
    return value


def _made(told: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(told, list):
        parts = cast("list[Any]", told)
        return tuple(_made(each, arrays) for each in parts)
    if not isinstance(told, dict):
        return told
    named = cast("dict[str, Any]", told)
    if KIND not in named:
        number: int = named["array"]
        return arrays[number].astype(np.float32)
    held = {name: _made(each, arrays) for name, each in named.items() if name != KIND}
    return _KINDS[named[KIND]](**held)


def _small(array: NDArray[Any]) -> NDArray[Any]:
    for kind in _TYPES:
        small = array.astype(kind)
        if np.array_equal(small, array):
            return small
    raise ValueError("the array holds other than whole numbers of 32 bits")
