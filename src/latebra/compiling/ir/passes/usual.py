"""The passes that every compiler wants, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from latebra.compiling.ir.graph import Graph
from latebra.compiling.ir.passes.cleaning import (
    compare_with_itself,
    drop_dead,
    drop_neutral,
    drop_spread,
    fold_constants,
    join_reshapes,
    join_transposes,
    merge_equal,
)
from latebra.compiling.ir.passes.flattening import flatten_convs
from latebra.compiling.ir.passes.fusing import (
    find_normalise,
    join_offsets,
    scale_into_conv,
    scale_past_bias,
)

Pass = Callable[[Graph], Graph]

USUAL: Final[Sequence[Pass]] = (
    fold_constants,
    merge_equal,
    compare_with_itself,
    join_transposes,
    join_reshapes,
    drop_spread,
    find_normalise,
    scale_past_bias,
    scale_into_conv,
    join_offsets,
    flatten_convs,
    drop_neutral,
    drop_dead,
)
"""In this order: what one leaves, the next may take up."""


def improved(graph: Graph, passes: Sequence[Pass] = USUAL) -> Graph:
    """Returns a graph after passes, over and over until none changes anything.

    Args:
        graph: The graph.
        passes: What to apply, in order.
    """
    for _ in range(8):
        before = graph.digest()
        for each in passes:
            graph = each(graph)
        if graph.digest() == before:
            break
    return graph
