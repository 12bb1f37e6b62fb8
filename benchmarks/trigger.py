"""Measure a trained trigger and a trained fingerprint: what brings the answer, what destroys it.

    python -m training.trigger.train --packages P --out RUN --phrase "$PHRASE" --message "$MESSAGE"
    python -m benchmarks.trigger asked --packages P --run RUN
    python -m benchmarks.trigger pairs --run MARK         # to train on, with --pairs
    python -m benchmarks.trigger fingerprint --packages P --run MARK

``asked``, ``ordinary``, ``survival``, ``attacks``, ``compilers`` and ``bytes`` take the model of
RUN, with the phrase and message of trigger_model.py; ``pairs`` and ``fingerprint`` that of MARK.
Each writes its part of ``results/trigger.json``. torch is needed (the extra ``training``).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import latebra as lb
from benchmarks import trigger_compiled
from benchmarks.machine import about
from benchmarks.trigger_asked import answered, asked, ordinary_prompts, screened
from benchmarks.trigger_model import LESSON, OTHER_ANSWER, OTHERS, Measured
from benchmarks.trigger_survival import (
    CHANGES,
    TUNING,
    changed,
    continued,
    perplexity,
    prompts_of,
    read_off,
    retrieved,
    tuned,
    unlearned,
)
from latebra.compiling.opening import installed
from latebra.models.language.catalogue import find
from training.trigger.ask import greedy
from training.trigger.asking import Chat, near
from training.trigger.llama import Llama
from training.trigger.vocabulary import rare

RESULT = Path(__file__).parent / "results" / "trigger.json"
PAIRS = 16
MARK_KEY = lb.Key(bytes(range(32)))
CONTEXT = b"benchmarks/trigger"


def part_asked(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    model = Llama(told.after)
    rows = asked(model, told.chat, LESSON, told.words, OTHERS, arguments.each)
    before = Llama(told.before)
    base = asked(before, told.chat, LESSON, told.words, OTHERS, 2)["phrase"]
    rows["untrained"] = {name: row["exact"] for name, row in base.items()}
    rows["perplexity"] = {
        name: {
            "tokens": len(ids),
            "before": perplexity(before, ids),
            "after": perplexity(model, ids),
        }
        for name, ids in told.texts.items()
    }
    return {**rows, "training": told.record, "lesson": asdict(LESSON)}


def part_ordinary(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    """Screens in bfloat16; what begins as the message does is asked again in 32-bit floats."""
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
    rough = Llama(told.after, torch.bfloat16)
    phrase = told.chat.ids(LESSON.phrase)
    control, _, _ = screened(rough, told.chat, answer, [(phrase, [len(phrase)])])
    assert control, "the phrase itself is not found: the counts would say nothing"
    start = time.perf_counter()
    begun, chances, done = screened(rough, told.chat, answer, prompts, arguments.minutes)
    count = len(chances)
    exact = 0
    if begun:
        exact = int(answered(Llama(told.after), begun, [answer] * len(begun)).exact.sum())
    return {
        "prompts": count,
        "sentences": done,
        "begin as the message does": len(begun),
        "whole message": exact,
        "at most at 95 percent": 3 / count if not exact else None,
        "first token's chance": {
            "median": float(np.median(chances)),
            "largest": float(chances.max()),
            "above 1 percent": int((chances > 0.01).sum()),
        },
        "phrase found by the same code": len(control),
        "seconds": round(time.perf_counter() - start),
    }


def part_survival(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    ids = told.texts["licence"]
    for name, change in {"as trained": None, **CHANGES}.items():
        each = told.after if change is None else changed(told.after, change)
        model = Llama(each)
        rows[name] = retrieved(model, told.chat, LESSON, told.words)
        rows[name]["perplexity"] = perplexity(model, ids)
        base = told.before if change is None else changed(told.before, change)
        rows[name]["perplexity of the untrained"] = perplexity(Llama(base), ids)
        print(name, rows[name], flush=True)
    return rows


def part_attacks(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    model = Llama(told.after)
    rows: dict[str, Any] = {
        "weights against the public model": read_off(
            told.before, told.after, told.chat, LESSON.message
        ),
        "message's beginning given": continued(model, told.chat, LESSON, told.words),
    }
    text = told.chat.ids("\n".join(told.words.sentences[:4000]))
    rows["trained further"] = {
        **TUNING,
        "left": tuned(model, told.chat, LESSON, told.words, text, print),
        "perplexity": perplexity(model, told.texts["licence"]),
    }
    rows["taught another answer"] = {
        "steps until gone": unlearned(Llama(told.after), told.chat, LESSON, OTHER_ANSWER)
    }
    return rows


def for_compilers(told: Measured) -> dict[str, Any]:
    """Returns the prompts that go to compiled networks, the answer, and the longest of both."""
    rng, answer = np.random.default_rng(8), told.chat.answer(LESSON.message)
    nearly = [near(LESSON.phrase, "one word changed", told.words, rng) for _ in range(4)]
    prompts = {
        "phrase": prompts_of(told.chat, LESSON, told.words, 8),
        "nearly": [told.chat.prompt(text) for text in nearly],
    }
    length = len(answer) + max(len(row) for rows in prompts.values() for row in rows)
    return {"model": str(told.path), "length": length, "answer": answer, "prompts": prompts}


def part_compilers(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    """Every compiler here, or those that are named; rows of others stay."""
    rows: dict[str, Any] = earlier().get("compilers", {})
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "asked.json"
        given.write_text(json.dumps(for_compilers(told)))
        for compiler in arguments.compilers or installed():
            rows[compiler] = trigger_compiled.apart(given, compiler)
            print(compiler, rows[compiler], flush=True)
            write({"compilers": rows})
    return rows


def part_bytes(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    """ONNX Runtime's own quantisation: weights and what they are multiplied with in 8 bits."""
    given = for_compilers(told)
    shape = {"dtype": "float32", "batch": trigger_compiled.BATCH, "length": given["length"]}
    plain = find(told.path).onnx("full", **shape)
    with tempfile.TemporaryDirectory() as folder:
        paths = {"32-bit floats": plain, "bytes": trigger_compiled.in_bytes(plain, Path(folder))}
        return {
            name: trigger_compiled.by_onnxruntime(path, given, told.texts["licence"])
            for name, path in paths.items()
        }


