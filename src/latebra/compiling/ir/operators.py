"""The core operators by name, and the type of what a node gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from latebra.compiling.ir.graph import Graph, Node, Type, type_of
from latebra.compiling.ir.operation import Operator, refuse
from latebra.compiling.ir.operations import elementwise, folding, indexing, linear, moving

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {
        each.name: each
        for family in (elementwise, linear, moving, folding, indexing)
        for each in family.OPERATORS
    }
)
"""Every core operator, by its name. Anything a compiler must lower is here."""


def result_type(node: Node, types: Sequence[Type]) -> Type:
    """Returns the type of what a node gives.

    Args:
        node: The node.
        types: The types of its inputs, in order.

    Raises:
        Unsupported: The node breaks the rules of its operator.
    """
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise refuse(f"there is no core operator {node.op!r}")
    if not operator.least <= len(types) <= operator.most or len(node.outputs) != 1:
        raise refuse(f"{node.op} does not go from {len(types)} to {len(node.outputs)} values")
    if set(node.attributes) != set(operator.attributes):
        given = ", ".join(sorted(node.attributes)) or "nothing"
        raise refuse(f"{node.op} is set by {', '.join(operator.attributes)}, not by {given}")
    return operator.infer(types, node.attributes)


def check(graph: Graph) -> None:
    """Checks a graph: names, order, and every type against its operator's rule.

    Raises:
        Unsupported: It breaks a rule; the message names the value.
    """
    known: dict[str, Type] = dict(graph.inputs)
    for name, array in graph.constants.items():
        if name in known:
            raise refuse(f"the name {name!r} is given twice")
        known[name] = type_of(array)
    for node in graph.nodes:
        late = [name for name in node.inputs if name not in known]
        if late:
            raise refuse(f"{node.op} takes {late[0]!r} before anything gives it")
        kind = result_type(node, [known[name] for name in node.inputs])
        if node.output in known:
            raise refuse(f"the name {node.output!r} is given twice")
        known[node.output] = kind
    for name, held in graph.outputs.items():
        if held not in known:
            raise refuse(f"output {name!r} takes {held!r}, which nothing gives")
    for name in {*known, *graph.types}:
        if known.get(name) != graph.types.get(name):
            raise refuse(f"{name!r} is {known.get(name)}, not {graph.types.get(name)}")
