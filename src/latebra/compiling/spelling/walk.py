"""A whole ONNX graph, computed in a vendor's functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.spelling import arranging, elementwise, folding, windows
from latebra.compiling.spelling.algebra import Algebra
from latebra.compiling.spelling.node import Entry, Node
from latebra.core.errors import Unsupported

ENTRIES: Final[Mapping[str, Entry]] = {
    **arranging.entries(),
    **elementwise.entries(),
    **folding.entries(),
    **windows.entries(),
}
"""The spelling of each operator, by its name."""
SOURCES: Final = frozenset({"Constant", "ConstantOfShape", "EyeLike", "OneHot", "Range"})
"""Operators that are computed before anything runs, by their definitions in ONNX."""
KNOWN: Final = frozenset(ENTRIES) | SOURCES
"""The operators of graphs that can be taken."""


class Graph:
    """An ONNX graph, ready to be computed in any algebra.

    What depends on constants and shapes alone is computed once, as ONNX defines it, while the
    vendor traces or runs the rest.

    Args:
        onnx: The bytes of a file; its checker has passed it.
    """

    def __init__(self, onnx: bytes) -> None:
        import onnx as vendor
        from onnx import helper, numpy_helper

        proto = vendor.load_model_from_string(onnx)
        graph = proto.graph
        self.opset = next(
            entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")
        )
        self.constants: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer
        }
        self.inputs = [each.name for each in graph.input if each.name not in self.constants]
        self.outputs = [each.name for each in graph.output]
        self._nodes = list(graph.node)
        self._told = [
            {each.name: helper.get_attribute_value(each) for each in node.attribute}
            for node in self._nodes
        ]

    def compute(self, algebra: Algebra, values: Sequence[Any]) -> tuple[Any, ...]:
        """Returns the outputs, the vendor's values each.

        Args:
            algebra: The vendor's functions on arrays.
            values: The inputs, the vendor's values, in the graph's order.

        Raises:
            Unsupported: An operator is unknown, or a shape depends on what is computed.
        """
        live: dict[str, Any] = dict(zip(self.inputs, values, strict=True))
        held = dict(self.constants)
        made: dict[str, Any] = {}

        def value(name: str) -> Any:
            if not name:
                return None
            if name in live:
                return live[name]
            if name not in made:
                made[name] = algebra.constant(held[name])
            return made[name]

        for proto, told in zip(self._nodes, self._told, strict=True):
            names = list(proto.input)
            outputs = [name for name in proto.output if name]
            if all(not name or name in held for name in names):
                found = _folded(proto, self.opset, [held.get(name) for name in names])
                held.update(zip(proto.output, found, strict=False))
                continue
            entry = ENTRIES.get(proto.op_type)
            if entry is None:
                raise Unsupported(f"{proto.op_type} is not spelt", fix="choose another compiler")
            node = Node(
                algebra,
                proto.op_type,
                [value(name) for name in names],
                [held.get(name) for name in names],
                told,
                len(outputs),
                self.opset,
            )
            result: Any = entry(node)
            several: tuple[Any, ...] = (
                cast("tuple[Any, ...]", result) if type(result) is tuple else (result,)
            )
            if len(several) < len(outputs):
                raise Unsupported(
                    f"{proto.op_type} with {len(outputs)} outputs is not spelt",
                    fix="export the network for inference",
                )
            for name, each in zip(proto.output, several, strict=False):
                # A shape is a constant, although what has it is not.
                (held if isinstance(each, np.ndarray) else live)[name] = each
        return tuple(value(name) for name in self.outputs)


def _folded(proto: Any, opset: int, inputs: Sequence[Any]) -> Sequence[NDArray[Any]]:
    """Returns the outputs of a node whose inputs are constants."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    kinds: Any = helper
    names = [name for name in proto.input if name]
    given = {name: array for name, array in zip(proto.input, inputs, strict=True) if name}
    graph = kinds.make_graph(
        [proto],
        "folded",
        [
            kinds.make_tensor_value_info(
                name, kinds.np_dtype_to_tensor_dtype(given[name].dtype), given[name].shape
            )
            for name in dict.fromkeys(names)
        ],
        [kinds.make_empty_tensor_value_info(name) for name in proto.output if name],
    )
    model = kinds.make_model(graph, opset_imports=[kinds.make_opsetid("", opset)])
    evaluator: Any = ReferenceEvaluator(model)
    found = evaluator.run(None, given)
    return [np.asarray(each) for each in found]
