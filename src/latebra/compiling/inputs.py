"""Inputs to try a model on, drawn to make sense to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.compiling.facts import Tensor
from latebra.compiling.shapes import Shape
from latebra.core.errors import Unsupported

SMALLEST_LIMIT: Final = 2
"""Whole numbers stay below it where nothing tells how large they may be: a flag, a kind."""
SAMPLE_RATE_HZ: Final = 16_000
_PASSED_ON: Final = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
"""Operators whose output holds the same whole numbers as their first input."""


def drawn(model: Model, shapes: Mapping[str, Shape], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Returns inputs of these shapes: the card's golden vector where it fits, else a draw.

    Floats are unit normals; whole numbers stay below the length of the table that they look up;
    masks are ones; a sample rate is 16,000. The same seed gives the same inputs.

    Args:
        model: The network.
        shapes: A shape for each input.
        seed: Of the draw.

    Raises:
        Unsupported: An input has a type that numpy lacks.
    """
    golden = model.card.golden
    if golden and all(
        name in golden.inputs and golden.inputs[name].shape == shape
        for name, shape in shapes.items()
    ):
        return {name: golden.inputs[name] for name in shapes}
    rng = np.random.default_rng(seed)
    limits = _limits(model)
    return {
        each.name: _draw(each, shapes[each.name], limits.get(each.name), rng)
        for each in model.facts.inputs
    }


def _draw(
    tensor: Tensor, shape: Shape, limit: int | None, rng: np.random.Generator
) -> NDArray[Any]:
    if not tensor.dtype:
        raise Unsupported(
            f"input {tensor.name!r} has a type that numpy lacks", fix="export it with another type"
        )
    kind, name = np.dtype(tensor.dtype), tensor.name.lower()
    if "mask" in name:
        return np.ones(shape, kind)
    if kind.kind == "b":
        return np.ones(shape, kind)
    if kind.kind in "iu":
        return _whole(kind, name, shape, limit, rng)
    return np.asarray(rng.standard_normal(shape)).astype(kind)


def _whole(
    kind: np.dtype[Any], name: str, shape: Shape, limit: int | None, rng: np.random.Generator
) -> NDArray[Any]:
    if limit is None and name in ("sr", "sample_rate", "sampling_rate"):
        return np.full(shape, SAMPLE_RATE_HZ, kind)
    if limit is None and kind.itemsize == 1:  # Bytes of a picture or of a file.
        info = np.iinfo(kind)
        return rng.integers(info.min, info.max + 1, shape).astype(kind)
    if limit is None and "byte" in name:  # The same, held in wider numbers.
        return rng.integers(0, 256, shape).astype(kind)
    high = min(limit or SMALLEST_LIMIT, np.iinfo(kind).max)
    if "position" in name and shape:
        return np.broadcast_to(np.arange(shape[-1]) % high, shape).astype(kind)
    return np.asarray(rng.integers(0, high, shape)).astype(kind)


def _limits(model: Model) -> dict[str, int]:
    """Returns, for each input that is looked up in a table of the file, the table's length."""
    try:
        import onnx
    except ImportError:  # Small numbers are below any length.
        return {}
    vendor: Any = onnx
    graph = vendor.load_model_from_string(model.onnx).graph
    lengths = {each.name: list(each.dims) for each in graph.initializer}
    nodes = list(graph.node)
    limits: dict[str, int] = {}
    for tensor in model.facts.inputs:
        found = list(_lookups(tensor.name, nodes, lengths))
        if found:
            limits[tensor.name] = min(found)
    return limits


def _lookups(name: str, nodes: list[Any], lengths: Mapping[str, list[int]]) -> Iterator[int]:
    same = {name}
    for node in nodes:  # They come in the order of computation.
        if node.op_type in _PASSED_ON and node.input and node.input[0] in same:
            same.update(node.output)
        elif node.op_type == "Gather" and node.input[1] in same and node.input[0] in lengths:
            axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
            yield lengths[node.input[0]][axis]
        elif node.op_type == "OneHot" and node.input[0] in same:
            yield SMALLEST_LIMIT
