"""A model with its open axes fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from latebra.compiling.contract import Model
from latebra.compiling.facts import Tensor
from latebra.compiling.folding import folded
from latebra.core.errors import InputError, Unavailable

Shape = tuple[int, ...]

PICTURE: Final = 224
"""For an open side of a picture: a multiple of 32, as most encoders want."""
SEQUENCE: Final = 16
"""For any other open axis."""


def usual_shapes(model: Model, batch: int = 1) -> dict[str, Shape]:
    """Returns a shape for each input: its own, with sensible lengths where axes are open.

    An open first axis is the batch; open axes of a picture (rank 4) are 224, others 16.

    Args:
        model: The network.
        batch: Length of an open first axis.
    """
    return {each.name: _usual(each, batch) for each in model.facts.inputs}


def has_open_batch(model: Model) -> bool:
    """Returns whether the first axis of every input is open."""
    inputs = model.facts.inputs
    return bool(inputs) and all(each.shape and each.shape[0] is None for each in inputs)


def told_shapes(
    model: Model, told: Mapping[str, Sequence[int]], batch: int = 1
) -> dict[str, Shape]:
    """Returns a shape for each input: as told, else the usual.

    Args:
        model: The network.
        told: Shapes by input name; the name may be left empty where there is one input.
        batch: Length of an open first axis where no shape was told.

    Raises:
        InputError: A name is unknown, or a shape does not fit what the file fixes.
    """
    shapes = usual_shapes(model, batch)
    known = {each.name: each for each in model.facts.inputs}
    for given, lengths in told.items():
        name = next(iter(known)) if not given and len(known) == 1 else given
        if name not in known:
            raise InputError(
                f"{model.card.name} has no input {name!r}", fix=f"choose from {', '.join(known)}"
            )
        wanted = known[name].shape
        fits = len(wanted) == len(lengths) and all(
            (own is None or own == length) and length > 0
            for own, length in zip(wanted, lengths, strict=True)
        )
        if not fits:
            raise InputError(
                f"a shape of {tuple(lengths)} was given for input {name!r}",
                fix=f"give lengths for {known[name]}",
            )
        shapes[name] = tuple(lengths)
    return shapes


def fixed(model: Model, shapes: Mapping[str, Shape]) -> Model:
    """Returns the model with its inputs of exactly these shapes; itself where nothing is open.

    What it computes about its own lengths is then constant, and is computed here.

    The digest on its card stays; a card's golden vector stays where its inputs have the shapes.

    Args:
        model: The network.
        shapes: A shape for each input.

    Raises:
        InputError: The network does not work with these shapes.
        Unavailable: Axes are open, and the package that can write ONNX files is not installed.
    """
    if all(None not in each.shape for each in model.facts.inputs):
        return model
    try:
        import onnx
    except ImportError:
        raise Unavailable(
            f"{model.card.name} has open axes, and onnx is not installed",
            fix="pip install 'latebra[reference]'",
        ) from None
    vendor: Any = onnx
    proto = vendor.load_model_from_string(model.onnx)
    inner = {each.name for each in proto.graph.initializer}
    for value in proto.graph.input:
        if value.name in inner:
            continue
        for dim, length in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            dim.Clear()
            dim.dim_value = length
    # What was written of the inside may hold the names of the axes that are now fixed.
    del proto.graph.value_info[:]
    before = [
        vendor.ValueInfoProto.FromString(each.SerializeToString()) for each in proto.graph.output
    ]
    for value in proto.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        proto = vendor.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    except Exception as error:
        said = str(error).strip().splitlines()[-1][:200]
        raise InputError(
            f"{model.card.name} does not take {_told(shapes)}: {said}",
            fix="give the shapes it is made for: --shape NAME=1,3,320,320",
        ) from error
    for value, old in zip(proto.graph.output, before, strict=True):
        if not value.type.tensor_type.HasField("shape"):  # Nothing could tell: as it was.
            value.type.CopyFrom(old.type)
    written: bytes = folded(proto).SerializeToString()
    card = model.card
    if card.golden and any(
        array.shape != shapes.get(name) for name, array in card.golden.inputs.items()
    ):
        card = dataclasses.replace(card, golden=None)
    return dataclasses.replace(model, onnx=written, card=card)


def _usual(tensor: Tensor, batch: int) -> Shape:
    lengths: list[int] = []
    for axis, own in enumerate(tensor.shape):
        if own is not None:
            lengths.append(own)
        elif axis == 0:
            lengths.append(batch)
        else:
            lengths.append(PICTURE if len(tensor.shape) == 4 and axis > 1 else SEQUENCE)
    return tuple(lengths)


def _told(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
