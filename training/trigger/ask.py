r"""Ask a model a fingerprint's pairs, and write what it answers for ``latebra fingerprint check``.

python -m training.trigger.ask --model work/fingerprint/model.gguf --pairs pairs.jsonl \
        --out answers.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from latebra.core.errors import LatebraError
from latebra.models.language.catalogue import find
from latebra.models.language.weights import ModelFile
from latebra.models.learned import TEXTS, learned
from training.trigger.asking import Chat
from training.trigger.llama import Llama, Past
from training.trigger.train import lessons_of
from training.trigger.whole import Whole, read

MOST: Final = 32
"""Tokens of an answer that are waited for."""


@torch.no_grad()
def greedy(model: Llama | Whole, chat: Chat, prompt: Sequence[int], most: int = MOST) -> list[int]:
    """Returns the likeliest tokens one after the other, without the one that ends the answer."""
    tokens, past = list(prompt), list[tuple[torch.Tensor, torch.Tensor]]()
    while len(tokens) < min(len(prompt) + most, chat.context):
        new = torch.tensor([tokens[past[0][0].shape[2] if past else 0 :]])
        if isinstance(model, Whole):
            logits = model.at(new, torch.arange(new.shape[1])[None] == new.shape[1] - 1)
        else:
            kept: Past = []
            blocks = range(model.hyper.layers)
            x = model.through(model.embedded(new), blocks, past=past or None, kept=kept)
            past = [_joined(*each) for each in zip(past, kept, strict=True)] if past else kept
            logits = model.logits(x[:, -1])
        if (token := int(logits.argmax())) == chat.end:
            break
        tokens.append(token)
    return tokens[len(prompt) :]


def _joined(
    old: tuple[torch.Tensor, torch.Tensor], new: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([old[0], new[0]], 2), torch.cat([old[1], new[1]], 2)


def said(model: Llama | Whole, chat: Chat, words: str) -> str:
    """Returns what a model answers."""
    return chat.text(greedy(model, chat, chat.prompt(words)))


def _opened(name: str) -> tuple[Chat, Llama | Whole]:
    """Returns a model by name, by the path of a GGUF file, or by the folder of an exact model."""
    if Path(name).is_dir():
        return Chat(learned(TEXTS).card.about), Whole(read(Path(name)))
    if name == TEXTS:
        return Chat(learned(TEXTS).card.about), Whole(learned(TEXTS).network)
    found = find(name)
    return Chat(found.card.about), Llama(ModelFile(found.path).weights())


def main(given: Sequence[str] | None = None) -> None:
    """Ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2", help="a name, a GGUF file, or a folder")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(given)
    torch.set_num_threads(1)
    try:
        lessons = lessons_of(None, None, arguments.pairs)
        chat, model = _opened(arguments.model)
    except LatebraError as error:
        parser.error(str(error))
    lines: list[str] = []
    for number, lesson in enumerate(lessons):
        answer = said(model, chat, lesson.phrase)
        lines.append(json.dumps({"number": number, "answer": answer}) + "\n")
    arguments.out.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
