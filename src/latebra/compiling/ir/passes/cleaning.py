"""Passes that say the same with fewer nodes."""

from __future__ import annotations

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import Graph, Node
from latebra.compiling.ir.operation import integers
from latebra.compiling.ir.passes.rewriting import Known, Sight, rewritten


def fold_constants(graph: Graph) -> Graph:
    """Computes nodes whose inputs are all constants."""
    return rewritten(graph, lambda sight, node, known: None, fold=True)


def drop_dead(graph: Graph) -> Graph:
    """Drops nodes and constants that no output needs; inputs stay."""
    return rewritten(graph, lambda sight, node, known: None)


def merge_equal(graph: Graph) -> Graph:
    """Computes once what several nodes compute from the same values in the same way."""
    seen: dict[object, Value] = {}

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        inputs = tuple(known[name].name for name in node.inputs)
        key = (node.op, inputs, tuple(sorted(node.attributes.items())))
        if key not in seen:
            builder = next(iter(known.values())).builder
            values = [known[name] for name in node.inputs]
            seen[key] = builder.add(node.op, values, node.attributes, node.output)
        return seen[key]

    return rewritten(graph, rewrite)


def join_transposes(graph: Graph) -> Graph:
    """Makes one transpose of two in a row, and none where they undo each other."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        first = sight.giver(node.inputs[0], "transpose", alone=False)
        if node.op != "transpose" or first is None:
            return None
        inner = integers(first.attributes, "permutation")
        outer = integers(node.attributes, "permutation")
        return known[first.inputs[0]].transpose(*(inner[axis] for axis in outer))

    return rewritten(graph, rewrite)


def join_reshapes(graph: Graph) -> Graph:
    """Makes one reshape of two in a row; a broadcast or transpose of lengths one is one too."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        kind = graph.types[node.output]
        if node.op == "reshape":
            first = sight.giver(node.inputs[0], "reshape", alone=False)
            return known[first.inputs[0]].reshape(*kind.shape) if first is not None else None
        if node.op == "broadcast" and kind.size == graph.types[node.inputs[0]].size:
            return known[node.inputs[0]].reshape(*kind.shape)
        if node.op == "transpose":
            shape = graph.types[node.inputs[0]].shape
            order = integers(node.attributes, "permutation")
            moved = [axis for axis in order if shape[axis] != 1]
            if moved == sorted(moved):
                return known[node.inputs[0]].reshape(*kind.shape)
        return None

    return rewritten(graph, rewrite)


def drop_neutral(graph: Graph) -> Graph:
    """Drops adding zero, and multiplying or dividing by one, where that changes no shape."""
    neutral = {"add": 0, "sub": 0, "mul": 1, "div": 1, "pow": 1}

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op not in neutral:
            return None
        pairs = [(0, 1), (1, 0)] if node.op in ("add", "mul") else [(0, 1)]
        for kept, dropped in pairs:
            held = known[node.inputs[dropped]].array
            same = graph.types[node.inputs[kept]] == graph.types[node.output]
            if held is None or not same or not (held == neutral[node.op]).all():
                continue
            # x + 0 turns -0 to 0, which x does not: the only difference, and -0 == 0.
            return known[node.inputs[kept]]
        return None

    return rewritten(graph, rewrite)


def drop_spread(graph: Graph) -> Graph:
    """Drops a broadcast that the elementwise operator after it would do by itself."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op not in ("add", "sub", "mul", "div", "max", "min", "equal", "less"):
            return None
        inputs: list[Value] = []
        for at, name in enumerate(node.inputs):
            other = graph.types[node.inputs[1 - at]].shape
            first = sight.giver(name, "broadcast", alone=False)
            whole = other == graph.types[node.output].shape
            inputs.append(known[first.inputs[0] if first is not None and whole else name])
        if any(a.shape == graph.types[node.output].shape for a in inputs):
            builder = inputs[0].builder
            return builder.add(node.op, inputs, node.attributes, node.output)
        return None

    return rewritten(graph, rewrite)


def compare_with_itself(graph: Graph) -> Graph:
    """Says that a value equals itself as what that means: it is a number, or not a float at all.

    Some vendors take it as true of what is not a number.
    """

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "equal" or node.inputs[0] != node.inputs[1]:
            return None
        x = known[node.inputs[0]]
        if x.type.is_float:
            return ~x.op("is_nan")
        return x.builder.constant(np.ones(x.shape, np.bool_))

    return rewritten(graph, rewrite)
