"""What each steganalyser makes of real texts, and of the bad sampler that it must catch.

    python -m benchmarks.text_detection FOLDER write
    python -m benchmarks.text_detection FOLDER keys
    python -m benchmarks.text_detection FOLDER report

``write`` writes texts with messages and without as ``benchmarks.texts`` does, and texts of samplers
that are wrong on purpose, and looks at each as an analyst does who has model and prompt, while its
logits are at hand; some are looked at again from their letters alone, to see that this is the same.
``keys`` tries wrong keys on texts with messages. ``report`` writes
``benchmarks/results/text_detection.json`` and ``docs/pictures/text_detection.png``. All go on where
they stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from attacks.texts import looking, suite
from attacks.texts.looking import Look, Watching, look
from attacks.texts.samplers import BAD, sample
from benchmarks.detection import draw
from benchmarks.lockstep import Lockstep
from benchmarks.machine import about
from benchmarks.text_batches import hidden, lines, prompt_of, secrets_of, together, written
from benchmarks.text_keys import whole_runs, wrong_ticks
from latebra.api.language import LanguageNetwork
from latebra.hiding.carriers.language import Language
from latebra.hiding.tokens.agreement import Secrets

ROOT = Path(__file__).parents[1]
FIRST = 100_000
"""Number of the first text; other measurements begin with 0."""
SIZE = 6
"""Bytes of each message: a frame of the smallest size, some 70 tokens."""
LONG, LONGER = 32, 8
"""Bytes of message in the texts that wrong keys are tried on, and how many texts."""
LENGTH = 64
"""Tokens of each text that are looked at."""
ROWS = 24
"""Texts at once. Prompts change with every eight numbers: three further on each time, all come."""
ROOMS = (160, 256)
KINDS = ("hidden", "ordinary", *BAD)
AGAIN = 16
"""Texts of a kind that are looked at again from their letters."""


@cache
def carrier_of(network: LanguageNetwork, prompt: str) -> Language:
    return Language.create({"model": network}, {"prompt": prompt})


def senders_dither(network: LanguageNetwork, number: int) -> looking.Dither:
    stream, _ = hidden(number, secrets_of(network), SIZE)
    return Secrets(stream, 16).dither


def write(folder: Path, network: LanguageNetwork, counts: Mapping[str, int]) -> None:
    """Writes texts of each kind, and what is seen of them, a batch of each kind in turn."""
    for first in range(0, max(counts.values()), ROWS):
        for kind, count in counts.items():
            path = folder / f"look-{kind}-{first:04}.npz"
            if first >= count or path.exists():
                continue
            start = time.perf_counter()
            texts, found = batch(network, kind, FIRST + first)
            with (folder / f"{kind}-{network.compiler}-float32.jsonl").open("a") as file:
                file.writelines(json.dumps(line) + "\n" for line in texts)
            looking.save(found, path)
            took = time.perf_counter() - start
            print(f"{path.name} {sum(line['tokens'] for line in texts) / took:.1f}", flush=True)


def batch(
    network: LanguageNetwork, kind: str, first: int
) -> tuple[list[dict[str, Any]], list[Look]]:
    """Returns texts that are written together, and what is seen of each."""
    watching: dict[int, Watching] = {}
    carrier = carrier_of(network, prompt_of(first))

    def watched(number: int, prompt: Sequence[int], model: Any) -> Watching:
        dither = senders_dither(network, number) if kind == "hidden" else None
        agreement = carrier.agreement
        watching[number] = Watching(model, prompt, agreement, number, dither, LENGTH)
        return watching[number]

    if kind in BAD:
        texts = badly(network, kind, first, watched)
    else:
        texts = together(
            network, kind, "float32", first, SIZE, rows=ROWS, rooms=ROOMS, wrap=watched
        )
    found: list[Look] = []
    for line in texts:
        tokens = carrier.spelling.cut(line["text"])[:LENGTH]
        found.append(watching[line["number"]].seen(tokens))
        assert found[-1].tokens.tolist() == tokens
    return [{**line, "writer": network.compiler} for line in texts], found


def badly(
    network: LanguageNetwork, kind: str, first: int, watched: Callable[..., Watching]
) -> list[dict[str, Any]]:
    """Returns texts of a bad sampler."""
    carrier = carrier_of(network, prompt_of(first))
    before = carrier.prompt_tokens

    def made(number: int, model: Any) -> dict[str, Any]:
        seed = 1_000_000 * (1 + list(BAD).index(kind)) + number
        mine = watched(number, before, model)
        # One more than is looked at: copies may not keep the last, if it is a line feed.
        tokens = sample(mine, before, BAD[kind], LENGTH + 1, carrier.agreement, seed)
        text = carrier.spelling.text(tokens)
        return {"number": number, "prompt": carrier.prompt, "tokens": len(tokens), "text": text}

    lockstep = Lockstep(network, ROWS, before, "float32", ROOMS)
    return lockstep.write([partial(made, first + row) for row in range(ROWS)])


def looks(folder: Path, kind: str) -> list[Look]:
    paths = sorted(folder.glob(f"look-{kind}-*.npz"))
    return list(chain.from_iterable(map(looking.load, paths)))


def again(folder: Path, network: LanguageNetwork) -> dict[str, Any]:
    """Returns how far what an analyst reads off letters is from what was seen at writing."""
    apart = dict.fromkeys(("surprisals", "entropies", "points"), 0.0)
    ranks = tokens = 0
    for kind in KINDS:
        for line, seen in zip(texts_of(folder, kind)[:AGAIN], looks(folder, kind), strict=False):
            carrier = carrier_of(network, line["prompt"])
            prompt, text = carrier.prompt_tokens, carrier.spelling.cut(line["text"])[:LENGTH]
            carrier.model.expect([*prompt, *text])
            other = look(carrier.model, prompt, text, carrier.agreement, line["number"])
            assert other.tokens.tolist() == seen.tokens.tolist()
            ranks += int((other.ranks != seen.ranks).sum())
            tokens += len(text)
            for name in apart:
                far = float(np.abs(getattr(other, name) - getattr(seen, name)).max())
                apart[name] = max(apart[name], far)
    return {"tokens": tokens, "other_ranks": ranks, "apart": apart}


def texts_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Returns the lines of one kind, in the order of their numbers."""
    found = {line["number"]: line for line in written(folder, kind)}
    return [found[number] for number in sorted(found)]


