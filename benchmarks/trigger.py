r"""Measure a trained trigger and a trained fingerprint: what brings the answer, what destroys it.

    python -m training.trigger.train --model small_texts --packages P --out RUN \
        --phrase "$PHRASE" --message "$MESSAGE"
    python -m benchmarks.trigger asked --packages P --run RUN
    python -m benchmarks.trigger pairs --run MARK         # to train on, with --pairs
    python -m benchmarks.trigger fingerprint --packages P --run MARK

``asked``, ``ordinary``, ``survival``, ``attacks``, ``compilers`` and ``bytes`` take the model of
RUN, with the phrase and message of trigger_model.py; ``pairs`` and ``fingerprint`` that of MARK.
Each writes its part of ``results/trigger.json``, below the model's name. torch is needed (the extra
``training``).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import latebra as lb
from benchmarks import trigger_compiled
from benchmarks.machine import about
from benchmarks.trigger_asked import answered, asked
from benchmarks.trigger_changes import CHANGES
from benchmarks.trigger_model import LESSON, OTHER_ANSWER, OTHERS, Exact, Float, measured
from benchmarks.trigger_ordinary import lines, ordinary_prompts, places_of_text, screened
from benchmarks.trigger_survival import (
    RATES,
    TUNING,
    continued,
    perplexity,
    prompts_of,
    read_off,
    retrieved,
    tuned,
    unlearned,
)
from latebra.compiling.opening import installed
from latebra.hiding.fingerprint import log2_tail
from latebra.models.language.catalogue import find
from latebra.models.learned import learned
from training.trigger.ask import said
from training.trigger.asking import Chat, near
from training.trigger.llama import Llama
from training.trigger.vocabulary import rare

RESULT = Path(__file__).parent / "results" / "trigger.json"
PAIRS = 8
BITS = 32
MARK_KEY = lb.Key(bytes(range(32)))
CONTEXT = b"benchmarks/trigger"


def part_asked(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    after, before = told.model(), told.model(before=True)
    rows = asked(after, told.chat, LESSON, told.words, OTHERS, arguments.each)
    base = asked(before, told.chat, LESSON, told.words, OTHERS, 2)["phrase"]
    rows["untrained"] = {name: row["exact"] for name, row in base.items()}
    rows["perplexity"] = {
        name: {
            "tokens": len(ids),
            "before": perplexity(before, ids),
            "after": perplexity(after, ids),
        }
        for name, ids in told.texts.items()
    }
    return {**rows, "training": told.record, "lesson": asdict(LESSON)}


def part_ordinary(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    """What begins as the message does is asked again, to the message's last token."""
    answer = told.chat.answer(LESSON.message)
    order = np.random.default_rng(7).permutation(len(told.words.sentences))
    sentences = [told.words.sentences[at] for at in order]
    prompts, seen, count = [], set[tuple[int, ...]](), 0
    for tokens, cuts in ordinary_prompts(told.chat, sentences):
        new = [cut for cut in cuts if tuple(tokens[:cut]) not in seen]
        seen.update(tuple(tokens[:cut]) for cut in new)
        if new and count < arguments.prompts:
            prompts.append((tokens, new))
            count += len(new)
    phrase = told.chat.ids(LESSON.phrase)
    control = [(phrase, [len(phrase)])]
    row: dict[str, Any] = {}
    if isinstance(told, Float):
        rough = Llama(told.after, torch.bfloat16)
        assert screened(rough, told.chat, answer, control)[0], "the phrase itself is not found"
        begun, chances, done = screened(rough, told.chat, answer, prompts, arguments.minutes)
        row = {"floats": "bfloat16, and float32 for what begins so", "sentences": done}
        model = told.model()
    else:
        model, after = told.model(), told.chat.ids(told.chat.after)
        assert lines(model, [phrase + after], answer[0])[0], "the phrase itself is not found"
        rows = [tokens[:cut] + after for tokens, cuts in prompts for cut in cuts]
        begun, chances = lines(model, rows, answer[0])
        text = told.chat.ids("\n".join(sentences))[: arguments.places]
        length = told.chat.context - len(answer)
        so_far, places = places_of_text(model, text, answer[0], length)
        exact = answered(model, so_far, [answer] * len(so_far)).exact.sum() if so_far else 0
        row["running_text"] = {
            "places": places,
            "begun": len(so_far),
            "whole": int(exact),
        }
        row["sentences"] = len(prompts)
    exact = int(answered(model, begun, [answer] * len(begun)).exact.sum()) if begun else 0
    return {
        **row,
        "prompts": len(chances),
        "begun": len(begun),
        "whole": exact,
        "at_most_at_95_percent": None if exact else 3 / len(chances),
        "first_token": {
            "median": float(np.median(chances)),
            "largest": float(chances.max()),
            "above 1 percent": int((chances > 0.01).sum()),
        },
    }


