"""Discop: copies of a distribution, rotated by half a turn, down a Huffman tree."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count

import numpy as np

from benchmarks.baselines.scheme import Probabilities, Scheme, softmax
from latebra.hiding.tokens.agreement import Bits, TokenModel

Tree = tuple[float, int, "Tree | int", "Tree | int"]
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
            while not isinstance(node, int):
                turn, share = draws.uniform(), _share(node)
                one, other = turn < share, (turn + 0.5) % 1 < share
                chosen = one
                if one != other:
                    bit = int(bits[at]) if at < bits.size else 0
                    chosen, at = (other if bit else one), at + 1
                node = node[2] if chosen else node[3]
            context.append(node)
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


def _share(node: Tree) -> float:
    left, right = node[2], node[3]
    weights = [_weight(left), _weight(right)]
    return weights[0] / sum(weights)


_LEAVES: dict[int, float] = {}


def _weight(node: Tree | int) -> float:
    return _LEAVES[node] if isinstance(node, int) else node[0]


def _tree(shares: Probabilities) -> Tree:
    kept = np.argsort(-shares, kind="stable")[:_KEPT]
    _LEAVES.clear()
    _LEAVES.update((int(token), float(shares[token])) for token in kept)
    order = count()
    heap: list[tuple[float, int, Tree | int]] = [
        (_LEAVES[int(token)], next(order), int(token)) for token in kept
    ]
    heapq.heapify(heap)
    while len(heap) > 1:
        one, other = heapq.heappop(heap), heapq.heappop(heap)
        weight, number = one[0] + other[0], next(order)
        heapq.heappush(heap, (weight, number, (weight, number, other[2], one[2])))
    return heap[0][2]


def _path(root: Tree, token: int) -> list[bool] | None:
    """Returns the turns from the root to a token, True for left."""
    waiting: list[tuple[Tree | int, list[bool]]] = [(root, [])]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, int):
            if node == token:
                return path
        else:
            waiting += [(node[2], [*path, True]), (node[3], [*path, False])]
    return None