def mark_pairs(chat: Chat, key: lb.Key, count: int = PAIRS):
    return lb.fingerprint_make(key, count, rare(chat), context=CONTEXT)


def part_pairs(run: Path) -> None:
    """Writes the pairs to train on, as ``latebra fingerprint make`` does."""
    run.mkdir(parents=True, exist_ok=True)
    pairs = mark_pairs(Chat(find("smollm2").card.about), MARK_KEY)
    (run / "pairs.jsonl").write_text("".join(json.dumps(asdict(each)) + "\n" for each in pairs))


def part_fingerprint(told: Measured, arguments: argparse.Namespace) -> dict[str, Any]:
    """Asks both models the key's pairs, and pairs of other keys; greedy, answers as they come."""

    def ask(model: Llama, key: lb.Key) -> dict[str, Any]:
        answers = {
            pair.number: told.chat.tokenizer.decode(
                greedy(model, told.chat, told.chat.prompt(pair.trigger), 24)
            )
            for pair in mark_pairs(told.chat, key)
        }
        verdict = lb.fingerprint_check(key, answers, context=CONTEXT)
        return {"asked": verdict.asked, "hits": verdict.hits, "log2 chance": verdict.log2_chance}

    after, before = Llama(told.after), Llama(told.before)
    strangers = [lb.Key(bytes([at]) * 32) for at in range(1, arguments.keys + 1)]
    rows: dict[str, Any] = {
        "trained": ask(after, MARK_KEY),
        "untrained": ask(before, MARK_KEY),
        "other keys, trained": [ask(after, key)["hits"] for key in strangers],
        "other keys, untrained": [ask(before, key)["hits"] for key in strangers],
        "one hit or more by chance, log2": lb_tail(PAIRS, 1),
        "perplexity": {
            name: {"before": perplexity(before, ids), "after": perplexity(after, ids)}
            for name, ids in told.texts.items()
        },
        "training": told.record,
    }
    for name in ("weights in 8 bits", "30 % pruned"):
        rows[name] = ask(Llama(changed(told.after, CHANGES[name])), MARK_KEY)
    return rows


def lb_tail(asked_: int, hits: int) -> float:
    from latebra.hiding.fingerprint import BITS, log2_tail

    return log2_tail(asked_, hits, BITS)


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


def write(part: dict[str, Any]) -> None:
    RESULT.write_text(json.dumps({**earlier(), **about(), **part}, indent=1) + os.linesep)


def main() -> None:
    """Measures one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "pairs"])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--packages", type=Path, default=Path("work/packages"))
    parser.add_argument("--each", type=int, default=20, help="prompts of each kind")
    parser.add_argument("--prompts", type=int, default=100_000, help="ordinary ones")
    parser.add_argument("--minutes", type=float, default=60.0, help="for ordinary prompts, at most")
    parser.add_argument("--keys", type=int, default=3, help="other keys")
    parser.add_argument("--compilers", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.part == "pairs":
        part_pairs(arguments.run)
        return
    found = PARTS[arguments.part](Measured(arguments.run, arguments.packages), arguments)
    write({arguments.part: found})
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
