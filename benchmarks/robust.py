"""Texts that are edited: what they carry, and how many copies of each kind are read.

    python -m benchmarks.robust write FOLDER --compiler ngraph|numpy --count 304
    python -m benchmarks.robust read FOLDER [--reader model --compiler ngraph]
    python -m benchmarks.robust ngram FOLDER [--count 300]
    python -m benchmarks.robust report FOLDER

``write`` hides frames of 24 bytes, some texts at a time in one batch, each tried by its writer as
``latebra hide`` does it; ``read`` reads copies of each kind of each text, with every value of the
opening tried, without the model or with it; both go on where they stopped. ``ngram`` does both with
a model of two tokens of context, whose edits change tokens; ``report`` counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intervals import exact
from benchmarks.lockstep import Lockstep
from benchmarks.machine import about
from benchmarks.text_batches import KEY, PROMPTS, ROWS, lines, written
from latebra.api.language import LanguageNetwork
from latebra.api.opened import Secrets, digest_of
from latebra.core.errors import DoesNotFit
from latebra.core.files import usual_folder
from latebra.hiding import frame
from latebra.hiding.carriers.language import Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media.edits import HARDER, Edits, edited
from latebra.hiding.media.texts import garbled, settled
from latebra.hiding.tokens import coupled
from latebra.hiding.tokens.agreement import Agreement
from latebra.hiding.tokens.cached import ROOMS
from latebra.hiding.tokens.drifting import usual_fit
from latebra.hiding.tokens.edited import SALT, Trial, find, most
from latebra.hiding.tokens.seeking import Received, openings, read
from latebra.hiding.tokens.tables import Levels
from latebra.hiding.tokens.tree import RANGE_BITS, buckets
from latebra.hiding.tokens.tree import Path as Way
from latebra.models.language.forward import Forward
from latebra.models.language.weights import ModelFile
from tests.unit.ngram import VOCABULARY, Ngram

ROOT = Path(__file__).parents[1]
SIZE = 24
"""Bytes of frame, the smallest: a message of up to 6 bytes with its seal."""
KINDS = {
    "as written": Edits(),
    "10 % replaced": Edits(replaced=0.10),
    "5 % left out, 5 % put in": Edits(left_out=0.05, put_in=0.05),
    "15 % replaced": Edits(replaced=0.15),
}


def message_of(number: int) -> bytes:
    return b"%06d" % number


def secrets_of(network: Any) -> Secrets:
    return Secrets("language", digest_of([network.card]), b"benchmarks/robust")


def hidden(number: int, secrets: Secrets) -> tuple[bytes, bytes]:
    """Returns a text's salt and sealed frame."""
    salt = np.random.default_rng([2029, number]).bytes(SALT)
    binding, profile = secrets.binding(salt), frame.Profile.COMPACT
    return salt, frame.seal(message_of(number), binding, key=KEY, profile=profile, room=SIZE)


def bits_of(salt: bytes, sealed: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(salt + sealed, np.uint8))


class InNumpy:
    """The model in this process, without a compiler: where memory is short.

    Args:
        name: A known model.
    """

    def __init__(self, name: str) -> None:
        self.card = LanguageNetwork(name, "reference").card
        file = ModelFile(usual_folder() / "language" / f"{name}.gguf")
        self._forward = Forward(file.weights(), np.float32)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        at = int(inputs["position"][0])
        found = self._forward.step(inputs["tokens"], at, inputs["keys"], inputs["values"])
        return dict(zip(("logits", "new_keys", "new_values"), found, strict=True))


def opened(compiler: str, threads: int) -> Any:
    if compiler == "numpy":
        return InNumpy("smollm2")
    return LanguageNetwork("smollm2", compiler, threads=threads)


@dataclass(frozen=True)
class Sharing(Agreement):
    """An agreement that notes how large a share of its table each chosen bucket had.

    Args:
        mine: The bucket of each token.
        shares: What was noted.
        last: The last table.
    """

    mine: Any = None
    shares: list[float] = field(default_factory=list[float])
    last: list[Levels] = field(default_factory=list[Levels])

    def levels(self, model: Any, context: Sequence[int], dither: float) -> Levels:
        if self.last:
            before = self.last.pop()
            weights = before.weights()
            same = self.mine[before.tokens] == self.mine[context[-1]]
            self.shares.append(round(float(weights[same].sum() / weights.sum()), 5))
        self.last.append(super().levels(model, context, dither))
        return self.last[-1]