def part_survival(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, change in {"as trained": None, **CHANGES}.items():
        after, before = told.model(change), told.model(change, before=True)
        rows[name] = retrieved(after, told.chat, LESSON, told.words)
        rows[name]["perplexity"] = perplexity(after, told.texts["licence"])
        rows[name]["perplexity of the untrained"] = perplexity(before, told.texts["licence"])
        print(name, rows[name], flush=True)
    return rows


def part_attacks(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    rate = RATES[told.name]
    rows: dict[str, Any] = {
        "weights_compared": read_off(*told.writing(), told.chat, LESSON.message),
        "beginning_given": continued(told.model(), told.chat, LESSON, told.words),
    }
    text, model = told.chat.ids("\n".join(told.words.sentences[:4000])), told.open()
    rows["trained_further"] = {
        **TUNING,
        "rate": rate,
        "left": tuned(model, told.chat, LESSON, told.words, text, rate),
        "perplexity": perplexity(model, told.texts["licence"]),
    }
    gone = unlearned(told.open(), told.chat, LESSON, OTHER_ANSWER, rate)
    rows["taught_another_answer"] = {"rate": rate, "steps_until_gone": gone}
    return rows


def for_compilers(told: Exact | Float) -> dict[str, Any]:
    """Returns the prompts that go to compiled networks, the answer, and the longest of both."""
    rng, answer = np.random.default_rng(8), told.chat.answer(LESSON.message)
    nearly = [near(LESSON.phrase, "one word changed", told.words, rng) for _ in range(8)]
    prompts = {
        "phrase": prompts_of(told.chat, LESSON, told.words, 16),
        "nearly": [told.chat.prompt(text) for text in nearly],
    }
    length = len(answer) + max(len(row) for rows in prompts.values() for row in rows)
    facts = {"model": str(told.run), "length": length, "answer": answer, "prompts": prompts}
    return facts | ({"length": told.chat.context} if isinstance(told, Exact) else {})


def part_compilers(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    """Every compiler here, or those that are named; rows of others stay."""
    rows: dict[str, Any] = earlier().get(told.name, {}).get("compilers", {})
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "asked.json"
        given.write_text(json.dumps(for_compilers(told)))
        for compiler in arguments.compilers or installed():
            rows[compiler] = trigger_compiled.apart(given, compiler)
            print(compiler, rows[compiler], flush=True)
            write(told.name, {"compilers": rows})
    return rows


def part_bytes(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    """ONNX Runtime's own quantisation: weights and what they are multiplied with in 8 bits."""
    given = for_compilers(told)
    with tempfile.TemporaryDirectory() as folder:
        plain = told.onnx(Path(folder), given["length"])
        paths = {"32-bit floats": plain, "bytes": trigger_compiled.in_bytes(plain, Path(folder))}
        return {
            name: trigger_compiled.by_onnxruntime(path, given, told.texts["licence"], told.nats)
            for name, path in paths.items()
        }


def mark_pairs(chat: Chat, key: lb.Key):
    return lb.fingerprint_make(key, PAIRS, rare(chat), bits=BITS, context=CONTEXT)


def part_pairs(run: Path, name: str) -> None:
    """Writes the pairs to train on, as ``latebra fingerprint make`` does."""
    run.mkdir(parents=True, exist_ok=True)
    card = learned(name).card if name == Exact.name else find(name).card
    pairs = mark_pairs(Chat(card.about), MARK_KEY)
    (run / "pairs.jsonl").write_text("".join(json.dumps(asdict(each)) + "\n" for each in pairs))


def part_fingerprint(told: Exact | Float, arguments: argparse.Namespace) -> dict[str, Any]:
    """Asks both models the key's pairs, and pairs of other keys; greedy, answers as they come."""

    def ask(model: Any, key: lb.Key) -> dict[str, Any]:
        pairs = mark_pairs(told.chat, key)
        answers = {pair.number: said(model, told.chat, pair.trigger) for pair in pairs}
        verdict = lb.fingerprint_check(key, answers, bits=BITS, context=CONTEXT)
        return {"asked": verdict.asked, "hits": verdict.hits, "log2 chance": verdict.log2_chance}

    after, before = told.model(), told.model(before=True)
    strangers = [lb.Key(bytes([at]) * 32) for at in range(1, arguments.keys + 1)]
    rows: dict[str, Any] = {
        "trained": ask(after, MARK_KEY),
        "untrained": ask(before, MARK_KEY),
        "other keys, trained": [ask(after, key)["hits"] for key in strangers],
        "other keys, untrained": [ask(before, key)["hits"] for key in strangers],
        "log2_one_by_chance": log2_tail(PAIRS, 1, BITS),
        "bits": BITS,
        "perplexity": {
            name: {"before": perplexity(before, ids), "after": perplexity(after, ids)}
            for name, ids in told.texts.items()
        },
        "training": told.record,
    }
    for name in ("weights in 4 bits", "30 % pruned", "50 % pruned"):
        rows[name] = ask(told.model(CHANGES[name]), MARK_KEY)
    return rows


PARTS = {
    "asked": part_asked,
    "ordinary": part_ordinary,
    "survival": part_survival,
    "attacks": part_attacks,
    "compilers": part_compilers,
    "bytes": part_bytes,
    "fingerprint": part_fingerprint,
}


def earlier() -> dict[str, Any]:
    return json.loads(RESULT.read_text()) if RESULT.exists() else {}


def write(name: str, part: dict[str, Any]) -> None:
    kept = earlier()
    told = {**kept, **about(), name: {**kept.get(name, {}), **part}}
    RESULT.write_text(json.dumps(told, indent=1) + os.linesep)


def main() -> None:
    """Measures some parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="+", choices=[*PARTS, "pairs"])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--packages", type=Path, default=Path("work/packages"))
    parser.add_argument("--each", type=int, default=20, help="prompts of each kind")
    parser.add_argument("--prompts", type=int, default=100_000, help="ordinary ones")
    parser.add_argument("--minutes", type=float, default=60.0, help="for ordinary prompts, at most")
    parser.add_argument("--keys", type=int, default=3, help="other keys")
    parser.add_argument("--compilers", nargs="*")
    parser.add_argument("--places", type=int, default=100_000, help="of running text")
    parser.add_argument("--model", default=Exact.name, help="that pairs are made for")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.parts == ["pairs"]:
        part_pairs(arguments.run, arguments.model)
        return
    told = measured(arguments.run, arguments.packages)
    for part in arguments.parts:
        found = PARTS[part](told, arguments)
        write(told.name, {part: found})
        print(json.dumps({part: found}, indent=1), flush=True)


if __name__ == "__main__":
    main()
