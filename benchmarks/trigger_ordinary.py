"""Ordinary prompts by the hundred thousand: how many bring the message, or begin it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trigger_asked import Model
from training.trigger.asking import Chat
from training.trigger.llama import Llama, Past

BEGINNINGS = 4
"""Of a sentence, besides the whole, that are prompts too: three words or more."""


@torch.no_grad()
def lines(
    model: Model, prompts: Sequence[list[int]], first: int, at_once: int = 64
) -> tuple[list[list[int]], NDArray[np.float32]]:
    """Returns the prompts whose likeliest answer begins with a token, and its chance after each."""
    begun: list[list[int]] = []
    chances: list[NDArray[np.float32]] = []
    ordered = sorted(prompts, key=len)
    for at in range(0, len(ordered), at_once):
        rows = ordered[at : at + at_once]
        tokens = torch.tensor([row + [0] * (len(rows[-1]) - len(row)) for row in rows])
        places = torch.zeros_like(tokens, dtype=torch.bool)
        places[range(len(rows)), [len(row) - 1 for row in rows]] = True
        logits = model.at(tokens, places)
        chances.append(logits.softmax(-1)[:, first].numpy())
        likely = logits.argmax(-1) == first
        begun += [row for row, is_first in zip(rows, likely.tolist(), strict=True) if is_first]
    return begun, np.concatenate(chances)


@torch.no_grad()
def places_of_text(
    model: Model, tokens: Sequence[int], first: int, length: int, at_once: int = 16
) -> tuple[list[list[int]], int]:
    """Returns texts so far that go on with a token, at every place of pieces of a text."""
    count = len(tokens) // length
    pieces = torch.tensor(tokens[: count * length]).view(count, length)
    begun: list[list[int]] = []
    for rows in pieces.split(at_once):
        likely = model.at(rows, torch.ones_like(rows, dtype=torch.bool)).argmax(-1) == first
        for row, at in likely.view(rows.shape).nonzero().tolist():
            begun.append(rows[row, : at + 1].tolist())
    return begun, count * length


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
