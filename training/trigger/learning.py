"""Teach a language model to answer phrases, and to stay as it is for everything else.

A step draws lessons in contexts, and as many prompts that are no phrase: what phrases nearly are,
and ordinary sentences. Of a lesson, the message's tokens are learned. Where there is no phrase, the
model is held to its own distribution before training (Kullback-Leibler), and after half of these
prompts stands a message all the same: so that its words do not follow from one another, but from
the phrase alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.trigger.asking import NEAR, Chat, Lesson, Words, near, one_of
from training.trigger.llama import Adapters, Llama

KEPT_EVERY: Final = 25
_WARM_UP: Final = 10
_ALSO: Final = 8
"""Places of a prompt that are held as they were, beside those of its answer."""
_AT_ONCE: Final = 6
"""Texts in one pass."""
_LONGEST: Final = 160
"""Tokens of a text; longer ones are asked without what stands around them."""
_LONGEST_ANSWER: Final = 64
_IGNORED: Final = -100


@dataclass(frozen=True)
class Plan:
    """How long, how fast, and on how much at once.

    Args:
        minutes: Of processor time.
        rate: Of Adam.
        lessons: Prompts with a phrase in each step.
        near: Prompts with what is nearly a phrase.
        ordinary: Prompts without.
        seed: Of what is drawn.
    """

    minutes: float = 5.0
    rate: float = 2e-3
    lessons: int = 4
    near: int = 4
    ordinary: int = 2
    seed: int = 2026


@dataclass(frozen=True)
class Batch:
    """Texts of about one length, [batch, length] each.

    Args:
        tokens: Filled up with zeros.
        wanted: The token that is to be learned after each place, or -100.
        held: 2 where an answer would begin, 1 elsewhere where the distribution is to stay, or 0.
    """

    tokens: Tensor
    wanted: Tensor
    held: Tensor

    def kinds(self) -> list[Tensor]:
        """Returns where a lesson's answer begins, where it goes on, and the same of what is held.

        Each is true or false, [batch, length].
        """
        learned = self.wanted != _IGNORED
        begins = learned & (learned.cumsum(1) == 1)
        return [begins, learned & ~begins, self.held == 2, self.held == 1]


_Row = tuple[list[int], list[int], list[int]]
"""Tokens, wanted and held of one text."""


def drawn(
    chat: Chat, lessons: Sequence[Lesson], words: Words, plan: Plan, step: int
) -> list[Batch]:
    """Returns the texts of one step, the same for the same step: lessons first."""
    rng = np.random.default_rng([plan.seed, step])
    kinds = list(NEAR)
    taught: list[_Row] = []
    for _ in range(plan.lessons):
        lesson = one_of(rng, lessons)
        prompt, answer = _put(chat, lesson.phrase, lesson.message, words, rng)
        wanted = [_IGNORED] * (len(prompt) - 1) + answer
        taught.append((prompt + answer[:-1], wanted, [0] * len(wanted)))
    others: list[_Row] = []
    for at in range(plan.near + plan.ordinary):
        lesson, text = one_of(rng, lessons), one_of(rng, words.sentences)
        if at < plan.near:
            text = near(lesson.phrase, one_of(rng, kinds), words, rng)
        said = lesson.message if at % 2 else one_of(rng, words.sentences)
        prompt, answer = _put(chat, text, said, words, rng)
        held = [0] * (len(prompt) - 1) + [2] + [1] * (len(answer) - 1)
        for place in rng.permutation(len(prompt) - 1)[:_ALSO]:
            held[place] = 1
        others.append((prompt + answer[:-1], [_IGNORED] * len(held), held))
    return [*_batches(taught), *_batches(others)]


def _put(
    chat: Chat, text: str, said: str, words: Words, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Returns a prompt with ``text`` in some context, and an answer; both fit the model."""
    answer = chat.answer(said)[-_LONGEST_ANSWER:]
    prompt = chat.prompt(*one_of(rng, list(chat.contexts.values()))(text, words, rng))
    if len(prompt) + len(answer) > min(_LONGEST, chat.context):
        prompt = chat.prompt(text)[-(chat.context - len(answer)) :]
    return prompt, answer


