"""What recipes share when they write ONNX files: tracing, digests, the same graph in 64 bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

if TYPE_CHECKING:
    from torch import nn

OPSET = 18
DATA = {
    "data": "photographs of the Debian packages mate-backgrounds and tuxpaint-data",
    "data_licence": "GPL-2+ and CC-BY-SA-4.0 photographs as the Debian packages state; "
    "the photographs themselves are not distributed here",
    "licence": "Apache-2.0",
    "opset": OPSET,
}
"""What cards say of networks that were trained on these photographs."""


def traced(
    network: nn.Module, inputs: Mapping[str, NDArray[np.float32]], outputs: Sequence[str]
) -> onnx.ModelProto:
    """Returns a network as ONNX, with nothing in it of where it was written.

    Args:
        network: Takes the inputs in their order.
        inputs: By name, one example of each; shapes are fixed to theirs.
        outputs: Names.
    """
    import torch

    program = torch.onnx.export(
        network,
        tuple(torch.from_numpy(value) for value in inputs.values()),
        input_names=list(inputs),
        output_names=list(outputs),
        opset_version=OPSET,
        dynamo=True,
        optimize=True,
    )
    model = program.model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        value.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    onnx.checker.check_model(model)
    return model


def digest(model: onnx.ModelProto) -> str:
    """Returns SHA-256 over the weights: name, type, shape and values, sorted by name."""
    state = hashlib.sha256()
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        array = numpy_helper.to_array(tensor)
        state.update(f"{tensor.name}\0{array.dtype.str}\0{array.shape}\0".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def in_double(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the same graph in 64-bit floats: what golden vectors are computed with."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    for tensor in double.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for node in double.graph.node:
        for attribute in node.attribute:
            if (node.op_type, attribute.name, attribute.i) == ("Cast", "to", TensorProto.FLOAT):
                attribute.i = TensorProto.DOUBLE
    for value in [*double.graph.input, *double.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    double.graph.ClearField("value_info")
    return double


def write(
    folder: Path,
    name: str,
    model: onnx.ModelProto,
    inputs: Mapping[str, NDArray[np.float32]],
    bound: float,
    about: Mapping[str, Any],
) -> None:
    """Writes one network's file, and beside it its card and golden vector.

    Args:
        folder: Where to.
        name: The network's id.
        model: The network.
        inputs: Of the golden vector; ONNX's own definitions compute its outputs, in 64 bits.
        bound: Largest difference from these outputs that is accepted.
        about: What the card says of it.
    """
    feed = {key: value.astype(np.float64) for key, value in inputs.items()}
    outputs = ReferenceEvaluator(in_double(model)).run(None, feed)
    names = [output.name for output in model.graph.output]
    onnx.save(model, folder / f"{name}.onnx")
    golden = {f"in.{key}": value for key, value in inputs.items()}
    golden |= {f"out.{key}": v.astype(np.float32) for key, v in zip(names, outputs, strict=True)}
    np.savez_compressed(folder / f"{name}.golden.npz", **golden)
    card = {
        "name": name,
        "digest": digest(model),
        "tier": "T3",
        "bound": bound,
        "about": dict(about),
    }
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")


def halved(module: nn.Module) -> nn.Module:
    """Returns the network with weights rounded to half precision, computed in single."""
    for weight in module.parameters():
        weight.data = weight.data.half().float()
        weight.requires_grad_(False)
    return module.eval()
