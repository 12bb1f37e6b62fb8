"""A proof, read off an ONNX file alone, that no sum in it can round, in whatever order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.core.errors import InputError
from latebra.models.exact.bounds import Bound, constant, given
from latebra.models.exact.graph import Graph, Node
from latebra.models.exact.layer import LIMIT
from latebra.models.exact.onnx_file import from_onnx, to_onnx
from latebra.models.exact.rules import RULES, Arguments, refused

_BITS: Final = math.log2(LIMIT)
_LEAST_STEP: Final = -100
_MOST_EXPONENT: Final = 100
"""Far from where 32-bit floats lose bits at either end, 2^-126 and 2^127."""
_ROUNDING: Final = frozenset({"Floor", "Clip", "Relu"})
"""What may be done to any number: it is how one becomes whole and bounded."""
_MOVING: Final = frozenset({"Reshape", "Transpose"})
_ARITHMETIC: Final = frozenset({"Add", "Sub", "Mul", "MatMul", "Conv", "ReduceSum"})


@dataclass(frozen=True)
class Proof:
    """What was proven: every compiler that adds and multiplies 32-bit floats computes this alike.

    It says nothing of one that computes in fewer bits, or that rewrites a convolution with numbers
    that are no weights, as Winograd's does.

    Args:
        tensors: How many were bounded.
        largest: The tensor whose sums grow largest.
        bits: Their largest sum of absolute values, as a power of two of its step; below 24.
        assumes: What has to hold of the inputs, one sentence each.
    """

    tensors: int
    largest: str
    bits: float
    assumes: tuple[str, ...] = ()


def prove(file: bytes) -> Proof:
    """Returns the proof that a network is exact.

    Bounds are passed through the graph, element by element: a range, a power of two that all values
    are multiples of, and the largest sum of absolute values that any order of sums and any way to
    multiply out could reach. Below 2^24 such multiples, nothing rounds. Who wrote the file is not
    trusted: only its operators and its constants are read.

    Args:
        file: An ONNX file with fixed shapes.

    Raises:
        UnreadableFile: It is not an ONNX file.
        InputError: A tensor could round, or an operator has no rule; the error names it.
    """
    return prove_graph(from_onnx(file))


def exported(graph: Graph) -> bytes:
    """Returns the bytes of an ONNX file, proven exact as it was written.

    Args:
        graph: From ``drafted`` or ``drafted_step``.

    Raises:
        InputError: A tensor could round; the error names it.
    """
    file = to_onnx(graph)
    prove(file)
    return file


def prove_graph(graph: Graph) -> Proof:
    """Returns the proof for a graph that was read already; as ``prove``.

    Raises:
        InputError: A tensor could round, or an operator has no rule; the error names it.
    """
    known: dict[str, Bound] = {}
    largest, bits = "", 0.0
    assumes = [f"{each.name!r} holds no NaN" for each in graph.inputs if each.dtype == "float32"]
    for node in _walk(graph, known):
        if node.operator in _ARITHMETIC and known[node.output].bits > bits:
            largest, bits = node.output, known[node.output].bits
        if node.operator == "Gather" and known[node.inputs[1]].is_given:
            last = known[node.inputs[0]].shape[0] - 1
            assumes.append(f"{node.inputs[1]!r} holds rows of a table: 0 to {last}")
    for each in graph.outputs:
        bound = known[each.name]
        if not np.isfinite(bound.spread).all() or not bound.bits < _BITS:
            raise InputError(
                f"output {each.name!r} is not known to be whole and bounded",
                fix="put Floor and Clip before it",
            )
    return Proof(len(graph.nodes), largest, bits, tuple(dict.fromkeys(assumes)))


def bounds_of(graph: Graph) -> dict[str, Bound]:
    """Returns what is known of each tensor that is computed.

    Raises:
        InputError: A tensor could round, or an operator has no rule; the error names it.
    """
    known: dict[str, Bound] = {}
    return {node.output: known[node.output] for node in _walk(graph, known)}


def _walk(graph: Graph, known: dict[str, Bound]) -> Iterator[Node]:
    """Yields each node once the bounds of its output are known; drops those no longer needed."""
    known |= {name: constant(array) for name, array in graph.constants.items()}
    known |= {each.name: given(each.shape, each.dtype) for each in graph.inputs}
    last_use = {name: node for node in graph.nodes for name in node.inputs}
    results = {each.name for each in graph.outputs}
    for node in graph.nodes:
        if node.operator not in RULES:
            raise refused(
                node, "there is no rule for this operator", f"use only {', '.join(sorted(RULES))}"
            )
        with np.errstate(all="ignore"):  # What overflows is infinite, and refused.
            bound = _passed(node, Arguments(node, known))
        if node.operator not in _ROUNDING | _MOVING:
            _check(node, bound)
        known[node.output] = bound
        yield node
        for name in set(node.inputs) - results:
            if last_use[name] is node:
                known.pop(name, None)


def _passed(node: Node, arguments: Arguments) -> Bound:
    try:
        return RULES[node.operator](node, arguments)
    except (ValueError, IndexError, KeyError) as error:
        raise refused(
            node, f"its inputs do not fit together: {error}", "export the network anew"
        ) from error


def _check(node: Node, bound: Bound) -> None:
    if bound.dtype == "float32" and not bound.bits < _BITS:
        largest = float(bound.spread.max())
        step = "" if not bound.step else f" in steps of 2^{bound.step}"
        raise refused(
            node,
            f"its terms can sum to {largest:.6g}{step}, which is 2^{bound.bits:.1f} steps, "
            f"and only below 2^{_BITS:.0f} nothing rounds",
            "make weights and scales whole or powers of two, make them smaller, or sum fewer terms",
        )
    if bound.step < _LEAST_STEP or bound.bits + bound.step > _MOST_EXPONENT:
        raise refused(
            node, f"its numbers are multiples of 2^{bound.step}", "scale them to near one"
        )
