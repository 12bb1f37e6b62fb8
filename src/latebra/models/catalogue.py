"""The bundled networks by name: bytes of the ONNX file, and the card beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np
from typing_extensions import override

from latebra.core.errors import UnknownPlugin
from latebra.core.network import Golden, ModelCard

_DATA: Final = files("latebra.models") / "data"


class Catalogue(Mapping[str, ModelCard]):
    """A read-only mapping from a bundled network's name to its card. Listing opens nothing."""

    def __getitem__(self, key: str) -> ModelCard:
        if key not in self:
            raise UnknownPlugin(
                f"no bundled model is called {key!r}", fix=f"choose from {list(self)}"
            )
        return _card(key)

    @override
    def __contains__(self, key: object) -> bool:
        return key in set(self)

    def __iter__(self) -> Iterator[str]:
        names = (entry.name for entry in _DATA.iterdir())
        return iter(sorted(name.removesuffix(".onnx") for name in names if name.endswith(".onnx")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def onnx(self, key: str) -> bytes:
        """Returns the bytes of the ONNX file of the network called ``key``."""
        card = self[key]
        return (_DATA / f"{card.name}.onnx").read_bytes()


@cache
def _card(name: str) -> ModelCard:
    written = json.loads((_DATA / f"{name}.json").read_text())
    stored = np.load(BytesIO((_DATA / f"{name}.golden.npz").read_bytes()), allow_pickle=False)
    golden = Golden(
        inputs={k.removeprefix("in."): stored[k] for k in stored.files if k.startswith("in.")},
        outputs={k.removeprefix("out."): stored[k] for k in stored.files if k.startswith("out.")},
    )
    return ModelCard(
        name=written["name"],
        digest=written["digest"],
        tier=written["tier"],
        bound=written["bound"],
        golden=golden,
        about=written["about"],
    )
