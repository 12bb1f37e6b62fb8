"""A model cut into a chain of blocks, where a single array passes from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

from latebra.compiling.contract import Model
from latebra.core.errors import Unavailable


@dataclass(frozen=True)
class Chain:
    """A model and the arrays at which it may be cut.

    Args:
        model: The whole network, its axes fixed.
        cuts: Names of arrays, in order; between the model's inputs and outputs.
    """

    model: Model
    cuts: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Model, ...]:
        """One model for each stretch between two cuts."""
        return tuple(self.block(i, i + 1) for i in range(len(self.cuts) + 1))

    def block(self, start: int, stop: int) -> Model:
        """Returns blocks ``start`` to ``stop - 1`` as one model.

        Args:
            start: Number of the first block.
            stop: One more than the number of the last.
        """
        if start == 0 and stop == len(self.cuts) + 1:
            return self.model
        facts = self.model.facts
        inputs = [self.cuts[start - 1]] if start else [each.name for each in facts.inputs]
        ends = [each.name for each in facts.outputs]
        outputs = [self.cuts[stop - 1]] if stop <= len(self.cuts) else ends
        written: bytes = self._extractor.extract_model(inputs, outputs).SerializeToString()
        name = f"{self.model.card.name}_{start + 1}_to_{stop}"
        return Model(written, replace(self.model.card, name=name, golden=None))

    @cached_property
    def _extractor(self) -> Any:
        onnx = vendor_onnx()
        proto = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(self.model.onnx))
        return onnx.utils.Extractor(proto)


def chain(model: Model, most: int | None = 8) -> Chain:
    """Returns the model cut where one array alone passes on, into blocks of like numbers of nodes.

    Args:
        model: The network, its axes fixed.
        most: Blocks at the most; None for a cut at every place.

    Raises:
        Unavailable: The package that can cut ONNX files is not installed.
    """
    onnx = vendor_onnx()
    proto = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(model.onnx))
    places = _places(proto.graph)
    typed = {
        each.name
        for each in proto.graph.value_info
        if each.type.tensor_type.HasField("shape") and each.type.tensor_type.elem_type
    }
    usable = [(at, name) for at, name in places if name in typed]
    if most is None:
        return Chain(model, tuple(name for _, name in usable))
    return Chain(model, _even(usable, len(proto.graph.node), most))


def _places(graph: Any) -> list[tuple[int, str]]:
    """Returns how many nodes come before each place where one array is all that lives on."""
    held = {each.name for each in graph.initializer}
    last: dict[str, int] = {}
    for number, node in enumerate(graph.node):
        for name in _needed(node):
            last[name] = number
    ends = {each.name for each in graph.output}
    alive = {each.name for each in graph.input if each.name not in held}
    found: list[tuple[int, str]] = []
    constant = set(held)
    for number, node in enumerate(graph.node[:-1]):
        # What needs no input is computed again in each block that wants it: it crosses no cut.
        if all(name in constant for name in _needed(node)):
            constant.update(node.output)
        else:
            alive.update(name for name in node.output if name)
        alive = {name for name in alive if last.get(name, -1) > number or name in ends}
        if len(alive) == 1 and not alive & ends:
            found.append((number + 1, next(iter(alive))))
    return found


def _needed(node: Any) -> list[str]:
    """Returns the arrays that a node reads, those of its inner graphs included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        if attribute.HasField("g"):
            inner = attribute.g
            own = {each.name for each in [*inner.initializer, *inner.input]}
            made = {name for each in inner.node for name in each.output}
            names += [
                name for each in inner.node for name in _needed(each) if name not in own | made
            ]
            names += [each.name for each in inner.output if each.name not in own | made]
    return names


def _even(places: Sequence[tuple[int, str]], nodes: int, most: int) -> tuple[str, ...]:
    """Returns the places nearest to an even division, each once."""
    chosen: dict[str, None] = {}
    for number in range(1, most):
        aim = nodes * number / most
        if places:
            _, name = min(places, key=lambda place: abs(place[0] - aim))
            chosen.setdefault(name)
    order = [name for _, name in places]
    return tuple(sorted(chosen, key=order.index))


def vendor_onnx() -> Any:
    """Returns the package that reads and writes ONNX files, with the part that cuts them.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        import_module("onnx.utils")  # It is not there before somebody asks for it.
        return import_module("onnx")
    except ImportError:
        raise Unavailable("onnx is not installed", fix="pip install 'latebra[reference]'") from None
