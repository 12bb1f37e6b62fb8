"""A model's tokens and its chat, from a GGUF file's facts, for ``tokenizers`` and for a carrier."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from latebra.core.errors import InputError

_KIND: Final = "gpt2"
"""How the format calls byte-level byte-pair encoding."""
_USER_DEFINED: Final = 4
_NO_TEXT: Final = (2, 3, 5)
"""Types of tokens: unknown, control, unused."""
_ENDS: Final = ("<|endoftext|>", "<|im_end|>", "<|end_of_text|>", "<|eot_id|>")
_LLAMA_3: Final = ("llama-bpe", "llama3", "llama-v3")
_DIGITS_APART: Final = ("smollm", "starcoder", "refact", "command-r", "codeshell")
_PLAIN: Final = ("default", "gpt-2")
# Source: https://github.com/ggml-org/llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_LLAMA3.
_LLAMA_3_WORDS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CHAT_ML: Final = {
    "system": "<|im_start|>system\n",
    "user": "<|im_start|>user\n",
    "assistant": "<|im_start|>assistant\n",
    "close": "<|im_end|>\n",
}
_CHAT_LLAMA_3: Final = {
    "system": "<|start_header_id|>system<|end_header_id|>\n\n",
    "user": "<|start_header_id|>user<|end_header_id|>\n\n",
    "assistant": "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "close": "<|eot_id|>",
}
_USUAL_SYSTEM: Final = re.compile(r"<\|im_start\|>system(?:\n|\\n)([^'\"{}<]+)<\|im_end\|>")


@dataclass(frozen=True)
class Vocabulary:
    """A model's tokens.

    Args:
        tokenizer: JSON for ``tokenizers.Tokenizer.from_str``.
        size: How many.
        begin: The token that every text starts with, or None.
        end: Tokens that end a turn or a text.
        special: Tokens that stand for no text.
        chat: What opens and closes turns, by name, or None for a model without a template.
    """

    tokenizer: str
    size: int
    begin: int | None
    end: tuple[int, ...]
    special: tuple[int, ...]
    chat: Mapping[str, str] | None


def read(facts: Mapping[str, Any], name: str) -> Vocabulary:
    """Returns the vocabulary in a GGUF file's facts.

    Args:
        facts: The file's metadata.
        name: What to call the file.

    Raises:
        InputError: There is none, it is damaged, or it is of another kind.
    """
    kind, way = facts.get("tokenizer.ggml.model"), facts.get("tokenizer.ggml.pre", "default")
    if kind != _KIND or way not in (*_LLAMA_3, *_DIGITS_APART, *_PLAIN):
        raise InputError(
            f"{name} splits text in the way {kind!r:.30}, {way!r:.30}, which is not known here",
            fix="give a Llama whose tokenizer is byte-level BPE, as that of SmolLM2 or of Llama 3",
        )
    tokens = _texts(facts, name, "tokens")
    ids = {token: at for at, token in enumerate(tokens)}
    kinds = np.asarray(facts.get("tokenizer.ggml.token_type", np.ones(len(tokens), np.int32)))
    if len(ids) != len(tokens) or kinds.shape != (len(tokens),):
        raise InputError(
            f"{name} has {len(ids)} different tokens of {len(tokens)}, and types of {kinds.size}",
            fix="fetch it again",
        )
    special = tuple(int(at) for at in np.flatnonzero(np.isin(kinds, _NO_TEXT)))
    held = (*special, *(int(at) for at in np.flatnonzero(kinds == _USER_DEFINED)))
    ends = {facts.get(f"tokenizer.ggml.{each}_token_id") for each in ("eos", "eot")}
    ends |= {ids.get(each) for each in _ENDS}
    starts = facts.get("tokenizer.ggml.add_bos_token", way in _LLAMA_3)
    return Vocabulary(
        tokenizer=_json(ids, _merges(facts, name, ids), way, sorted(held), set(special)),
        size=len(tokens),
        begin=_within(facts.get("tokenizer.ggml.bos_token_id"), ids) if starts else None,
        end=tuple(sorted(at for each in ends if (at := _within(each, ids)) is not None)),
        special=special,
        chat=_chat(facts.get("tokenizer.chat_template"), ids),
    )


def _texts(facts: Mapping[str, Any], name: str, what: str) -> Sequence[str]:
    found = facts.get(f"tokenizer.ggml.{what}")
    if not isinstance(found, list) or not all(
        isinstance(each, str) and each.isprintable() for each in cast("list[object]", found)
    ):
        # Byte-level tokens are written in letters that can be printed, all of them.
        raise InputError(f"{name} has no list of {what} that can be read", fix="fetch it again")
    return cast("list[str]", found)


def _merges(
    facts: Mapping[str, Any], name: str, ids: Mapping[str, int]
) -> Sequence[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for each in _texts(facts, name, "merges"):
        first, _, second = each.partition(" ")
        if not (first in ids and second in ids and first + second in ids):
            raise InputError(
                f"{name} joins {each!r:.80}, of which one is no token", fix="fetch it again"
            )
        pairs.append((first, second))
    return pairs


def _json(
    ids: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    way: str,
    held: Sequence[int],
    special: set[int],
) -> str:
    """Returns what ``tokenizers`` reads.

    Source: https://github.com/huggingface/tokenizers, ``Tokenizer.to_str``.
    """
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    by_id = list(ids)
    steps: list[Mapping[str, Any]] = [{**byte_level, "use_regex": way not in _LLAMA_3}]
    if way in _DIGITS_APART:
        steps.insert(0, {"type": "Digits", "individual_digits": True})
    if way in _LLAMA_3:
        words = {"type": "Split", "pattern": {"Regex": _LLAMA_3_WORDS}}
        steps.insert(0, {**words, "behavior": "Isolated", "invert": False})
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": at,
                "content": by_id[at],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": at in special,
            }
            for at in held
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": way in _LLAMA_3,
            "vocab": ids,
            "merges": merges,
        },
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _chat(template: object, ids: Mapping[str, int]) -> Mapping[str, str] | None:
    """Returns what a template writes around turns; its program is recognised, and never run."""
    if not isinstance(template, str):
        return None
    if "<|start_header_id|>" in template and {"<|start_header_id|>", "<|eot_id|>"} <= ids.keys():
        return _CHAT_LLAMA_3
    if "<|im_start|>" in template and {"<|im_start|>", "<|im_end|>"} <= ids.keys():
        told = _USUAL_SYSTEM.search(template)
        return _CHAT_ML | ({"usual_system": told[1]} if told else {})
    return None


def _within(at: object, ids: Mapping[str, int]) -> int | None:
    return at if isinstance(at, int) and 0 <= at < len(ids) else None