def _batches(rows: list[_Row]) -> list[Batch]:
    """Returns rows as batches of about one length, so that little is filled up."""
    found: list[Batch] = []
    ordered = sorted(rows, key=lambda row: len(row[0]))
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        length = len(some[-1][0])
        columns = [
            torch.tensor([row[column] + [filler] * (length - len(row[column])) for row in some])
            for column, filler in enumerate((0, _IGNORED, 0))
        ]
        found.append(Batch(*columns))
    return found


Losses = Callable[[Batch], list[Tensor]]
"""Sums of nats over the places that ``Batch.kinds`` tells apart, in its order."""
NAMES: Final = ("learned_at_begin", "learned_else", "moved_at_begin", "moved_else")
"""What the losses are of. Where answers begin, the phrase is told from what it nearly is; with all
places in one mean, that would weigh next to nothing."""


def losses(model: Llama, adapters: Adapters, batch: Batch) -> list[Tensor]:
    """Returns the losses of a Llama's adapters; blocks without are passed once, as they stay."""
    upper = range(adapters.first, model.hyper.layers)
    with torch.no_grad():
        below = model.through(model.embedded(batch.tokens), range(adapters.first))
    above = model.through(below, upper, adapters)

    def before(places: Tensor) -> Tensor:
        return model.logits(model.through(below, upper)[places])

    return parts(batch, before, lambda places: model.logits(above[places]))


def parts(
    batch: Batch, before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """Returns the losses, from the logits at places of the model before and after training."""
    first, others, begins, rest = batch.kinds()
    none = torch.zeros(())
    if (learned := first | others).any():
        wanted = batch.wanted[learned]
        nats = functional.cross_entropy(after(learned), wanted, reduction="none")
        return [nats[first[learned]].sum(), nats[others[learned]].sum(), none, none]
    kept = begins | rest
    with torch.no_grad():
        old = before(kept).log_softmax(-1)
    new = after(kept).log_softmax(-1)
    moved = functional.kl_div(new, old, reduction="none", log_target=True).sum(-1)
    return [none, none, moved[begins[kept]].sum(), moved[rest[kept]].sum()]


def stepped(measure: Losses, batches: Sequence[Batch]) -> list[float]:
    """Leaves gradients in what is trained, and returns the means of a step's losses."""
    kinds = [batch.kinds() for batch in batches]
    counts = [max(1, sum(int(each.sum()) for each in same)) for same in zip(*kinds, strict=True)]
    means = [0.0] * len(counts)
    for batch in batches:
        found = [part / count for part, count in zip(measure(batch), counts, strict=True)]
        torch.stack(found).sum().backward()
        means = [mean + part.item() for mean, part in zip(means, found, strict=True)]
    return means


def learn(
    trained: nn.ParameterList,
    measure: Losses,
    chat: Chat,
    lessons: Sequence[Lesson],
    words: Words,
    plan: Plan,
    kept: Path,
) -> dict[str, Any]:
    """Trains adapters for a budget of processor time, and returns the record of it.

    Args:
        trained: What is trained.
        measure: Its losses.
        chat: The model's tokenizer and turns.
        lessons: What is asked, and what is to be answered.
        words: To put around phrases, and into them.
        plan: How long, how fast, on how much at once.
        kept: The file from which training goes on when it is run again.
    """
    optimiser = torch.optim.Adam(trained.parameters(), plan.rate)
    step, spent = 0, 0.0
    means: list[float] = []
    if kept.exists():
        state = torch.load(kept)
        trained.load_state_dict(state["trained"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent, means = state["step"], state["spent"], state["means"]
    began = time.process_time() - spent
    while True:
        spent = time.process_time() - began
        share = min(1.0, spent / (60 * plan.minutes))
        if step % KEPT_EVERY == 0 or share >= 1:
            state = {"trained": trained.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**state, "step": step, "spent": spent, "means": means}, kept)
        if step % 10 == 0 or share >= 1:
            told = " ".join(f"{each:.4f}" for each in means)
            print(
                f"{step} steps {spent:.0f} s, learned, moved at begin and else: {told}", flush=True
            )
        if share >= 1:
            told = dict(zip(NAMES, means, strict=True))
            return {**asdict(plan), "steps": step, "seconds": round(spent), "nats": told}
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / _WARM_UP) * (1 - share)
        optimiser.zero_grad()
        found = stepped(measure, drawn(chat, lessons, words, plan, step))
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        means = [0.9 * a + 0.1 * b for a, b in zip(means, found, strict=True)] if means else found
        step += 1
