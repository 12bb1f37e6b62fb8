"""Vectors of the names of emoji, as MiniLM makes them: what common classes are known by."""

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
from jaxtyping import Float32

_DATA: Final = files("latebra.models") / "data"
NAME: Final = "emoji_names"


@dataclass(frozen=True, eq=False)
class Named:
    """Names and their vectors.

    Args:
        names: Of emoji, as Unicode's CLDR has them.
        vectors: Of length one.
        digest: SHA-256 of the file that both are in.
        about: Where they come from.
    """

    names: tuple[str, ...]
    vectors: Float32[np.ndarray, "names dims"]
    digest: str
    about: Mapping[str, Any]

    def places(self) -> dict[str, int]:
        """Returns where each name stands."""
        return {name: at for at, name in enumerate(self.names)}


@cache
def named() -> Named:
    """Returns the bundled names."""
    told = json.loads((_DATA / f"{NAME}.json").read_text(encoding="utf-8"))
    content = (_DATA / f"{NAME}.npz").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != told["digest"]:
        raise ValueError(f"{NAME}.npz is not the file that its card tells of")
    stored = np.load(BytesIO(content), allow_pickle=False)
    vectors = stored["vectors"].astype(np.float32) * stored["scales"]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Named(tuple(stored["names"].tolist()), vectors, digest, told["about"])
