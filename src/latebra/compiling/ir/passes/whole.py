"""Convolutions of whole numbers, for compilers that convolve floats alone."""

from __future__ import annotations

import math

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.graph import Graph, Node
from latebra.compiling.ir.operation import integer, integers
from latebra.compiling.ir.passes.rewriting import Known, Sight, rewritten


def spell_whole_convs(graph: Graph) -> Graph:
    """Says each convolution of whole numbers as one matrix product for each place of the kernel."""

    def rewrite(sight: Sight, node: Node, known: Known) -> Value | None:
        if node.op != "conv" or graph.types[node.output].is_float:
            return None
        x, w = (known[name] for name in node.inputs)
        lengths = graph.types[node.output].shape[2:]
        return _as_products(node, x, w, lengths)

    return rewritten(graph, rewrite)


def _as_products(node: Node, x: Value, w: Value, lengths: tuple[int, ...]) -> Value:
    groups, rank = integer(node.attributes, "groups"), len(lengths)
    pads, strides = integers(node.attributes, "pads"), integers(node.attributes, "strides")
    dilations = integers(node.attributes, "dilations")
    low, high = (0, 0, *pads[:rank]), (0, 0, *pads[rank:])
    x = x.op("pad", low=low, high=high, mode="constant", value=0)
    batch, outputs, inner = x.shape[0], w.shape[0] // groups, w.shape[1]
    total: Value | None = None
    for place in np.ndindex(*w.shape[2:]):
        part, weights = x, w
        for i, at in enumerate(place):
            start = at * dilations[i]
            last = start + strides[i] * (lengths[i] - 1) + 1
            part = part.part(2 + i, start, last, strides[i])
            weights = weights.part(2 + i, at, at + 1)
        columns = part.reshape(batch, groups, inner, math.prod(lengths))
        product = weights.reshape(1, groups, outputs, inner) @ columns
        total = product if total is None else total + product
    if total is None:
        raise ValueError("a kernel without places passed the shape rule")
    return total.reshape(batch, groups * outputs, *lengths)
