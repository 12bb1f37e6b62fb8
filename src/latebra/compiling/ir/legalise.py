"""A model said again in few operators, for compilers that know not all of ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

from latebra.compiling.contract import Model
from latebra.compiling.ir.from_onnx import from_onnx
from latebra.compiling.ir.passes.halves import widen_halves
from latebra.compiling.ir.passes.usual import improved
from latebra.compiling.ir.to_onnx import to_onnx
from latebra.core.errors import Unsupported


def legalised(
    model: Model, shapes: Mapping[str, Sequence[int]] | None = None, *, wide: bool = False
) -> Model:
    """Returns a model in the operators of ``to_onnx`` alone, every shape fixed.

    What depends on shapes and constants is computed; compound operators are taken apart.

    Args:
        model: The model.
        shapes: The shape of each input that the model leaves open, by name.
        wide: Whether floats of 16 bits are computed in 32.

    Raises:
        Unsupported: An operator cannot be taken, or a shape is open; the message says which.
    """
    graph = improved(from_onnx(model.onnx, shapes=shapes))
    return replace(model, onnx=to_onnx(improved(widen_halves(graph)) if wide else graph))


def printed(model: Model) -> str:
    """Returns a model as a core graph prints itself.

    It is empty where the model cannot be taken, or the onnx package is not installed.
    """
    if find_spec("onnx") is None:
        return ""
    try:
        return f"{improved(from_onnx(model.onnx))}\n"
    except Unsupported:
        return ""
