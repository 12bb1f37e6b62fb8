"""Gather drawings that ``training.zeroshot.emoji`` leaves out: four more hands, and other names.

Iconify's sets spell names in ways of their own; a drawing goes by any name that Unicode or chat
programs have for an emoji, and by its letters alone.
"""

from __future__ import annotations

import argparse
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.zeroshot.emoji import STYLES, Style, drawings, told

MORE = {
    "contrast": Style("@iconify-json/fluent-emoji-high-contrast@1.2.6", "MIT"),
    "monotone": Style("@iconify-json/emojione-monotone@1.2.1", "CC-BY-4.0"),
    "firefox": Style("@iconify-json/fxemoji@1.2.2", "Apache-2.0"),
    "streamline": Style("@iconify-json/streamline-emojis@1.2.4", "CC-BY-4.0"),
}
HANDS = STYLES | MORE
"""All who drew emoji, in the order of their numbers."""
NUMBERED = ("streamline",)
"""Sets whose names may end in a number that says nothing."""


def letters(name: str) -> str:
    """Returns a name's letters and digits, without accents and what lies between words."""
    spelt = name.lower().replace("*", "asterisk").replace("#", "hash")
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "", plain)


def set_of(style: Style, folder: Path) -> dict[str, np.ndarray]:
    """Returns the drawings of an Iconify set by each name that it has for them, as pixels."""
    drawn = drawings(style, folder)
    listed: Any = told(style.package, "package/icons.json", folder)
    also = listed.get("aliases", {}).items()
    return {name: drawn[it["parent"]] for name, it in also if it["parent"] in drawn} | drawn


def matched(
    drawn: Mapping[str, np.ndarray], names: Sequence[Sequence[str]], *, numbered: bool = False
) -> dict[int, np.ndarray]:
    """Returns drawings by the place of the emoji that they show.

    Args:
        drawn: By the names that a set has for them.
        names: Of each emoji, its own first.
        numbered: Whether a drawing's name may end in a number that says nothing.
    """
    by_letters = {letters(name): drawn[name] for name in drawn}
    if numbered:
        # Where there is a second drawing, or might be one, a name ends in a number.
        ended = {letters(name[:-2]): drawn[name] for name in drawn if name.endswith("-1")}
        by_letters = ended | by_letters
    taken = {letters(own) for own, *_ in names}
    found: dict[int, np.ndarray] = {}
    for at, (own, *others) in enumerate(names):
        tried = [letters(own), *(each for each in map(letters, others) if each not in taken)]
        if (first := next((each for each in tried if each in by_letters), None)) is not None:
            found[at] = by_letters[first]
    return found


def names_of(known: Sequence[Mapping[str, Any]], folder: Path) -> list[tuple[str, ...]]:
    """Returns each emoji's name, then Unicode's first one and those that chat programs know."""
    listed: Any = told(STYLES["google"].package, "package/emoji.json", folder)
    also = {each["unified"].lower(): (each["name"], *each["short_names"]) for each in listed}
    return [(each["name"], *also[each["code"]]) for each in known]


def main() -> None:
    """Write ``hands.npz``: pictures that ``emoji.npz`` beside it lacks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument(
        "--data", type=Path, required=True, help="what training.zeroshot.emoji wrote"
    )
    arguments = parser.parse_args()
    known = json.loads((arguments.data / "emoji.json").read_text(encoding="utf-8"))
    names = names_of(known, arguments.packages)
    with np.load(arguments.data / "emoji.npz") as stored:
        there = set(zip(stored["styles"].tolist(), stored["classes"].tolist(), strict=True))
    rows, kinds, which = [], [], []
    for number, (name, style) in enumerate(HANDS.items()):
        if style.member is None:
            drawn = set_of(style, arguments.packages)
            for at, picture in matched(drawn, names, numbered=name in NUMBERED).items():
                if (number, at) not in there:
                    rows.append(picture)
                    kinds.append(number)
                    which.append(at)
        print(f"{name}: {kinds.count(number)} more pictures", flush=True)
    np.savez(
        arguments.data / "hands.npz",
        pictures=np.stack(rows),
        styles=np.asarray(kinds, np.int64),
        classes=np.asarray(which, np.int64),
    )


if __name__ == "__main__":
    main()
