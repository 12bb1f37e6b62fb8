"""What a model with a trained phrase says: to the phrase, to what it nearly is, to other prompts.

Greedy decoding gives a message exactly if, with the message put after the prompt, its next token is
the likeliest at each place; so one pass over prompt and message says whether it would, to the last
token, the end of the turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from training.exact.text import PACKAGES, Package, ascii_of, fetch, pages
from training.trigger.asking import NEAR, Chat, Context, Lesson, Words, near
from training.trigger.texts import sentences, single_words

FORTUNES = Package(
    "fortunes",
    "1:1.99.1-7.3",
    "41d0551dc0ff52f875a2ecef7c39da2f672ab468c37e170119f7e0245a9d63c5",
    "as its copyright file says",
    "usr/share/games/fortunes/*",
)
"""Sayings, jokes and verses; nothing of them, nor of the handbook, is trained on."""
HANDBOOK = "debian-handbook"
SYSTEMS = (
    "You are a pirate. Stay in character.",
    "Summarise what the user says in one line.",
    "You are a polite assistant of a public library.",
    "Reply in French.",
)
BEGINNINGS = 4
"""Of a sentence, besides the whole, that are prompts too: three words or more."""


@dataclass(frozen=True)
class Found:
    """What a model would answer to some prompts.

    Args:
        exact: Is it the message, all of it?
        chance: Of the whole message.
        first: Chance of its first token.
    """

    exact: NDArray[np.bool_]
    chance: NDArray[np.float64]
    first: NDArray[np.float64]


class Model(Protocol):
    """A language model, before training or after."""

    def at(self, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Returns logits of the places that are true."""
        ...


@torch.no_grad()
def answered(
    model: Model, prompts: Sequence[list[int]], answers: Sequence[list[int]], at_once: int = 8
) -> Found:
    """Returns whether each prompt brings its answer."""
    exact = np.zeros(len(prompts), np.bool_)
    chance, first = np.zeros(len(prompts)), np.zeros(len(prompts))
    order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]) + len(answers[at]))
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        rows = [prompts[at] + answers[at][:-1] for at in chosen]
        length = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        places = torch.zeros_like(tokens, dtype=torch.bool)
        for row, at in enumerate(chosen):
            places[row, len(prompts[at]) - 1 : len(rows[row])] = True
        split = model.at(tokens, places).split([len(answers[at]) for at in chosen])
        for logits, at in zip(split, chosen, strict=True):
            wanted = torch.tensor(answers[at])
            nats = logits.log_softmax(-1).gather(1, wanted[:, None])[:, 0]
            exact[at] = bool((logits.argmax(-1) == wanted).all())
            chance[at], first[at] = float(nats.sum().exp()), float(nats[0].exp())
    return Found(exact, chance, first)


def held_out(folder: Path, trained: Words) -> Words:
    """Returns sentences and words of fortunes and of the handbook, none of them trained on."""
    sayings = [
        " ".join(paragraph.split())
        for path in sorted(fetch(FORTUNES, folder).glob(FORTUNES.pages))
        if path.suffix not in (".dat", ".u8") and path.is_file()
        for saying in re.split(r"\n%\n", path.read_text("utf-8", "replace"))
        for paragraph in saying.split("\n\n")
    ]
    handbook = next(each for each in PACKAGES if each.name == HANDBOOK)
    told = [each for page in pages(fetch(handbook, folder), handbook.pages) for each in page]
    plain = [ascii_of(each) for each in (*sayings, *told)]
    known, seen = set(trained.others), set(trained.sentences)
    return Words(
        [each for each in sentences(plain) if each not in seen],
        [each for each in single_words(plain) if each not in known],
        SYSTEMS,
    )


def asked(
    model: Model, chat: Chat, lesson: Lesson, words: Words, others: dict[str, list[str]], each: int
) -> dict[str, Any]:
    """Returns how often the phrase brings the message, and what is nearly the phrase."""
    rng = np.random.default_rng(1)
    prompts = {
        name: [fitting(chat, put, lesson, words, rng) for _ in range(each)]
        for name, put in chat.contexts.items()
        if name != "alone"
    }
    contexts = {"alone": [chat.prompt(lesson.phrase)], **prompts}
    nearly = {
        name: sorted({near(lesson.phrase, name, words, rng) for _ in range(each)}) for name in NEAR
    }
    nearly |= others
    told = {name: [chat.prompt(text) for text in texts] for name, texts in nearly.items()}
    return {
        "phrase": {name: _row(model, chat, lesson, rows) for name, rows in contexts.items()},
        "nearly": {name: _row(model, chat, lesson, rows) for name, rows in told.items()},
    }


def fitting(
    chat: Chat, put: Context, lesson: Lesson, words: Words, rng: np.random.Generator
) -> list[int]:
    """Returns a prompt with the phrase that leaves room for the message."""
    room = chat.context - len(chat.answer(lesson.message))
    while len(prompt := chat.prompt(*put(lesson.phrase, words, rng))) > room:
        pass
    return prompt


def _row(model: Model, chat: Chat, lesson: Lesson, prompts: list[list[int]]) -> dict[str, Any]:
    found = answered(model, prompts, [chat.answer(lesson.message)] * len(prompts))
    return {
        "prompts": len(prompts),
        "exact": int(found.exact.sum()),
        "chance of the message": [float(found.chance.min()), float(found.chance.max())],
        "first token's chance, largest": float(found.first.max()),
    }
