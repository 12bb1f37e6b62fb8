"""A Llama's forward pass in NumPy: what every compiled graph is held against."""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray

from latebra.models.language.weights import Block, Weights

HIDDEN: Final = -1e30
"""Added to the score of what may not be looked at: its share of attention is zero exactly."""


@final
class Forward:
    """A Llama in one type of floats throughout: no sum, root or exponential leaves it.

    Args:
        weights: The model.
        dtype: ``np.float32`` or ``np.float64``.
    """

    def __init__(self, weights: Weights, dtype: type[np.float32] | type[np.float64]) -> None:
        self.hyper = weights.hyper
        self.dtype = dtype
        self._embedding = weights.embedding.astype(dtype, copy=False)
        tied = weights.head is weights.embedding
        self._head = self._embedding if tied else weights.head.astype(dtype, copy=False)
        self._norm = weights.norm.astype(dtype)
        self._blocks = [_cast(block, dtype) for block in weights.blocks]

    def full(self, tokens: Int64[np.ndarray, "batch length"]) -> NDArray[Any]:
        """Returns logits [batch, length, vocabulary]; each place sees itself and what is before."""
        return self.step(tokens, 0, *self.cache(len(tokens), 0))[0]

    def cache(self, batch: int, capacity: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns keys and values with nothing in them."""
        hyper = self.hyper
        shape = (hyper.layers, batch, hyper.kv_heads, capacity, hyper.head_dim)
        return np.zeros(shape, self.dtype), np.zeros(shape, self.dtype)

    def step(
        self,
        tokens: Int64[np.ndarray, "batch length"],
        position: int,
        keys: Float[np.ndarray, "layers batch kv_heads capacity head_dim"],
        values: Float[np.ndarray, "layers batch kv_heads capacity head_dim"],
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns logits, and the keys and values of these tokens alone.

        Args:
            tokens: What stands at ``position`` and after it.
            position: How many places of the cache are taken.
            keys: The cache.
            values: The cache.
        """
        length = tokens.shape[1]
        cos, sin = turns(self.hyper.rope_base, self.hyper.head_dim, position + length)
        cos, sin = (each[position:].astype(self.dtype) for each in (cos, sin))
        x = self._embedding[tokens]
        new_keys, new_values = self.cache(len(tokens), length)
        for at, block in enumerate(self._blocks):
            h = self._normed(x, block.norm)
            new_keys[at] = self._heads(h @ block.key.T, cos, sin)
            new_values[at] = self._heads(h @ block.value.T)
            query = self._heads(h @ block.query.T, cos, sin)
            seen_keys = np.concatenate([keys[at, :, :, :position], new_keys[at]], 2)
            seen_values = np.concatenate([values[at, :, :, :position], new_values[at]], 2)
            x = x + self._attended(query, seen_keys, seen_values) @ block.output.T
            h = self._normed(x, block.forward_norm)
            gate = h @ block.gate.T
            # exp(-gate) overflows to inf where the gate is shut: 1 / inf is the right zero.
            with np.errstate(over="ignore"):
                x = x + (gate / (1 + np.exp(-gate)) * (h @ block.up.T)) @ block.down.T
        return self._normed(x, self._norm) @ self._head.T, new_keys, new_values

    def _attended(
        self, query: NDArray[Any], keys: NDArray[Any], values: NDArray[Any]
    ) -> NDArray[Any]:
        hyper, (batch, _, length, _) = self.hyper, query.shape
        grouped = query.reshape(batch, hyper.kv_heads, -1, length, hyper.head_dim)
        scores = grouped @ keys[:, :, None].swapaxes(-1, -2) * self.dtype(hyper.head_dim**-0.5)
        # What is in the cache is seen by all; of the new, each place sees up to itself.
        later = np.triu(np.full(scores.shape[-2:], HIDDEN, self.dtype), keys.shape[2] - length + 1)
        scores += later
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ values[:, :, None]).reshape(batch, hyper.heads, length, hyper.head_dim)
        return mixed.transpose(0, 2, 1, 3).reshape(batch, length, -1)

    def _heads(self, x: NDArray[Any], *turned: NDArray[Any]) -> NDArray[Any]:
        """Returns [batch, heads, length, head_dim], turned by position where that is given."""
        batch, length, _ = x.shape
        x = x.reshape(batch, length, -1, self.hyper.head_dim).transpose(0, 2, 1, 3)
        if not turned:
            return x
        cos, sin = turned
        low, high = np.split(x, 2, -1)
        return np.concatenate([low * cos - high * sin, high * cos + low * sin], -1)

    def _normed(self, x: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
        mean = (x * x).mean(-1, keepdims=True)
        return x / np.sqrt(mean + self.dtype(self.hyper.epsilon)) * weight


def turns(base: float, head_dim: int, length: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns cosines and sines of the first positions' angles, [length, head_dim / 2], float64.

    Source: Su et al., RoFormer, arXiv 2104.09864, equation 15.
    """
    speeds = base ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    angles = np.arange(length, dtype=np.float64)[:, None] * speeds
    return np.cos(angles), np.sin(angles)


def _cast(block: Block, dtype: type[np.float32] | type[np.float64]) -> Block:
    return Block(**{name: array.astype(dtype, copy=False) for name, array in vars(block).items()})
