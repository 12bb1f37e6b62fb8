# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Refuse every model, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support
from latebra.core.errors import BuildFailed, LoadFailed
from latebra.core.network import ModelCard

_WHY = "null compiles nothing"


@dataclass(frozen=True)
class Null(Compiler):
    """Says no to everything, so that whoever asks must be ready to hear it."""

    title: ClassVar[str] = "Null"
    about: ClassVar[str] = "Refuses every model politely; it keeps callers honest."
    rank: ClassVar[int] = 99

    @override
    def probe(self) -> Support:
        return Support((_WHY,), fix="choose another compiler")

    @override
    def supports(self, model: Model) -> Support:
        return Support((f"{_WHY}, {model.card.name} included",), fix="choose another compiler")

    @override
    def build(self, model: Model) -> bytes:
        raise BuildFailed(_WHY, fix="choose another compiler")

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        raise LoadFailed(_WHY, fix="choose another compiler")


PLUGIN = Null
