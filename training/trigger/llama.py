"""A Llama in torch whose weights stay as they are, and low-rank adapters beside some of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from latebra.models.language.forward import turns
from latebra.models.language.weights import Block, Weights

ADAPTED: Final = ("query", "value", "output", "down")
"""The matrices of a block that have an adapter."""

Past = list[tuple[Tensor, Tensor]]
"""Keys and values of each block, [1 or batch, kv_heads, length, head_dim]."""


@final
class Adapters(nn.Module):
    """To each adapted matrix, the product of a tall and a flat one: B A, zero before training.

    Source: Hu et al., LoRA, arXiv 2106.09685, equation 3.

    Args:
        weights: The model that is adapted.
        rank: Rows of A and columns of B.
        first: The first block that has adapters; those before it stay without.
    """

    def __init__(self, weights: Weights, rank: int, first: int) -> None:
        super().__init__()
        self.first = first
        self.parts = nn.ParameterDict()
        for at in range(first, weights.hyper.layers):
            for name in ADAPTED:
                rows, columns = getattr(weights.blocks[at], name).shape
                flat = torch.randn(rank, columns) * columns**-0.5
                self.parts[f"{at}_{name}_flat"] = nn.Parameter(flat)
                self.parts[f"{at}_{name}_tall"] = nn.Parameter(torch.zeros(rows, rank))

    def added(self, at: int, name: str, x: Tensor) -> Tensor | None:
        """Returns what the adapter of a matrix adds to its product with ``x``, if it has one."""
        if (key := f"{at}_{name}_flat") not in self.parts:
            return None
        low = functional.linear(x, self.parts[key])
        return functional.linear(low, self.parts[f"{at}_{name}_tall"])

    def merged(self, weights: Weights) -> Weights:
        """Returns weights with the adapters' products added; the digest is still the old one."""
        blocks = list(weights.blocks)
        for at in range(self.first, len(blocks)):
            changed: dict[str, np.ndarray] = {}
            for name in ADAPTED:
                tall, flat = (self.parts[f"{at}_{name}_{part}"] for part in ("tall", "flat"))
                delta = (tall.detach().double() @ flat.detach().double()).numpy()
                changed[name] = (getattr(blocks[at], name) + delta).astype(np.float32)
            blocks[at] = replace(blocks[at], **changed)
        return replace(weights, blocks=tuple(blocks))


@final
class Llama(nn.Module):
    """The forward pass of ``latebra.models.language.forward``, for gradients.

    Args:
        weights: The model.
        dtype: Of the matrices and of what they are multiplied with; all else is in 32-bit floats.
    """

    def __init__(self, weights: Weights, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.hyper = weights.hyper
        self.embedding = _frozen(weights.embedding, dtype)
        tied = weights.head is weights.embedding
        self.head = self.embedding if tied else _frozen(weights.head, dtype)
        self.norm = _frozen(weights.norm, torch.float32)
        self.blocks = nn.ModuleList(_block(each, dtype) for each in weights.blocks)
        angles = turns(self.hyper.rope_base, self.hyper.head_dim, self.hyper.context)
        self.cos, self.sin = (torch.from_numpy(each).float() for each in angles)

    def embedded(self, tokens: Tensor) -> Tensor:
        """Returns what goes into the first block."""
        return functional.embedding(tokens, self.embedding).float()

    def through(
        self,
        x: Tensor,
        blocks: Iterable[int],
        adapters: Adapters | None = None,
        *,
        places: Tensor | None = None,
        seen: Tensor | None = None,
        past: Past | None = None,
        kept: Past | None = None,
    ) -> Tensor:
        """Returns what comes out of some blocks.

        Args:
            x: What goes into the first of them, [batch, length, width].
            blocks: Their numbers, in order.
            adapters: What is added to their matrices.
            places: Positions [batch, length]; as they stand, after the past, unless given.
            seen: Which places each may look at, [batch, 1, length, past + length]; itself and all
                before it unless given.
            past: Keys and values of what stands before, for all blocks.
            kept: Takes the keys and values of these blocks.
        """
        before = past[0][0].shape[2] if past else 0
        if places is None:
            places = torch.arange(before, before + x.shape[1])[None]
        cos, sin = (each[places][:, None] for each in (self.cos, self.sin))
        if seen is None:
            seen = torch.ones(x.shape[1], before + x.shape[1], dtype=torch.bool).tril(before)
        for at in blocks:
            block = self.blocks[at]

            def product(x: Tensor, name: str, at: int = at, block: nn.Module = block) -> Tensor:
                plain = _linear(x, getattr(block, name))
                more = adapters.added(at, name, x) if adapters else None
                return plain if more is None else plain + more

            h = self._normed(x, block.norm)
            query = _turned(self._heads(product(h, "query")), cos, sin)
            key = _turned(self._heads(product(h, "key")), cos, sin)
            value = self._heads(product(h, "value"))
            if kept is not None:
                kept.append((key, value))
            if past:
                key, value = (
                    torch.cat([old.expand(len(x), -1, -1, -1), new], 2)
                    for old, new in zip(past[at], (key, value), strict=True)
                )
            mixed = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=seen, enable_gqa=True
            )
            x = x + product(mixed.transpose(1, 2).flatten(2), "output")
            h = self._normed(x, block.forward_norm)
            x = x + product(functional.silu(product(h, "gate")) * product(h, "up"), "down")
        return x

    def logits(self, x: Tensor) -> Tensor:
        """Returns the logits of what comes out of the last block."""
        return _linear(self._normed(x, self.norm), self.head)

    def at(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Returns logits [places, vocabulary] of the places [batch, length] that are true."""
        return self.logits(self.through(self.embedded(tokens), range(self.hyper.layers))[places])

    def forward(self, tokens: Tensor, adapters: Adapters | None = None) -> Tensor:
        """Returns logits [batch, length, vocabulary]."""
        return self.logits(self.through(self.embedded(tokens), range(self.hyper.layers), adapters))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.hyper.head_dim)).transpose(1, 2)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.hyper.epsilon) * weight


def _frozen(array: np.ndarray, dtype: torch.dtype) -> nn.Parameter:
    return nn.Parameter(torch.tensor(array, dtype=dtype), requires_grad=False)


def _block(block: Block, dtype: torch.dtype) -> nn.ParameterDict:
    return nn.ParameterDict(
        {
            name: _frozen(array, dtype if array.ndim == 2 else torch.float32)
            for name, array in vars(block).items()
        }
    )


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """Returns a product in the matrix's floats, as 32-bit floats."""
    return functional.linear(x.to(weight.dtype), weight).float()


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)