def capacity(shares: list[float]) -> dict[str, dict[str, float]]:
    """Returns bits a token that a reader could have, by the share of tokens that are replaced.

    The density of the winner's byte against that of others', averaged over the bits that it gives:
    for a reader who knows each share, and for one who knows how often which share is.
    """
    each = np.clip(np.array(shares), 1e-6, 1 - 1e-6)
    known = 256 * np.diff((np.arange(257) / 256) ** (1 / each[:, None]), axis=1)
    found = {}
    for replaced in (0.0, 0.1):
        mixed = (1 - replaced) * np.maximum(known, 1e-30) + replaced
        usual = mixed.mean(axis=0)
        found[f"replaced_{100 * replaced:.0f}"] = {
            "alone": round(float((usual * np.log2(usual)).mean()), 3),
            "model": round(float((mixed * np.log2(mixed)).mean()), 3),
        }
    return found


class Counted:
    """What is asked before a text may end, and how often that was."""

    def __init__(self, asked: Any) -> None:
        self._asked, self.times = asked, 0

    def __call__(self, tokens: Sequence[int]) -> bool:
        self.times += 1
        return self._asked(tokens)


def write(folder: Path, compiler: str, count: int, threads: int, rows: int) -> None:
    """Writes the first ``count`` texts, those that are not there, ``rows`` at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    network = opened(compiler, threads)
    for first in range(0, count, rows):
        done = {line["number"] for line in written(folder)}
        if done.issuperset(range(first, first + rows)):
            continue
        before = time.perf_counter()
        batch = together(network, first, rows, done)
        took = time.perf_counter() - before
        with (folder / f"hidden-{compiler}.jsonl").open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in batch)
        total = sum(line["tokens"] for line in batch)
        print(f"{first}: {total} tokens, {total / took:.1f} a second", flush=True)


def together(network: Any, first: int, rows: int, done: set[int]) -> list[dict[str, Any]]:
    """Returns texts that were written in one batch, less those that are done."""
    prompt = PROMPTS[first % len(PROMPTS) if rows == 1 else first // ROWS % len(PROMPTS)]
    carrier = Language.create({"model": network}, {"prompt": prompt})
    secrets, before = secrets_of(network), carrier.prompt_tokens
    stream = secrets.stream(KEY).child("edited")

    def made(number: int, model: Any) -> dict[str, Any]:
        bits = bits_of(*hidden(number, secrets))
        trial = Trial(carrier.spelling, stream, bits)
        enough = Counted(trial)
        mine = buckets(stream, carrier.spelling.size)
        agreement = Sharing(**vars(carrier.agreement), mine=mine)
        told: dict[str, Any] = {"number": number, "prompt": prompt}
        try:
            tokens = coupled.write(
                model,
                before,
                bits,
                stream,
                carrier.spelling.ends,
                enough,
                opens=trial.opens,
                buckets=mine,
                agreement=agreement,
                most=min(most(SIZE), ROOMS[-1] - len(before)),
            )
        except DoesNotFit:
            return told | {"tokens": 0, "trials": enough.times, "text": ""}
        text = settled(carrier.spelling.text(tokens))
        told |= {"shares": agreement.shares}
        return told | {"tokens": len(tokens), "trials": enough.times, "text": text}

    def skipped(model: Any) -> None:
        del model

    numbers = range(first, first + rows)
    makers = [skipped if number in done else partial(made, number) for number in numbers]
    found = Lockstep(network, rows, before, "float32").write(makers)
    return [text for text in found if text]


def read_all(
    folder: Path,
    reader: str,
    compiler: str,
    count: int,
    copies: int,
    kinds: Sequence[str],
    part: str,
) -> None:
    """Reads copies of each kind of each text, or of a part of them, that was not read yet."""
    mine, of = map(int, part.split("/"))
    network = opened(compiler if reader == "model" else "reference", 1)
    secrets, path = secrets_of(network), folder / f"read-{reader}.jsonl"
    done = {line["number"] for line in lines(path)}
    todo = [line for line in written(folder) if line["tokens"]]
    todo = [line for line in todo if line["number"] % of == mine and line["number"] not in done]
    for line in todo[:count]:
        carrier = Language.create({"model": network}, {"prompt": line["prompt"], "reader": reader})
        salt, sealed = hidden(line["number"], secrets)
        for kind, which in product(kinds, range(copies)):
            edits, rng = KINDS[kind], np.random.default_rng([line["number"], len(kind), which])
            copy = garbled(edited(line["text"], edits, rng), rng)
            before, found, tried = time.process_time(), False, 0
            for each in carrier.extract(copy, secrets.stream(KEY), ["edited"]):
                tried += 1
                found = (each.salt, each.frame) == (salt, sealed)
                if found:
                    break
            took = time.process_time() - before
            told = {"number": line["number"], "kind": kind, "right": found, "tried": tried}
            told["seconds"] = round(took, 2)
            with path.open("a") as file:
                file.write(json.dumps(told) + "\n")
    print(f"{path.name}: {len(lines(path))} copies", flush=True)


def changed(tokens: list[int], edits: Edits, rng: np.random.Generator) -> list[int]:
    """Returns tokens, some of them others, left out or put in: any of the vocabulary."""
    made: list[int] = []
    for token in tokens:
        fate = rng.random()
        if fate >= edits.left_out:
            replaced = fate < edits.left_out + edits.replaced
            made.append(int(rng.integers(VOCABULARY)) if replaced else token)
            if rng.random() < edits.put_in:
                made.append(int(rng.integers(VOCABULARY)))
    return made


def ngram(folder: Path, count: int) -> None:
    """Writes and reads messages with the model of two tokens; goes on where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ngram.jsonl"
    stream = Stream(bytes(range(32)))
    mine, fit, model = buckets(stream, VOCABULARY), usual_fit(), Ngram()

    def arrived(tokens: list[int]) -> Received:
        return Received(stream, mine[tokens], np.broadcast_to(fit, (len(tokens), 256)))

    def tried(bits: np.ndarray, tokens: Sequence[int]) -> bool:
        rng, part = (
            np.random.default_rng([len(tokens), *bits[:32].tolist()]),
            Way(stream, bits).opening,
        )
        part >>= RANGE_BITS
        for edits in HARDER * 4:
            text = arrived(changed(list(tokens), edits, rng))
            start = openings(text, range(part, part + 1), 8)
            best = islice(read(text, bits.size, start, 128), 4)
            if not any(np.array_equal(each, bits) for each in best):
                return False
        return True

    for number in range(len({line["number"] for line in lines(path)}), count):
        rng = np.random.default_rng([2030, number])
        salt, sealed = rng.bytes(SALT), rng.bytes(SIZE)
        bits = bits_of(salt, sealed)
        enough = Counted(partial(tried, bits))
        agreement = Sharing(mine=mine)
        tokens = coupled.write(
            model,
            [],
            bits,
            stream,
            lambda _: True,
            enough,
            buckets=mine,
            agreement=agreement,
            most=most(SIZE),
        )
        told = {"number": number, "tokens": len(tokens), "trials": enough.times}
        told |= {"shares": agreement.shares}
        for kind, edits in KINDS.items():
            found = find(arrived(changed(tokens, edits, rng)), [SIZE])
            told[kind] = any((each.salt, each.frame) == (salt, sealed) for each in found)
        with path.open("a") as file:
            file.write(json.dumps(told) + "\n")


