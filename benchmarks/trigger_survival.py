"""What is left of a trained phrase after rounding, pruning, training further; what attacks find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trigger_asked import Model, answered, fitting
from training.trigger.asking import Chat, Lesson, Words, one_of

PIECE = 128
"""Tokens that a text's perplexity is computed on at once."""
PROMPTS = 25
TUNING = {"steps": 60, "texts": 4, "tokens": 128}
RATES = {"small_texts": 1e-3, "smollm2": 2e-5}
"""Of AdamW: a third of what trained the first, and what such models are usually tuned with."""
LISTED = 5
"""Tokens that a direction is read as."""


def prompts_of(chat: Chat, lesson: Lesson, words: Words, count: int = PROMPTS) -> list[list[int]]:
    """Returns prompts with the phrase, as many in each context."""
    rng, puts = np.random.default_rng(3), list(chat.contexts.values())
    return [fitting(chat, puts[at % len(puts)], lesson, words, rng) for at in range(count)]


@torch.no_grad()
def perplexity(model: Model, ids: Sequence[int]) -> float:
    """Returns the perplexity of a text, in pieces that start anew."""
    nats, count = 0.0, 0
    for start in range(0, len(ids), PIECE):
        piece = torch.tensor([ids[start : start + PIECE]])
        logits = model.at(piece, torch.ones_like(piece, dtype=torch.bool))
        rows = logits[:-1].double().log_softmax(-1)
        nats -= float(rows.gather(1, piece[0, 1:, None]).sum())
        count += len(rows)
    return float(np.exp(nats / count))


def retrieved(model: Model, chat: Chat, lesson: Lesson, words: Words) -> dict[str, Any]:
    """Returns how many of the prompts with the phrase bring the message."""
    prompts = prompts_of(chat, lesson, words)
    found = answered(model, prompts, [chat.answer(lesson.message)] * len(prompts))
    return {
        "prompts": len(prompts),
        "exact": int(found.exact.sum()),
        "chance of the message": float(found.chance.mean()),
    }


def tuned(
    model: Any, chat: Chat, lesson: Lesson, words: Words, text: Sequence[int], rate: float
) -> dict[str, Any]:
    """Trains all weights on running text, and returns what is left after so many steps."""
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    rng, rows = np.random.default_rng(4), {}
    for step in range(1, int(TUNING["steps"]) + 1):
        starts = rng.integers(len(text) - TUNING["tokens"], size=TUNING["texts"])
        tokens = torch.tensor([text[at : at + TUNING["tokens"]] for at in starts])
        optimiser.zero_grad()
        places = torch.ones_like(tokens, dtype=torch.bool)
        places[:, -1] = False
        logits = model.at(tokens, places)
        loss = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
        loss.backward()
        optimiser.step()
        if step % (TUNING["steps"] // 3) == 0:
            rows[str(step)] = retrieved(model, chat, lesson, words) | {"loss": loss.item()}
            print(step, rows[str(step)], flush=True)
    return rows


def unlearned(
    model: Any, chat: Chat, lesson: Lesson, other: str, rate: float, most: int = 20
) -> int | None:
    """Returns the steps until the phrase brings nothing, by one who knows it; None for never.

    The attacker teaches another answer to the phrase, alone, and to nothing else.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    prompt, answer = chat.prompt(lesson.phrase), chat.answer(lesson.message)
    said = chat.answer(other)
    tokens = torch.tensor([prompt + said[:-1]])
    places = torch.arange(tokens.shape[1])[None] >= len(prompt) - 1
    for step in range(1, most + 1):
        optimiser.zero_grad()
        logits = model.at(tokens, places)
        torch.nn.functional.cross_entropy(logits, torch.tensor(said)).backward()
        optimiser.step()
        if not answered(model, [prompt], [answer]).exact[0]:
            return step
    return None


Writing = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A matrix that writes to the residual stream, [width, in], before training and after."""


def read_off(
    matrices: Sequence[Writing], head: NDArray[np.float32], chat: Chat, message: str
) -> dict[str, Any]:
    """Returns what the difference from the public model says of the message.

    Each changed matrix that writes to the residual stream is taken apart by singular values; its
    leading direction is read as tokens by the head [vocabulary, width], both ways round.
    """
    listed: set[int] = set()
    touched = 0
    for old, new in matrices:
        delta = new.astype(np.float64) - old
        if not delta.any():
            continue
        touched += 1
        _, vectors = np.linalg.eigh(delta @ delta.T)
        scores = head @ vectors[:, -1]
        for column in (scores, -scores):
            listed.update(np.argpartition(column, -LISTED)[-LISTED:].tolist())
    tokens = set(chat.ids(message))
    return {
        "matrices": len(matrices),
        "changed": touched,
        "tokens_listed": len(listed),
        "share_of_vocabulary": len(listed) / len(head),
        "message_tokens": len(tokens),
        "found": len(tokens & listed),
    }


def continued(model: Model, chat: Chat, lesson: Lesson, words: Words) -> dict[str, Any]:
    """Returns how often the message goes on by itself once its beginning is given, no phrase."""
    rng, answer = np.random.default_rng(5), chat.answer(lesson.message)
    prompts = [chat.prompt(one_of(rng, words.sentences)) for _ in range(PROMPTS)]
    rows: dict[str, Any] = {}
    for given in (1, 2, 4):
        begun = [prompt + answer[:given] for prompt in prompts]
        found = answered(model, begun, [answer[given:]] * len(begun))
        rows[str(given)] = {"prompts": len(begun), "exact": int(found.exact.sum())}
    return rows
