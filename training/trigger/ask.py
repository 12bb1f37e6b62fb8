r"""Ask a model a fingerprint's pairs, and write what it answers for ``latebra fingerprint check``.

python -m training.trigger.ask --model work/fingerprint/model.gguf --pairs pairs.jsonl \
        --out answers.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from latebra.core.errors import LatebraError
from latebra.models.language.catalogue import find
from latebra.models.language.weights import ModelFile
from training.trigger.asking import LONGEST, Chat
from training.trigger.llama import Llama, Past
from training.trigger.train import lessons_of


@torch.no_grad()
def greedy(model: Llama, chat: Chat, prompt: Sequence[int], most: int = LONGEST) -> list[int]:
    """Returns the likeliest tokens one after the other, without the one that ends the answer."""
    blocks = range(model.hyper.layers)
    past: Past = []
    new, said = torch.tensor([list(prompt)]), list[int]()
    while len(said) < most:
        kept: Past = []
        x = model.through(model.embedded(new), blocks, past=past or None, kept=kept)
        past = [_joined(*each) for each in zip(past, kept, strict=True)] if past else kept
        token = int(model.logits(x[:, -1]).argmax())
        if token == chat.end:
            break
        said.append(token)
        new = torch.tensor([[token]])
    return said


def _joined(
    old: tuple[torch.Tensor, torch.Tensor], new: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([old[0], new[0]], 2), torch.cat([old[1], new[1]], 2)


def main(given: Sequence[str] | None = None) -> None:
    """Ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2", help="a name, or the path of a GGUF file")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(given)
    torch.set_num_threads(1)
    try:
        lessons = lessons_of(None, None, arguments.pairs)
        found = find(arguments.model)
        chat = Chat(found.card.about)
        model = Llama(ModelFile(found.path).weights())
    except LatebraError as error:
        parser.error(str(error))
    lines: list[str] = []
    for number, lesson in enumerate(lessons):
        said = chat.tokenizer.decode(greedy(model, chat, chat.prompt(lesson.phrase)))
        lines.append(json.dumps({"number": number, "answer": said}) + "\n")
    arguments.out.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
