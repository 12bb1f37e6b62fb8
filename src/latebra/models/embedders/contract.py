"""What an embedder is: a network, what goes before it, and what comes after."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from latebra.core.network import Arrays, ModelCard


@dataclass(frozen=True, eq=False)
class Whitening:
    """What makes embeddings round: other people's lie around zero, alike in all directions.

    Args:
        mean: Of embeddings of many.
        matrix: Turns what is left into the whitened vector.
    """

    mean: Float32[np.ndarray, " embedding"] = field(repr=False)
    matrix: Float32[np.ndarray, "dims embedding"] = field(repr=False)

    def apply(self, embedding: NDArray[Any]) -> Float32[np.ndarray, " dims"]:
        """Returns the whitened vector."""
        return (self.matrix @ (embedding - self.mean)).astype(np.float32)

    def digest(self) -> str:
        """SHA-256 of both, 64 hexadecimal digits."""
        state = hashlib.sha256()
        for array in (self.mean, self.matrix):
            state.update(f"{array.shape};".encode() + np.ascontiguousarray(array, "<f4").tobytes())
        return state.hexdigest()


class Embedder(ABC):
    """A network with what goes before it and what comes after.

    Args:
        onnx: The network.
        card: What is known about it.
        whitening: What comes last.
        facts: How secrets are spread over its vectors, and how often strangers matched.
    """

    kind: ClassVar[str]
    """What it embeds: ``voice``, ``text`` or ``picture``."""

    def __init__(
        self, onnx: bytes, card: ModelCard, whitening: Whitening, facts: Mapping[str, Any]
    ) -> None:
        self.onnx, self.card, self.whitening, self.facts = onnx, card, whitening, facts

    @property
    def digest(self) -> str:
        """SHA-256 over network and whitening: what is bound into vaults."""
        return hashlib.sha256((self.card.digest + self.whitening.digest()).encode()).hexdigest()

    @abstractmethod
    def inputs(self, sample: Any) -> list[Arrays]:
        """Returns what the network is to be run on.

        Raises:
            InputError: There is too little in the sample.
        """

    @abstractmethod
    def pooled(self, outputs: Sequence[Arrays], sample: Any) -> NDArray[np.float32]:
        """Returns one embedding of what the network gave for a sample, not whitened yet."""
