"""A loop as one program: a network applied to its own outputs, each weight held once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from latebra.compiling.contract import Model
from latebra.compiling.cutting import vendor_onnx
from latebra.core.errors import InputError


def repeated(model: Model, times: int, fed: Mapping[str, str]) -> Model:
    """Returns a network that is another one ``times`` times over.

    Inputs that are not fed are the same each time. Outputs are those of the last time.

    Args:
        model: The network.
        times: How often, one at least.
        fed: By output: the input that takes it the next time.

    Raises:
        InputError: A name is none, shapes differ, or it is to be repeated less than once.
        Unavailable: The package that writes ONNX files is not installed.
    """
    _require(model, times, fed)
    onnx = vendor_onnx()
    proto = onnx.load_model_from_string(model.onnx)
    graph = proto.graph
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    held = {each.name for each in graph.initializer}
    held |= {each.values.name for each in graph.sparse_initializer}
    given = {each.name for each in graph.input} | held
    ends = [each.name for each in graph.output]
    mark = _unused_mark(model.onnx)
    del graph.node[:]
    del graph.value_info[:]
    before: dict[str, str] = {}
    for turn in range(times):
        last = turn == times - 1
        names = {name: name for name in given} | before
        for node in nodes:
            for name in node.output:
                names[name] = name if not name or (last and name in ends) else f"{name}{mark}{turn}"
        for node in nodes:
            graph.node.append(_renamed(onnx, node, names, f"{mark}{turn}"))
        before = {fed[name]: names[name] for name in ends if name in fed}
    written: bytes = proto.SerializeToString()
    card = replace(
        model.card,
        name=f"{model.card.name}_{times}_times",
        digest=hashlib.sha256(written).hexdigest(),
        golden=None,
        bound=float("inf"),
    )
    return Model(written, card, model.samples)


def _require(model: Model, times: int, fed: Mapping[str, str]) -> None:
    """Raises InputError where the network cannot be fed so."""
    if times < 1:
        raise InputError(f"a network is to be repeated {times} times", fix="give 1 or more")
    outputs = {each.name: each for each in model.facts.outputs}
    inputs = {each.name: each for each in model.facts.inputs}
    for one, other in fed.items():
        for name, known in ((one, outputs), (other, inputs)):
            if name not in known:
                what = "output" if known is outputs else "input"
                raise InputError(
                    f"there is no {what} {name!r}", fix=f"choose of {', '.join(known)}"
                )
        if (outputs[one].dtype, outputs[one].shape) != (inputs[other].dtype, inputs[other].shape):
            raise InputError(
                f"output {one!r} is {outputs[one]}, and input {other!r} {inputs[other]}",
                fix="feed what has the same type and shape",
            )
    if len(set(fed.values())) != len(fed):
        raise InputError("two outputs are fed to one input", fix="feed each input once")


def _unused_mark(onnx: bytes) -> str:
    """Returns what no name in a file has in it, so that names with it and a number are new."""
    mark = "/turn/"
    while mark.encode() in onnx:
        mark += "turn/"
    return mark


def _renamed(onnx: Any, node: Any, names: Mapping[str, str], end: str) -> Any:
    """Returns a copy of a node with other names, also in graphs that it holds.

    Args:
        onnx: The package.
        node: The node.
        names: New names of tensors by their old ones.
        end: What is added to the names of nodes.
    """
    copy = onnx.NodeProto.FromString(node.SerializeToString())
    copy.name = f"{node.name}{end}" if node.name else ""
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    for told in copy.attribute:
        for inner in (told.g, *told.graphs):
            own = {each.name for each in (*inner.input, *inner.initializer)}
            own |= {name for each in inner.node for name in each.output}
            outer = {name: new for name, new in names.items() if name not in own}
            changed = [_renamed(onnx, each, outer, end) for each in inner.node]
            del inner.node[:]
            inner.node.extend(changed)
            for each in inner.output:
                each.name = outer.get(each.name, each.name)
    return copy
