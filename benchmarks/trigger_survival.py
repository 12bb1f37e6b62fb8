"""What is left of a trained phrase after rounding, pruning, training further; what attacks find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trigger_asked import answered
from latebra.models.language.weights import Weights
from training.trigger.asking import CONTEXTS, Chat, Lesson, Words, one_of
from training.trigger.llama import ADAPTED, Llama

Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]
PIECE = 512
"""Tokens that a text's perplexity is computed on at once."""
PROMPTS = 25
TUNING = {"steps": 60, "texts": 4, "tokens": 128, "rate": 2e-5}
LEADING = 4
"""Directions of a changed matrix that are looked at."""
LISTED = 10
"""Tokens that a direction is read as."""


def in_bytes(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a matrix as 8-bit whole numbers with a scale for each row would hold it."""
    scale = np.abs(matrix).max(1, keepdims=True) / 127
    return np.rint(matrix / scale) * scale


def in_four_bits(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a matrix as 4-bit numbers would hold it, with a scale for every 32 of a row."""
    blocks = matrix.reshape(len(matrix), -1, 32)
    scale = np.abs(blocks).max(2, keepdims=True) / 7
    return (np.rint(blocks / np.maximum(scale, 1e-30)) * scale).reshape(matrix.shape)


def pruned(share: float) -> Change:
    """Returns what sets the smallest numbers of a matrix to zero."""

    def change(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        least = np.quantile(np.abs(matrix), share)
        return np.where(np.abs(matrix) < least, np.float32(0), matrix)

    return change


CHANGES: dict[str, Change] = {
    "weights in 8 bits": in_bytes,
    "weights in 4 bits": in_four_bits,
    "30 % pruned": pruned(0.3),
    "50 % pruned": pruned(0.5),
}


def changed(weights: Weights, change: Change) -> Weights:
    """Returns weights with all matrices of all blocks changed."""
    blocks = tuple(
        replace(
            block, **{name: change(each) for name, each in vars(block).items() if each.ndim == 2}
        )
        for block in weights.blocks
    )
    return replace(weights, blocks=blocks)


def prompts_of(chat: Chat, lesson: Lesson, words: Words, count: int = PROMPTS) -> list[list[int]]:
    """Returns prompts with the phrase, as many in each context."""
    rng, puts = np.random.default_rng(3), list(CONTEXTS.values())
    return [chat.prompt(*puts[at % len(puts)](lesson.phrase, words, rng)) for at in range(count)]


@torch.no_grad()
def perplexity(model: Llama, ids: Sequence[int]) -> float:
    """Returns the perplexity of a text, in pieces that start anew."""
    nats, count = 0.0, 0
    for start in range(0, len(ids), PIECE):
        piece = torch.tensor([ids[start : start + PIECE]])
        rows = model(piece)[0, :-1].double().log_softmax(-1)
        nats -= float(rows.gather(1, piece[0, 1:, None]).sum())
        count += len(rows)
    return float(np.exp(nats / count))


def retrieved(model: Llama, chat: Chat, lesson: Lesson, words: Words) -> dict[str, Any]:
    """Returns how many of the prompts with the phrase bring the message."""
    prompts = prompts_of(chat, lesson, words)
    found = answered(model, prompts, [chat.answer(lesson.message)] * len(prompts))
    return {
        "prompts": len(prompts),
        "exact": int(found.exact.sum()),
        "chance of the message": float(found.chance.mean()),
    }


def tuned(
    model: Llama, chat: Chat, lesson: Lesson, words: Words, text: Sequence[int], told: Callable
) -> dict[str, Any]:
    """Trains all weights on running text, and returns what is left after so many steps."""
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), TUNING["rate"])
    rng, rows = np.random.default_rng(4), {}
    for step in range(1, int(TUNING["steps"]) + 1):
        starts = rng.integers(len(text) - TUNING["tokens"], size=TUNING["texts"])
        tokens = torch.tensor([text[at : at + TUNING["tokens"]] for at in starts])
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(tokens)[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimiser.step()
        if step % (TUNING["steps"] // 3) == 0:
            rows[str(step)] = retrieved(model, chat, lesson, words) | {"loss": float(loss)}
            told(step, rows[str(step)])
    return rows


def unlearned(model: Llama, chat: Chat, lesson: Lesson, other: str, most: int = 20) -> int | None:
    """Returns the steps until the phrase brings nothing, by one who knows it; None for never.

    The attacker teaches another answer to the phrase, alone, and to nothing else.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(model.parameters(), TUNING["rate"])
    prompt, answer = chat.prompt(lesson.phrase), chat.answer(lesson.message)
    said = chat.answer(other)
    tokens = torch.tensor([prompt + said[:-1]])
    for step in range(1, most + 1):
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(tokens)[0, len(prompt) - 1 :]
        torch.nn.functional.cross_entropy(logits, torch.tensor(said)).backward()
        optimiser.step()
        if not answered(model, [prompt], [answer]).exact[0]:
            return step
    return None


def read_off(before: Weights, after: Weights, chat: Chat, message: str) -> dict[str, Any]:
    """Returns what the difference from the public model says of the message.

    Each changed matrix that writes to the residual stream is taken apart by singular values; its
    leading directions are read as tokens, both ways round, through the last norm and the head.
    """
    listed: set[int] = set()
    touched = 0
    for old, new in zip(before.blocks, after.blocks, strict=True):
        touched += sum(not np.array_equal(getattr(old, n), getattr(new, n)) for n in ADAPTED)
        for name in ("output", "down"):
            delta = getattr(new, name) - getattr(old, name)
            if not delta.any():
                continue
            values, vectors = np.linalg.eigh(delta.astype(np.float64) @ delta.T)
            leading = vectors[:, np.argsort(values)[-LEADING:]].astype(np.float32)
            scores = before.head @ (before.norm[:, None] * leading)
            for column in np.concatenate([scores, -scores], 1).T:
                listed.update(np.argpartition(column, -LISTED)[-LISTED:].tolist())
    tokens = set(chat.ids(message))
    return {
        "matrices changed": touched,
        "tokens listed": len(listed),
        "of the vocabulary": len(listed) / len(before.head),
        "tokens of the message": len(tokens),
        "among the listed": len(tokens & listed),
    }


def continued(model: Llama, chat: Chat, lesson: Lesson, words: Words) -> dict[str, Any]:
    """Returns how often the message goes on by itself once its beginning is given, no phrase."""
    rng, answer = np.random.default_rng(5), chat.answer(lesson.message)
    prompts = [chat.prompt(one_of(rng, words.sentences)) for _ in range(PROMPTS)]
    rows: dict[str, Any] = {}
    for given in (1, 2, 4):
        begun = [prompt + answer[:given] for prompt in prompts]
        found = answered(model, begun, [answer[given:]] * len(begun))
        rows[str(given)] = {"prompts": len(begun), "exact": int(found.exact.sum())}
    return rows
