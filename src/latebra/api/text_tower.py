"""The text tower: vectors of names, bundled ones and those that MiniLM makes here."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Final

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.compiling.opening import OpenNetwork, open_network
from latebra.core.network import Arrays, ModelCard
from latebra.core.progress import Progress, silent
from latebra.models.embedders.catalogue import facts, find, is_here
from latebra.models.embedders.contract import Embedder
from latebra.models.named import named

TOWER: Final = "minilm"


def check_tower() -> str:
    """Returns where the text tower is; fetches nothing."""
    if is_here("text"):
        return f"{TOWER} is here"
    return f"{TOWER} is fetched when a name is used that is none of an emoji"


class TextTower:
    """Names in, vectors of length one out.

    Names of emoji are looked up in the package, where their vectors are kept in 8 bits a value; the
    network is fetched and compiled when another name is asked for.

    Args:
        compiler: An id from ``latebra.compilers``.
        threads: How many it may use; None for the usual number.
        bundled: Whether the bundled vectors are used; else every name goes through the network.
    """

    def __init__(self, compiler: str, *, threads: int | None = None, bundled: bool = True) -> None:
        self.compiler = compiler
        self.progress: Progress = silent
        """Told how far the work is when the network is made ready."""
        self._threads = threads
        self._places = named().places() if bundled else {}
        self._made: dict[str, Float32[np.ndarray, " dims"]] = {}

    @property
    def card(self) -> ModelCard:
        """What is known of the tower: the digest is over the network's and the bundled names'."""
        return self._card

    @cached_property
    def _card(self) -> ModelCard:
        told = facts("text")
        digest = hashlib.sha256((told["digest"] + named().digest).encode()).hexdigest()
        about = {"classes": named().about["usual"]}
        return ModelCard(TOWER, digest, "T3", told["bound"], about=about)

    @property
    def seconds_inside(self) -> float:
        """Wall-clock time spent inside the network so far."""
        return self._network.seconds_inside if "_network" in self.__dict__ else 0.0

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns ``prototypes`` (names, 384) for ``names``, an array of texts.

        Raises:
            CompileError: The compiler failed on the network.
            InputError: A name says nothing.
            Unavailable: The network cannot be fetched.
        """
        return {"prototypes": np.stack([self._vector(str(each)) for each in inputs["names"]])}

    def _tell(self, stage: str, done: int, total: int) -> None:
        self.progress(stage, done, total)

    def _vector(self, name: str) -> Float32[np.ndarray, " dims"]:
        if name in self._places:
            return named().vectors[self._places[name]]
        if name not in self._made:
            outputs = [self._network.run(each) for each in self._embedder.inputs(name)]
            self._made[name] = self._embedder.pooled(outputs, name)
        return self._made[name]

    @cached_property
    def _embedder(self) -> Embedder:
        return find("text", progress=self._tell)

    @cached_property
    def _network(self) -> OpenNetwork:
        model = Model(self._embedder.onnx, self._embedder.card)
        return open_network(model, self.compiler, threads=self._threads)
