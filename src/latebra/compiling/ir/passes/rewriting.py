"""A graph, written again node by node with some nodes replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from latebra.compiling.ir.builder import Builder, Value
from latebra.compiling.ir.graph import Graph, Node

Known: TypeAlias = Mapping[str, Value]
Rewrite: TypeAlias = "Callable[[Sight, Node, Known], Value | None]"
"""Returns what takes a node's place; None leaves it. Values are found by their old names."""


class Sight:
    """What a rewrite sees of the graph besides the node.

    Args:
        graph: The graph as it was.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._givers = {node.output: node for node in graph.nodes}
        self._uses = graph.uses()

    def giver(self, value: str, op: str, *, alone: bool = True) -> Node | None:
        """Returns the node that gives a value, if it is ``op``, and no other node reads it.

        Args:
            value: A name.
            op: A core operator.
            alone: Whether it must be read once only.
        """
        node = self._givers.get(value)
        if node is None or node.op != op or (alone and self._uses[value] != 1):
            return None
        return node


def rewritten(graph: Graph, rewrite: Rewrite, *, fold: bool = False) -> Graph:
    """Returns a graph with nodes replaced, and without what nothing reads any more.

    Args:
        graph: The graph.
        rewrite: What takes each node's place.
        fold: Whether nodes of constants are computed at once.
    """
    sight = Sight(graph)
    builder = Builder(graph.name, fold=fold)
    known = {name: builder.input(name, kind) for name, kind in graph.inputs.items()}
    for name, array in graph.constants.items():
        known[name] = builder.constant(array, name)
    for node in graph.nodes:
        found = rewrite(sight, node, known)
        if found is None:
            inputs = [known[name] for name in node.inputs]
            found = builder.add(node.op, inputs, node.attributes, node.output)
        known[node.output] = found
    return builder.finish({name: known[held] for name, held in graph.outputs.items()})
