"""A graph, computed with numpy, operator by operator: slow, and right by definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.graph import FLOATS, Attribute, Attributes, Graph, type_of
from latebra.compiling.ir.operators import OPERATORS
from latebra.core.errors import RunFailed

Precision: TypeAlias = Literal["as given", "double"]


def interpret(
    graph: Graph, inputs: Mapping[str, NDArray[Any]], precision: Precision = "as given"
) -> dict[str, NDArray[Any]]:
    """Returns the outputs by name, in the types that the graph states.

    Args:
        graph: What to compute.
        inputs: One array for each input, of its type and shape.
        precision: ``"as given"`` computes in each value's own type; ``"double"`` computes every
            float in 64 bits, and rounds the outputs alone.

    Raises:
        RunFailed: An input is missing, unknown, or of another type; or an index is out of range.
    """
    if set(inputs) != set(graph.inputs):
        raise RunFailed(
            f"inputs are called {', '.join(sorted(inputs)) or 'nothing'}",
            fix=f"give exactly {', '.join(graph.inputs) or 'nothing'}",
        )
    for name, kind in graph.inputs.items():
        if type_of(np.asarray(inputs[name])) != kind:
            raise RunFailed(
                f"input {name!r} is {type_of(np.asarray(inputs[name]))}", fix=f"give {kind}"
            )
    wide = precision == "double"
    values = {name: _widened(np.asarray(array), wide) for name, array in inputs.items()}
    values.update((name, _widened(array, wide)) for name, array in graph.constants.items())
    left = graph.uses()
    for node in graph.nodes:
        attributes = _wide_attributes(node.attributes) if wide else node.attributes
        try:
            found = OPERATORS[node.op].evaluate([values[n] for n in node.inputs], attributes)
        except IndexError as error:
            raise RunFailed(f"{node.op} failed: {error}", fix="check the indices given") from None
        values[node.output] = np.asarray(found)
        for name in node.inputs:
            left[name] -= 1
            if not left[name]:
                del values[name]
    return {
        name: np.array(values[held], graph.types[held].dtype)
        for name, held in graph.outputs.items()
    }


def _widened(array: NDArray[Any], wide: bool) -> NDArray[Any]:
    return array.astype(np.float64) if wide and array.dtype.name in FLOATS else array


def _wide_attributes(attributes: Attributes) -> Mapping[str, Attribute]:
    if attributes.get("dtype") not in FLOATS:
        return attributes
    return {**attributes, "dtype": "float64"}
