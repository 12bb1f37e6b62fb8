"""Passes that make one operator of several."""

from __future__ import annotations

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import Graph, Node
from latebra.compiling.ir.operation import integer, integers
from latebra.compiling.ir.passes.rewriting import Known, Sight, rewritten


def scale_into_conv(graph: Graph) -> Graph:
    """Multiplies the weights of a convolution by a scale of its channels that follows.

    This is how a batch normalisation disappears: what is left of it is the bias that is added.
    """

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op not in ("mul", "div"):
            return None
        conv = sight.giver(node.inputs[0], "conv")
        other = known[node.inputs[1]].array
        if conv is None or other is None:
            return None
        weights = known[conv.inputs[1]]
        held, rank = weights.array, weights.rank
        channels = (weights.shape[0], *(1,) * (rank - 2))
        if held is None or other.shape not in (channels, (1, *channels), (), (1,)):
            return None
        factor = np.broadcast_to(other.reshape(-1), weights.shape[:1])
        factor = factor.reshape(-1, *(1,) * (rank - 1))
        scaled = held * factor if node.op == "mul" else held / factor
        return known[conv.inputs[0]].op("conv", weights.like(scaled), **conv.attributes)

    return rewritten(graph, rewrite)


def scale_past_bias(graph: Graph) -> Graph:
    """Turns (x + b) * s into x * s + b * s where x is a convolution, b and s constants."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "mul":
            return None
        add = sight.giver(node.inputs[0], "add")
        scale = known[node.inputs[1]]
        if add is None or scale.array is None or sight.giver(add.inputs[0], "conv") is None:
            return None
        bias = known[add.inputs[1]]
        if bias.array is None:
            return None
        product = bias.like(bias.array * scale.array)
        return known[add.inputs[0]] * scale + product

    return rewritten(graph, rewrite)


def join_offsets(graph: Graph) -> Graph:
    """Adds constants to each other before they are added to anything else."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "add":
            return None
        first = sight.giver(node.inputs[0], "add")
        last = known[node.inputs[1]]
        if first is None or last.array is None:
            return None
        held = known[first.inputs[1]].array
        return known[first.inputs[0]] + last.like(held + last.array) if held is not None else None

    return rewritten(graph, rewrite)


def find_normalise(graph: Graph) -> Graph:
    """Finds a normalisation that was written out, as older exporters do."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "div":
            return None
        root = sight.giver(node.inputs[1], "sqrt")
        total = sight.giver(root.inputs[0], "add") if root is not None else None
        mean = _mean(sight, total.inputs[0]) if total is not None else None
        square = sight.giver(mean.inputs[0], "mul") if mean is not None else None
        off = sight.giver(node.inputs[0], "sub", alone=False)
        if off is None or square is None or mean is None or total is None:
            return None
        middle = _mean(sight, off.inputs[1])
        epsilon = known[total.inputs[1]].array
        if set(square.inputs) != {off.output} or middle is None or epsilon is None:
            return None
        axes, rank = integers(mean.attributes, "axes"), known[off.inputs[0]].rank
        keeps = integer(mean.attributes, "keep") and integer(middle.attributes, "keep")
        if (
            middle.inputs[0] != off.inputs[0]
            or integers(middle.attributes, "axes") != axes
            or axes != tuple(range(axes[0], rank))
            or not keeps
            or epsilon.size != 1
        ):
            return None
        told = float(epsilon.reshape(-1)[0])
        return known[off.inputs[0]].op("normalise", axis=axes[0], epsilon=told)

    return rewritten(graph, rewrite)


def _mean(sight: Sight, name: str) -> Node | None:
    """Returns the sum in a mean, which is divided by the number of elements that it folds."""
    quotient = sight.giver(name, "div")
    total = sight.giver(quotient.inputs[0], "sum") if quotient is not None else None
    if quotient is None or total is None:
        return None
    given, folded = (sight.graph.types[each].size for each in (total.inputs[0], total.output))
    count = sight.graph.constants.get(quotient.inputs[1])
    if count is None or count.size != 1 or count.reshape(-1)[0] * folded != given:
        return None
    return total