def longer(folder: Path, network: LanguageNetwork) -> list[dict[str, Any]]:
    """Returns texts for wrong keys, with three ticks each; writes them if there are none."""
    path = folder / "longer.jsonl"
    if not path.exists():
        texts = together(network, "hidden", "float32", FIRST - LONGER, LONG, rows=LONGER)
        path.write_text("".join(json.dumps(line) + "\n" for line in texts))
    return lines(path)


def report(folder: Path) -> dict[str, Any]:
    """Returns what the detectors say of all texts that were looked at."""
    kinds = {kind: looks(folder, kind) for kind in KINDS}
    bad = {kind: kinds[kind] for kind in BAD}
    found = suite.evaluate(suite.Evidence(kinds["hidden"], kinds["ordinary"], bad))
    measured = folder / "measured.json"
    return found | (json.loads(measured.read_text()) if measured.exists() else {})


def told(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        scheme, control = row["scheme"]["text"], row["control"]["text"]
        yield f"{row['attack']:<40} {scheme:<24} {control:<24} {row['control_scheme']}"


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=("write", "keys", "report"))
    parser.add_argument("--compiler", default="ngraph")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--count", type=int, default=512, help="texts with messages and without")
    parser.add_argument("--bad", type=int, default=144, help="texts of each bad sampler")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1_000, help="with few tries each")
    parser.add_argument("--whole", type=int, default=16, help="with all tries; seconds each")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.what == "report":
        result = {**about(), **report(asked.folder)}
        path = ROOT / "benchmarks/results/text_detection.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        draw(result["attacks"], ROOT / "docs/pictures/text_detection.png")
        print("\n".join(told(result["attacks"])))
        return
    network = LanguageNetwork("smollm2", asked.compiler, threads=asked.threads)
    if asked.what == "write":
        counts = {"hidden": asked.count, "ordinary": asked.count}
        write(asked.folder, network, counts | dict.fromkeys(BAD, asked.bad))
        return
    texts, path = longer(asked.folder, network), asked.folder / "measured.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for name, measure in (
        ("wrong_ticks", partial(wrong_ticks, network, texts, asked.keys)),
        ("hurried_runs", partial(whole_runs, network, texts, asked.runs)),
        ("whole_runs", partial(whole_runs, network, texts, asked.whole, Language)),
        ("looked_at_again", partial(again, asked.folder, network)),
    ):
        if name not in found:
            found[name] = measure()
            path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
