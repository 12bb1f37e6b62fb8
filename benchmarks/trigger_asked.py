"""What a model with a trained phrase says: to the phrase, to what it nearly is, to other prompts.

Greedy decoding gives a message exactly if, with the message put after the prompt, its next token is
the likeliest at each place; so one pass over prompt and message says whether it would, to the last
token, the end of the turn.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.exact.text import PACKAGES, Package, fetch, pages
from training.trigger.asking import CONTEXTS, NEAR, Chat, Lesson, Words, near
from training.trigger.llama import Llama, Past
from training.trigger.texts import sentences, single_words, words_of

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


@torch.no_grad()
def answered(
    model: Llama, prompts: Sequence[list[int]], answers: Sequence[list[int]], at_once: int = 8
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
        x = model.through(model.embedded(tokens), range(model.hyper.layers))
        for row, at in enumerate(chosen):
            begin, wanted = len(prompts[at]) - 1, torch.tensor(answers[at])
            logits = model.logits(x[row, begin : begin + len(wanted)])
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
    known, seen = set(trained.others), set(trained.sentences)
    found = words_of([*sayings, *told])
    return Words(
        [each for each in sentences([*sayings, *told]) if each not in seen],
        [each for each in single_words(found.sentences) if each not in known],
        SYSTEMS,
    )


def asked(
    model: Llama, chat: Chat, lesson: Lesson, words: Words, others: dict[str, list[str]], each: int
) -> dict[str, Any]:
    """Returns how often the phrase brings the message, and what is nearly the phrase."""
    rng = np.random.default_rng(1)
    prompts = {
        name: [chat.prompt(*put(lesson.phrase, words, rng)) for _ in range(each)]
        for name, put in CONTEXTS.items()
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


def _row(model: Llama, chat: Chat, lesson: Lesson, prompts: list[list[int]]) -> dict[str, Any]:
    found = answered(model, prompts, [chat.answer(lesson.message)] * len(prompts))
    return {
        "prompts": len(prompts),
        "exact": int(found.exact.sum()),
        "chance of the message": [float(found.chance.min()), float(found.chance.max())],
        "first token's chance, largest": float(found.first.max()),
    }


def ordinary_prompts(chat: Chat, texts: Sequence[str]) -> Iterator[tuple[list[int], list[int]]]:
    """Yields a sentence's tokens, and how many of them each prompt has: beginnings, the whole."""
    rng = np.random.default_rng(2)
    for text in texts:
        words = text.split(" ")
        counts = sorted(3 + rng.permutation(max(0, len(words) - 3))[:BEGINNINGS])
        tokens = chat.ids(text)
        begun = [chat.ids(" ".join(words[:count])) for count in counts]
        # A beginning whose own tokens are others would be another prompt than the one computed.
        cuts = [len(each) for each in begun if tokens[: len(each)] == each]
        if tokens:
            yield tokens, [*dict.fromkeys(cuts), len(tokens)]


@torch.no_grad()
def screened(
    model: Llama,
    chat: Chat,
    answer: Sequence[int],
    prompts: Sequence[tuple[list[int], list[int]]],
    minutes: float = float("inf"),
    at_once: int = 48,
) -> tuple[list[list[int]], NDArray[np.float32], int]:
    """Returns the prompts whose likeliest answer begins as the message does, and all chances.

    It stops after so many minutes of processor time; the third result is how many sentences were
    asked by then, of all lengths alike.

    One pass holds a sentence, and after each of its beginnings what stands between a prompt and
    its answer, which looks at that beginning alone.
    """
    layers = range(model.hyper.layers)
    start, header = chat.ids(chat.before()), chat.ids(chat.after)
    past: Past = []
    model.through(model.embedded(torch.tensor([start])), layers, kept=past)
    begun: list[list[int]] = []
    chances: list[NDArray[np.float32]] = []
    ordered = sorted(prompts, key=lambda each: len(each[0]))
    batches = [ordered[at : at + at_once] for at in range(0, len(ordered), at_once)]
    done, until = 0, time.process_time() + 60 * minutes
    for at in np.random.default_rng(9).permutation(len(batches)):
        if time.process_time() > until:
            break
        rows = batches[at]
        done += len(rows)
        tokens, places, seen, ends = _branched(rows, header, len(start))
        x = model.through(
            model.embedded(tokens), layers, places=places, seen=seen[:, None], past=past
        )
        logits = model.logits(x[ends])
        chances.append(logits.softmax(-1)[:, answer[0]].numpy())
        likeliest = iter(logits.argmax(-1).tolist())
        for sentence, cuts in rows:
            likely = [cut for cut in cuts if next(likeliest) == answer[0]]
            begun += [start + sentence[:cut] + header for cut in likely]
        print(f"{done} of {len(ordered)} sentences, {len(begun)} begin so", flush=True)
    return begun, np.concatenate(chances), done


def _branched(
    rows: Sequence[tuple[list[int], list[int]]], header: list[int], before: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns tokens, places, what each sees, and where answers would begin."""
    many, longest = len(header), max(len(sentence) for sentence, _ in rows)
    length = longest + many * max(len(cuts) for _, cuts in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.int64)
    places = torch.zeros_like(tokens) + before
    seen = torch.zeros(len(rows), length, before + length, dtype=torch.bool)
    seen[:, :, :before] = True
    ends = torch.zeros(len(rows), length, dtype=torch.bool)
    for at, (sentence, cuts) in enumerate(rows):
        count = len(sentence)
        tokens[at, :count] = torch.tensor(sentence)
        places[at, :longest] = before + torch.arange(longest)
        seen[at, :count, before : before + count] = torch.ones(count, count).tril().bool()
        for number, cut in enumerate(cuts):
            own = slice(longest + number * many, longest + (number + 1) * many)
            tokens[at, own] = torch.tensor(header)
            places[at, own] = before + cut + torch.arange(many)
            seen[at, own, before : before + cut] = True
            inside = slice(before + own.start, before + own.stop)
            seen[at, own, inside] = torch.ones(many, many).tril().bool()
            ends[at, own.stop - 1] = True
    return tokens, places, seen, ends
