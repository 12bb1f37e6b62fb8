"""Discop: copies of a distribution, rotated by half a turn, down a Huffman tree."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count

import numpy as np

from benchmarks.baselines.scheme import Probabilities, Scheme, softmax
from latebra.hiding.tokens.agreement import Bits, TokenModel

Leaf = tuple[float, int]
Node = tuple[float, int, "Node | Leaf", "Node | Leaf"]
"""A weight and a number, then what is below it; a leaf's number is its token."""
_KEPT = 4096
"""The likeliest tokens, of which a tree is made; the paper's own code cuts the distribution too."""


class Discop(Scheme):
    """The improved scheme, by recursion over the tree."""

    title = "Discop"
    source = "Ding et al., IEEE S&P 2023, section V-C"

    def write(self, model: TokenModel, prompt: Sequence[int], bits: Bits) -> list[int]:
        draws, context, at = np.random.default_rng(self.seed), list(prompt), 0
        while at < bits.size:
            node = _tree(softmax(model.logits(context)))
            while len(node) == 4:
                turn, share = draws.uniform(), _share(node)
                one, other = turn < share, (turn + 0.5) % 1 < share
                chosen = one
                if one != other:
                    bit = int(bits[at]) if at < bits.size else 0
                    chosen, at = (other if bit else one), at + 1
                node = node[2] if chosen else node[3]
            context.append(node[1])
        return context[len(prompt) :]

    def read(self, model: TokenModel, prompt: Sequence[int], tokens: Sequence[int]) -> Bits:
        draws, context, found = np.random.default_rng(self.seed), list(prompt), list[int]()
        for token in tokens:
            node = _tree(softmax(model.logits(context)))
            path = _path(node, token)
            if path is None:
                break
            for left in path:
                turn, share = draws.uniform(), _share(node)
                one, other = turn < share, (turn + 0.5) % 1 < share
                if one != other:
                    found.append(int(left == other))
                node = node[2] if left else node[3]
            context.append(token)
        return np.array(found, np.uint8)


def _share(node: Node) -> float:
    """Returns the left side's share of what is below ``node``."""
    return node[2][0] / (node[2][0] + node[3][0])


def _tree(shares: Probabilities) -> Node | Leaf:
    kept = np.argsort(-shares, kind="stable")[:_KEPT].tolist()
    order = count()
    heap = [(shares[token], next(order), (float(shares[token]), token)) for token in kept]
    heapq.heapify(heap)
    while len(heap) > 1:
        (one, _, right), (other, _, left) = heapq.heappop(heap), heapq.heappop(heap)
        number = next(order)
        heapq.heappush(heap, (one + other, number, (float(one + other), number, left, right)))
    return heap[0][2]


def _path(root: Node | Leaf, token: int) -> list[bool] | None:
    """Returns the turns from the root to a token, True for left."""
    waiting: list[tuple[Node | Leaf, list[bool]]] = [(root, [])]
    while waiting:
        node, path = waiting.pop()
        if len(node) == 4:
            waiting += [(node[2], [*path, True]), (node[3], [*path, False])]
        elif node[1] == token:
            return path
    return None
