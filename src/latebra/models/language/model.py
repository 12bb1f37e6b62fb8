"""A language model: its card, and its graphs as ONNX files that are built once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError
from latebra.core.network import Golden, ModelCard
from latebra.core.progress import Progress, silent
from latebra.models.language import graph, layout, vocabulary
from latebra.models.language.forward import Forward
from latebra.models.language.graph import Kind, Shape
from latebra.models.language.layout import Dtype
from latebra.models.language.weights import ModelFile, Weights
from latebra.models.store import Store

MARGIN: Final = 4.0
"""Between the rounding error that is measured when a model is built and the one that is allowed.

Two ends may each be off, and other compilers sum in other orders; benchmarks/language.py has the
largest that was ever seen."""
_CALIBRATED: Final = 64
"""Tokens on which the rounding error is measured."""
_BEFORE: Final = 8
"""Tokens in the cache when a step is held against its golden vector."""
_FINER: Final = 2.0 ** -(52 - 23)
"""A rounding error in 64-bit floats, as a share of the one in 32-bit floats."""
_SLACK: Final = 100.0
"""In 64-bit floats, where there is room between what is right and what was rounded to 32 bits."""


@final
class LanguageModel:
    """A Llama from a GGUF file.

    Args:
        file: The file.
        folder: Where what is built is kept.
        source: Where the file comes from, for people.
        name: What the model is called; made from the file's name unless told.
        licence: Of the model; what the file says unless told.
        progress: Told how far the work is.
    """

    def __init__(
        self,
        file: ModelFile,
        folder: Path,
        source: str,
        *,
        name: str = "",
        licence: str = "",
        progress: Progress = silent,
    ) -> None:
        self._file = file
        self._source = source
        self._name = name or _plain(file.path.stem)
        self._licence = licence or str(file.facts.get("general.license", "not stated"))
        self._progress = progress
        self._store = Store(folder / file.digest[:32], Path(__file__).parent)

    @property
    def path(self) -> Path:
        """Where the GGUF file lies."""
        return self._file.path

    @cached_property
    def card(self) -> ModelCard:
        """What is known of the model; ``card_for`` has what is known of one of its graphs.

        Raises:
            UnreadableFile: The file is damaged.
            InputError: It is no plain Llama, or its tokenizer is of another kind.
            Unavailable: What reads it is not installed.
        """
        made: dict[str, Any] = json.loads(
            self._store.file("card.json", self._write_card).read_bytes()
        )
        about: dict[str, Any] = {**made["about"], "licence": self._licence, "source": self._source}
        return ModelCard(self._name, made["digest"], "T2", float(about["error"]), about=about)

    def card_for(
        self, kind: Kind, *, dtype: Dtype, batch: int = 1, length: int = 1, capacity: int = 0
    ) -> ModelCard:
        """Returns the card of one graph, with its golden vector, from NumPy in 64-bit floats.

        Args:
            kind: As for ``onnx``.
            dtype: As for ``onnx``.
            batch: As for ``onnx``.
            length: As for ``onnx``.
            capacity: As for ``onnx``.

        Raises:
            InputError: There is no such graph.
        """
        shape = self._shape(kind, dtype, batch, length, capacity)
        name = f"golden-{_before(shape)}-{length}.npz"
        path = self._store.file(name, lambda file: self._write_golden(shape, file))
        with np.load(path, allow_pickle=False) as stored:
            golden = _golden(shape, stored)
        error = self.card.about["error"]
        if dtype == "float64":
            error *= _FINER * _SLACK
        about = {**self.card.about, "error": error, "graph": dataclasses.asdict(shape)}
        return dataclasses.replace(self.card, bound=error, golden=golden, about=about)

    def onnx(
        self, kind: Kind, *, dtype: Dtype, batch: int = 1, length: int = 1, capacity: int = 0
    ) -> Path:
        """Returns the path of an ONNX file; its weights lie in a file beside it.

        Args:
            kind: ``step``, which continues from a cache, or ``full``, which takes whole texts.
            dtype: Of every float in it.
            batch: Texts at once.
            length: Tokens at once of each.
            capacity: Places of the cache that a step reads.

        Raises:
            InputError: There is no such graph.
            UnwritableFile: The folder cannot be written.
        """
        shape = self._shape(kind, dtype, batch, length, capacity)
        hyper, tied = self._file.hyper, self._file.is_tied
        weights = self._store.file(f"weights.{dtype}", lambda file: self._write(dtype, file)).name
        built = graph.build(hyper, shape, weights, tied=tied)
        return self._store.file(f"{_stem(shape)}.onnx", lambda file: _put(file, built))

    @cached_property
    def _weights(self) -> Weights:
        return self._file.weights(self._progress)

    def _shape(self, kind: Kind, dtype: Dtype, batch: int, length: int, capacity: int) -> Shape:
        shape = Shape(kind, dtype, batch, length, capacity)
        shape.check(self._file.hyper)
        return shape

    def _write(self, dtype: Dtype, file: BinaryIO) -> None:
        layout.write_weights(self._weights, dtype, file)

    def _write_card(self, file: BinaryIO) -> None:
        hyper = self._file.hyper
        words = vocabulary.read(self._file.facts, self._file.path.name)
        if words.size != hyper.vocabulary:
            raise InputError(
                f"{self._file.path.name} has {words.size} tokens in a table of {hyper.vocabulary}",
                fix="fetch it again",
            )
        about = {
            "tokenizer": words.tokenizer,
            "vocabulary": hyper.vocabulary,
            "begin": words.begin,
            "end": words.end,
            "special": words.special,
            "chat": words.chat,
            **{name: getattr(hyper, name) for name in ("context", "layers", "heads")},
            **{name: getattr(hyper, name) for name in ("kv_heads", "head_dim")},
            "error": self._error(),
            "file": self._file.digest,
        }
        _put(file, json.dumps({"digest": self._weights.digest, "about": about}).encode())

    def _error(self) -> float:
        """Returns how far two correct ends in 32-bit floats may be apart."""
        self._progress("rounding error", 0, 2)
        tokens = _tokens(self._file.hyper.vocabulary, min(_CALIBRATED, self._file.hyper.context))
        rough = Forward(self._weights, np.float32).full(tokens)
        self._progress("rounding error", 1, 2)
        fine = Forward(self._weights, np.float64).full(tokens)
        self._progress("rounding error", 2, 2)
        return MARGIN * float(np.abs(rough - fine).max())

    def _write_golden(self, shape: Shape, file: BinaryIO) -> None:
        self._progress("golden vector", 0, 1)
        forward = Forward(self._weights, np.float64)
        before = _before(shape)
        tokens = _tokens(self._file.hyper.vocabulary, before + shape.length)
        keys, values = forward.cache(1, 0)
        if before:
            _, keys, values = forward.step(tokens[:, :before], 0, keys, values)
        logits = forward.step(tokens[:, before:], before, keys, values)[0]
        np.savez(file, tokens=tokens[:, before:], keys=keys, values=values, logits=logits)
        self._progress("golden vector", 1, 1)


def _golden(shape: Shape, stored: Mapping[str, NDArray[Any]]) -> Golden:
    """Returns the golden vector of one text, for as many as a graph takes."""

    def many(name: str, axis: int, dtype: str) -> NDArray[Any]:
        return np.repeat(stored[name], shape.batch, axis).astype(dtype, copy=False)

    inputs = {"tokens": many("tokens", 0, "int64")}
    if shape.kind == "step":
        inputs["position"] = np.array([_before(shape)])
        for name in ("keys", "values"):
            cache = many(name, 1, shape.dtype)
            rest = ((0, 0), (0, 0), (0, 0), (0, shape.capacity - cache.shape[3]), (0, 0))
            inputs[name] = np.pad(cache, rest)
    return Golden(inputs, {"logits": many("logits", 0, shape.dtype)})


def _before(shape: Shape) -> int:
    return max(0, min(_BEFORE, shape.capacity - shape.length))


def _tokens(vocabulary: int, count: int) -> NDArray[np.int64]:
    """Returns a fixed run of tokens, [1, count]."""
    return (np.arange(1, count + 1) * 7919 % vocabulary)[None]


def _stem(shape: Shape) -> str:
    told = f"{shape.kind}-{shape.dtype}-{shape.batch}x{shape.length}"
    return f"{told}-{shape.capacity}" if shape.capacity else told


def _plain(stem: str) -> str:
    """Returns a name as cards have it."""
    plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in stem.lower())
    return plain if plain[:1].isalpha() else f"model_{plain}"


def _put(file: BinaryIO, content: bytes) -> None:
    file.write(content)
