"""What classes are called and described by, and the vectors of that, many texts at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from safetensors.numpy import load
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from latebra.models.embedders import text
from latebra.models.fetching import contents
from training.identity.glosses import fetch

AT_ONCE = 128
KEYWORDS_TOLD = 6


class Tower:
    """all-MiniLM-L6-v2, as ``latebra.models.embedders.text`` runs it, for texts of one window."""

    def __init__(self) -> None:
        weights, tokenizer = contents((text.WEIGHTS, text.TOKENIZER))
        self._weights = {name: torch.from_numpy(each) for name, each in load(weights).items()}
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> Float32[np.ndarray, "texts 384"]:
        """Returns vectors of length one; what is longer than a window is cut."""
        coded = [
            [text.BEGIN, *each.ids[: text.WINDOW - 2], text.END]
            for each in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]
        found = torch.zeros(len(coded), text.WIDTH)
        order = np.argsort([len(each) for each in coded], kind="stable")
        for start in range(0, len(order), AT_ONCE):
            some = order[start : start + AT_ONCE]
            longest = max(len(coded[at]) for at in some)
            tokens, mask = torch.zeros(2, len(some), longest, dtype=torch.int64)
            for row, at in enumerate(some):
                tokens[row, : len(coded[at])] = torch.tensor(coded[at])
                mask[row, : len(coded[at])] = 1
            found[torch.from_numpy(some)] = self._embedded(tokens, mask)
        return found.numpy()

    def _embedded(self, tokens: Tensor, mask: Tensor) -> Tensor:
        weights, length = self._weights, tokens.shape[1]
        x = weights["embeddings.word_embeddings.weight"][tokens]
        x = x + weights["embeddings.position_embeddings.weight"][:length]
        x = self._normed(
            x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
        )
        hidden = (mask[:, None, None, :] > 0).expand(-1, 1, length, -1)
        for layer in range(text.LAYERS):
            at = f"encoder.layer.{layer}."
            query, key, value = (
                self._product(x, f"{at}attention.self.{name}")
                .unflatten(2, (text.HEADS, -1))
                .transpose(1, 2)
                for name in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value, hidden)
            mixed = self._product(mixed.transpose(1, 2).flatten(2), f"{at}attention.output.dense")
            x = self._normed(x + mixed, f"{at}attention.output.LayerNorm")
            inner = functional.gelu(self._product(x, f"{at}intermediate.dense"))
            fed = self._product(inner, f"{at}output.dense")
            x = self._normed(x + fed, f"{at}output.LayerNorm")
        weighed = mask[:, :, None].float()
        return functional.normalize((x * weighed).sum(dim=1), dim=1)

    def _product(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normed(self, x: Tensor, name: str) -> Tensor:
        weight, bias = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, (text.WIDTH,), weight, bias, text.EPSILON)


class Dictionary:
    """WordNet's nouns: what each means first of all."""

    def __init__(self, packages: Path) -> None:
        folder = fetch(packages)
        lines = (folder / "index.noun").read_text(encoding="latin-1").splitlines()
        self._first: dict[str, int] = {}
        for line in lines:
            if not line.startswith("  "):
                fields = line.split()
                senses = int(fields[2])
                self._first[fields[0].replace("_", " ")] = int(fields[-senses])
        self._content = (folder / "data.noun").read_bytes()
        others = {"index.verb", "index.adj", "index.adv"}
        self._known = set(self._first)
        for name in others:
            text_of = (folder / name).read_text(encoding="latin-1")
            self._known |= {
                line.split()[0] for line in text_of.splitlines() if not line.startswith("  ")
            }

    def knows(self, word: str) -> bool:
        """Returns whether there is such a word."""
        return word in self._known or self.noun(word)

    def noun(self, words: str) -> bool:
        """Returns whether a noun is meant, in the singular or with an s."""
        return self._lemma(words) is not None

    def gloss(self, name: str) -> str | None:
        """Returns what a name, or the longest end of it that is a noun, means."""
        words = re.sub("[^a-z ]+", " ", name.lower()).split()
        for start in range(len(words)):
            if (lemma := self._lemma(" ".join(words[start:]))) is not None:
                at = self._first[lemma]
                line = self._content[at : self._content.index(b"\n", at)].decode("latin-1")
                return re.sub(r'; ?".*', "", line.partition(" | ")[2]).strip()
        return None

    def _lemma(self, words: str) -> str | None:
        tried = (words, words.removesuffix("s"), words.removesuffix("es"))
        return next((each for each in tried if each in self._first), None)


def descriptions(name: str, keywords: Sequence[str], dictionary: Dictionary) -> list[str]:
    """Returns a class's name, and other things that are said of it."""
    found = [name]
    if keywords:
        found.append(", ".join((name, *keywords[:KEYWORDS_TOLD])))
        found.append(", ".join(keywords[:KEYWORDS_TOLD]))
    if gloss := dictionary.gloss(name):
        found.append(f"{name}: {gloss}")
    return found