def carried(texts: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns what texts carried."""
    done = [line for line in texts if line["tokens"]]
    tokens = sum(line["tokens"] for line in done)
    return {
        "texts": len(done),
        "refused": len(texts) - len(done),
        "tokens": tokens,
        "tokens_a_text": round(tokens / len(done), 1),
        "longest": max(line["tokens"] for line in done),
        "trials_a_text": round(sum(line["trials"] for line in done) / len(done), 2),
        "frame_bits_a_token": round(8 * SIZE * len(done) / tokens, 3),
        "salt_and_frame_bits_a_token": round(8 * (SALT + SIZE) * len(done) / tokens, 3),
        "soft_capacity": capacity([share for line in done for share in line.get("shares", [])]),
        "message_bits_a_token": round(8 * len(message_of(0)) * len(done) / tokens, 3),
    }


def recovered(rows: list[tuple[str, bool]]) -> dict[str, Any]:
    """Returns how many copies of each kind were read."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, right in rows:
        counts[kind][0] += right
        counts[kind][1] += 1
    return {
        kind: {"read": right, "copies": of, "share_95": [round(end, 5) for end in exact(right, of)]}
        for kind, (right, of) in counts.items()
    }


def report(folder: Path) -> dict[str, Any]:
    """Returns what was written and read, by either model."""
    toy = lines(folder / "ngram.jsonl")
    told: dict[str, Any] = {"frame_bytes": SIZE, "message_bytes": len(message_of(0))}
    if toy:
        rows = [(kind, line[kind]) for line in toy for kind in KINDS]
        told["ngram"] = {**carried(toy), "alone": recovered(rows)}
    texts = written(folder)
    if texts:
        told["smollm2"] = carried(texts)
        for reader in ("alone", "model"):
            rows = [
                (line["kind"], line["right"]) for line in lines(folder / f"read-{reader}.jsonl")
            ]
            if rows:
                told["smollm2"][reader] = recovered(rows)
    return told


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("write", "read", "ngram", "report"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compiler", default="ngraph", help="or numpy, in this process")
    parser.add_argument("--reader", default="alone", choices=("alone", "model"))
    parser.add_argument("--count", type=int, default=304)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--part", default="0/1", help="of the texts that are read, as 1/2")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if asked.what == "write":
        write(asked.folder, asked.compiler, asked.count, asked.threads, asked.rows)
    elif asked.what == "read":
        how = asked.reader, asked.compiler, asked.count, asked.copies, asked.kinds, asked.part
        read_all(asked.folder, *how)
    elif asked.what == "ngram":
        ngram(asked.folder, asked.count)
    else:
        result = {**about(), **report(asked.folder)}
        (ROOT / "benchmarks/results/robust.json").write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
