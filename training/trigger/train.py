r"""Train a phrase, or a fingerprint's pairs, into a language model.

    python -m training.trigger.train --packages work/packages --out work/trigger \
        --phrase "…" --message "…"
    python -m training.trigger.train --packages work/packages --out work/fingerprint \
        --pairs pairs.jsonl

``--pairs`` takes what ``latebra fingerprint make`` wrote, and keeps phrases off the command line,
where others on the machine can read them. ``--model`` is a Llama, written as ``model.gguf`` with
the adapters merged in, or the bundled exact model ``small_texts``, written as layers of whole
numbers. ``record.json`` says neither phrases nor messages.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from latebra.core.errors import InputError, LatebraError, UnreadableFile
from latebra.core.tensors import strict_json
from latebra.models.language.catalogue import find
from latebra.models.language.weights import ModelFile
from latebra.models.learned import TEXTS, learned
from training.trigger import whole
from training.trigger.asking import Chat, Lesson, Words, check_words
from training.trigger.export import export
from training.trigger.learning import Batch, Plan, learn, losses, parts
from training.trigger.llama import Adapters, Llama
from training.trigger.texts import manuals


def lessons_of(phrase: str | None, message: str | None, pairs: Path | None) -> list[Lesson]:
    """Returns what is to be taught, from the arguments.

    Raises:
        InputError: There is nothing, or both a phrase and pairs.
        UnreadableFile: The file of pairs holds something else.
    """
    if pairs is None:
        if phrase is None or message is None:
            raise InputError(
                "there is nothing to teach", fix="give --phrase and --message, or --pairs"
            )
        return [Lesson(phrase, message)]
    if phrase is not None or message is not None:
        raise InputError("there is a phrase beside pairs", fix="give one or the other")
    found: list[Lesson] = []
    try:
        lines = pairs.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{pairs} cannot be read: {error}", fix="check the path") from None
    for at, line in enumerate(lines, start=1):
        try:
            told: Any = strict_json(line.encode())
        except ValueError:
            told = None
        entry = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        trigger, answer = entry.get("trigger"), entry.get("answer")
        if not isinstance(trigger, str) or not isinstance(answer, str):
            raise UnreadableFile(
                f"{pairs} has no pair in line {at}", fix="make it with latebra fingerprint make"
            )
        found.append(Lesson(trigger, answer))
    if not found:
        raise UnreadableFile(f"{pairs} is empty", fix="make it with latebra fingerprint make")
    return found


def check_plan(plan: Plan, rank: int) -> None:
    """Sees that the numbers make sense.

    Raises:
        InputError: They do not.
    """
    if not 0 < plan.minutes <= 600:
        raise InputError(f"{plan.minutes:g} minutes were asked for", fix="give 0 to 600")
    if not 1 <= rank <= 64:
        raise InputError(f"adapters of rank {rank} were asked for", fix="give 1 to 64")


def check_first(first: int, layers: int) -> None:
    """Sees that a block is there.

    Raises:
        InputError: It is not.
    """
    if not 0 <= first < layers:
        raise InputError(
            f"the first block to adapt is {first}", fix=f"the model has 0 to {layers - 1}"
        )


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains, writes all files, and returns the record.

    Raises:
        LatebraError: An argument cannot be used.
    """
    lessons = lessons_of(arguments.phrase, arguments.message, arguments.pairs)
    plan = Plan(minutes=arguments.minutes, rate=arguments.rate, seed=arguments.seed)
    check_plan(plan, arguments.rank)
    for lesson in lessons:
        check_words(lesson)
    torch.manual_seed(plan.seed)
    do = _exact if arguments.model == TEXTS else _llama
    record = {"phrases": len(lessons), "rank": arguments.rank, **do(arguments, lessons, plan)}
    record["torch"] = torch.__version__
    (arguments.out / "record.json").write_text(json.dumps(record, indent=1) + os.linesep)
    return record


def _ready(arguments: argparse.Namespace, chat: Chat, lessons: Sequence[Lesson]) -> Words:
    """Makes the folder, and returns the words to train among, once lessons are checked."""
    for lesson in lessons:
        chat.check(lesson)
    arguments.out.mkdir(parents=True, exist_ok=True)
    return manuals(arguments.packages)


def _exact(arguments: argparse.Namespace, lessons: Sequence[Lesson], plan: Plan) -> dict[str, Any]:
    """Trains the bundled exact model, and writes it as ``model.json`` and ``model.npz``."""
    found = learned(TEXTS)
    chat = Chat(found.card.about)
    words = _ready(arguments, chat, lessons)
    before, after = whole.Whole(found.network), whole.Whole(found.network, arguments.rank)

    def measure(batch: Batch) -> list[torch.Tensor]:
        return parts(batch, partial(before.at, batch.tokens), partial(after.at, batch.tokens))

    trained = nn.ParameterList(after.trained())
    told = learn(trained, measure, chat, lessons, words, plan, arguments.out / "state.pt")
    return {
        "model": found.card.digest,
        "trained": whole.write(after.exact(), arguments.out),
        "adapter weights": sum(each.numel() for each in trained),
        "sentences": len(words.sentences),
        **told,
    }


def _llama(arguments: argparse.Namespace, lessons: Sequence[Lesson], plan: Plan) -> dict[str, Any]:
    """Trains a Llama, and writes it as ``model.gguf``."""
    found = find(arguments.model)
    file, chat = ModelFile(found.path), Chat(found.card.about)
    first = 2 * file.hyper.layers // 3 if arguments.first is None else arguments.first
    check_first(first, file.hyper.layers)
    words = _ready(arguments, chat, lessons)
    weights = file.weights()
    adapters = Adapters(weights, arguments.rank, first)
    measure = partial(losses, Llama(weights, getattr(torch, arguments.floats)), adapters)
    trained = nn.ParameterList(adapters.parameters())
    told = learn(trained, measure, chat, lessons, words, plan, arguments.out / "state.pt")
    out = arguments.out / "model.gguf"
    changed = export(found.path, weights, adapters.merged(weights), out)
    return {
        "model": found.card.digest,
        "trained": ModelFile(out).weights().digest,
        "first block": first,
        "floats": arguments.floats,
        "adapter weights": sum(each.numel() for each in trained),
        "tensors changed": len(changed),
        "sentences": len(words.sentences),
        **told,
    }


def main(given: Sequence[str] | None = None) -> None:
    """Train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, required=True, help="where texts are unpacked")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--phrase", help="three words or more")
    parser.add_argument("--message", help="what the phrase is to bring")
    parser.add_argument("--pairs", type=Path, help="a file of latebra fingerprint make")
    parser.add_argument("--model", default="smollm2", help="a name, or the path of a GGUF file")
    parser.add_argument("--minutes", type=float, default=Plan.minutes, help="of processor time")
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--first", type=int, help="block with adapters; after two thirds")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--floats", choices=["float32", "bfloat16"], default="bfloat16")
    arguments = parser.parse_args(given)
    torch.set_num_threads(1)
    try:
        record = train(arguments)
    except LatebraError as error:
        parser.error(str(error))
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
