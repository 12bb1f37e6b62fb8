"""The bundled exact networks: what follows in a text, and what follows in a picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import UnknownPlugin
from latebra.core.network import Golden, ModelCard
from latebra.models.exact.graph import Graph
from latebra.models.exact.sequence import INPUT, OUTPUT, Sequence, drafted
from latebra.models.exact.stepping import drafted_step
from latebra.models.exact.stored import restored
from latebra.models.pieces import Pieces

TEXTS: Final = "small_texts"
TILES: Final = "small_tiles"
LEARNED: Final = (TEXTS, TILES)
_DATA: Final = files("latebra.models") / "data"


@dataclass(frozen=True, eq=False)
class Learned:
    """A bundled exact network, from which the graph for any batch is made.

    Args:
        card: What is known about it; its golden vector is that of one item.
        network: The layers; ``apply`` is their definition.
        shape: Of one item of the input.
        dtype: Of the input: ``int64`` for pieces of a text, ``float32`` for pixels.
        nats: What a step of a logit is worth.
    """

    card: ModelCard
    network: Sequence
    shape: tuple[int, ...]
    dtype: str
    nats: float

    def whole(self, batch: int) -> Graph:
        """Returns the graph of all places at once: ``x`` to logits ``y``, in steps."""
        return drafted(self.network, (batch, *self.shape), self.dtype)

    def stepped(self, batch: int) -> Graph:
        """Returns the graph of one place after another, as ``stepping.drafted_step`` makes it.

        Raises:
            InputError: The network is one of pictures.
        """
        return drafted_step(self.network, batch, self.shape[0])

    @property
    def pieces(self) -> Pieces:
        """The pieces of a network of texts."""
        return Pieces(self.card.about["pieces"])


def learned(name: str) -> Learned:
    """Returns a bundled exact network: one of ``LEARNED``.

    Raises:
        UnknownPlugin: There is none of this name.
    """
    if name not in LEARNED:
        raise UnknownPlugin(
            f"no exact network is called {name!r}", fix=f"choose from {list(LEARNED)}"
        )
    return _opened(name)


def digest_of(told: Mapping[str, Any], arrays: list[NDArray[Any]]) -> str:
    """Returns SHA-256 over layers and weights, whatever types the weights are stored in."""
    state = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for array in arrays:
        state.update(f"\0{array.shape}\0".encode())
        state.update(np.ascontiguousarray(array, "<i4").tobytes())
    return state.hexdigest()


@cache
def _opened(name: str) -> Learned:
    told = json.loads((_DATA / f"{name}.json").read_text())
    file = np.load(BytesIO((_DATA / f"{name}.npz").read_bytes()), allow_pickle=False)
    arrays = [file[f"array{n}"] for n in range(len(file.files) - 2)]
    golden = Golden({INPUT: file["in"].astype(told["dtype"])}, {OUTPUT: file["out"]})
    card = ModelCard(
        name=name,
        digest=digest_of(told["layers"], arrays),
        tier="T1",
        bound=0.0,
        golden=golden,
        about=told["about"],
    )
    if card.digest != told["digest"]:
        raise ValueError(f"{name}.npz is not the file that its card tells of")
    network = restored(told["layers"], arrays)
    return Learned(card, network, tuple(told["shape"]), told["dtype"], told["nats"])
