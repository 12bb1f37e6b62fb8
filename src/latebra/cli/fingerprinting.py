"""The commands that make fingerprints of models, and check them."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Any, cast

from cyclopts import App

import latebra as lb
from latebra.cli import console
from latebra.cli.options import Force, Json, KeyOptions, load_settings
from latebra.core.errors import UnreadableFile
from latebra.core.tensors import strict_json

app = App(
    name="fingerprint",
    help="Make questions that prove a model yours, and check what it answers.",
    help_format="plaintext",
)
NO_KEY = KeyOptions()


@app.command
def make(
    *,
    vocabulary: Path,
    out: Path,
    count: int = 16,
    bits: int = 64,
    context: str = "",
    key: KeyOptions = NO_KEY,
    force: Force = False,
) -> None:
    """Write pairs of trigger and answer to train a model on; show what to publish with it.

    Args:
        vocabulary: Rare words or tokens, one a line.
        out: The file to write, one JSON object a line: number, trigger, answer. Keep it secret.
        count: How many pairs.
        bits: Of an answer, 32 to 64.
        context: Public words, such as the model's name.
    """
    console.refuse_to_write(out, [each for each in (vocabulary, key.key_file) if each], force=force)
    words = _text(vocabulary).splitlines()
    secret, public = key.key(load_settings(), twice=True), context.encode()
    pairs = lb.fingerprint_make(secret, count, words, bits=bits, context=public)
    lines = [dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs]
    console.write_file("".join(lines).encode(), out, force=force, private=True)
    console.say(lb.fingerprint_commitment(secret, context=public))
    console.note(f"wrote {len(pairs)} pairs to {out}; the line above is for others")


@app.command
def check(
    answers: Path,
    /,
    *,
    bits: int = 64,
    context: str = "",
    key: KeyOptions = NO_KEY,
    json: Json = False,
) -> None:
    """Show how many answers are right, and how probable so many are by chance.

    Args:
        answers: What the model said, one JSON object a line: number, answer; all that was asked.
        bits: Of an answer, as the pairs were made.
        context: As the pairs were made.
    """
    given = _answers(answers)
    secret, public = key.key(load_settings(), twice=False), context.encode()
    verdict = lb.fingerprint_check(secret, given, bits=bits, context=public)
    chance = verdict.log2_chance
    row = {
        "asked": verdict.asked,
        "hits": verdict.hits,
        **({"log2_chance": chance} if json else {"chance": f"2^{chance:.1f}"}),
        "commitment": lb.fingerprint_commitment(secret, context=public),
    }
    console.say_table([row], as_json=json)


def _answers(path: Path) -> dict[int, str]:
    """Returns answers by number.

    Raises:
        UnreadableFile: The file cannot be read, or holds something else.
    """
    found: dict[int, str] = {}
    for at, line in enumerate(_text(path).splitlines(), start=1):
        try:
            told: Any = strict_json(line.encode())
        except ValueError:
            told = None
        entry = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        number, answer = entry.get("number"), entry.get("answer")
        if type(number) is not int or not isinstance(answer, str) or number in found:
            raise UnreadableFile(
                f"{path} has no answer in line {at}",
                fix='write {"number": 0, "answer": "…"}, each number once',
            )
        found[number] = answer
    return found


def _text(path: Path) -> str:
    try:
        return console.read_file(path).decode()
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path} is not text", fix="write it in UTF-8") from None
