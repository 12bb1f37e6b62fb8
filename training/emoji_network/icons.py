"""Gather named icons of things: more seen classes, none of them near one that is kept unseen."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.emoji_network.hands import set_of
from training.emoji_network.wordings import Dictionary, Tower
from training.zeroshot.emoji import Style

ALIKE = 0.55
"""Cosine of two names above which one may stand for the other."""
MOST_WORDS, SHORTEST = 3, 3
UNTOLD = re.compile(
    r"\b(check|plus|minus|add|remove|edit|off|slash|cancel|sync|refresh|alert|question|info|up|down"
    r"|left|right|top|bottom|horizontal|vertical|align|alignment|sort|x|xmark|exclamation|download"
    r"|upload|share|marked|logo|brand|variant|alpha|numeric|format|view|select|selection|border"
    r"|text|list|chart|settings|setting|config|tool|app|user|account|abstract|uv|zodiac|shape"
    r"|lines?)\b"
)
"""Words of programs' buttons; a name with one of these is left out."""
STYLING = re.compile(
    r"\b(outline|negative|filled|fill|bold|duotone|rounded|sharp|alt|simple|one|two|three|four|five"
    r"|\d+)\b"
)
"""Words that tell variants of a drawing apart; they are taken away."""


@dataclass(frozen=True)
class Icons:
    """One set.

    Args:
        style: Package and licence.
        wanted: Pattern of the names that are taken.
    """

    style: Style
    wanted: str = ""


SETS = {
    "game": Icons(Style("@iconify-json/game-icons@1.2.4", "CC-BY-3.0")),
    "park": Icons(Style("@iconify-json/icon-park@1.2.4", "Apache-2.0")),
    "flat": Icons(Style("@iconify-json/flat-color-icons@1.2.3", "MIT")),
    "ultimate": Icons(Style("@iconify-json/streamline-ultimate-color@1.2.2", "CC-BY-4.0")),
    "freehand": Icons(Style("@iconify-json/streamline-freehand-color@1.2.2", "CC-BY-4.0")),
    "material": Icons(Style("@iconify-json/mdi@1.2.3", "Apache-2.0"), "^(?!.*-(outline|off)$)"),
    "phosphor": Icons(Style("@iconify-json/ph@1.2.2", "MIT"), "-duotone$"),
    "tabler": Icons(Style("@iconify-json/tabler@1.2.41", "MIT"), "^(?!.*-(filled|off)$)"),
    "health": Icons(
        Style("@iconify-json/healthicons@1.2.13", "MIT"), "^(?!.*(negative|24px|outline))"
    ),
    "temaki": Icons(Style("@iconify-json/temaki@1.2.6", "CC0-1.0")),
    "maki": Icons(Style("@iconify-json/maki@1.2.5", "CC0-1.0")),
    "awesome": Icons(Style("@iconify-json/fa6-solid@1.2.4", "CC-BY-4.0")),
    "weather": Icons(Style("@iconify-json/meteocons@1.2.4", "MIT"), "-fill$"),
}


def named(slug: str, dictionary: Dictionary) -> str | None:
    """Returns what an icon is called in words, or None where it shows no thing."""
    words = STYLING.sub("", slug.replace("-", " ")).removeprefix("animal ").split()
    name = " ".join(words)
    if not 0 < len(words) <= MOST_WORDS or UNTOLD.search(name) or re.search("[^a-z ]", name):
        return None
    for word in words:
        if word != "of" and (len(word) < SHORTEST or not dictionary.knows(word)):
            return None
    return name if dictionary.noun(words[-1]) else None


def apart(
    names: list[str], vectors: np.ndarray, known: list[dict], held: np.ndarray, tower: Tower
) -> np.ndarray:
    """Returns which names are of nothing that a held-out subcategory has in it.

    A name goes where an emoji that is held out has the same last word or a name like it, or where
    the emoji that it is nearest to, by name or keyword, is held out.
    """
    own = tower.vectors([each["name"] for each in known])
    words, of = [], []
    for at, each in enumerate(known):
        for keyword in each["keywords"]:
            words.append(keyword)
            of.append(at)
    told, inverse = np.unique(words, return_inverse=True)
    of_keywords = tower.vectors(list(told))[inverse]
    by_name, by_keyword = vectors @ own.T, vectors @ of_keywords.T
    nearest = by_name.argmax(axis=1)
    good = ~held[nearest] & (by_name[:, held].max(axis=1) < ALIKE)
    held_words = held[np.asarray(of)]
    of_held = by_keyword[:, held_words].max(axis=1)
    of_others = np.maximum(by_keyword[:, ~held_words].max(axis=1), by_name.max(axis=1))
    good &= (of_held < ALIKE + 0.2) | (of_held < of_others)
    lasts = {known[at]["name"].split()[-1].rstrip("s") for at in np.flatnonzero(held)}
    return good & np.asarray([name.split()[-1].rstrip("s") not in lasts for name in names])


def main() -> None:
    """Write ``icons.npz`` (pictures) and ``icons.json`` (names)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument(
        "--data", type=Path, required=True, help="what training.zeroshot.emoji wrote"
    )
    arguments = parser.parse_args()
    dictionary, tower = Dictionary(arguments.packages), Tower()
    known = json.loads((arguments.data / "emoji.json").read_text(encoding="utf-8"))
    stored = np.load(arguments.data / "emoji.npz")
    usable = stored["seen"] | stored["choosing"] | stored["unseen"]
    names, sets, pictures = [], [], []
    for number, icons in enumerate(SETS.values()):
        for slug, picture in set_of(icons.style, arguments.packages).items():
            if re.search(icons.wanted, slug) and (name := named(slug, dictionary)):
                names.append(name)
                sets.append(number)
                pictures.append(picture)
    kinds, of = np.unique(names, return_inverse=True)
    kept_unseen = {known[at]["subcategory"] for at in np.flatnonzero(~stored["seen"] & usable)}
    held = np.asarray([each["subcategory"] in kept_unseen for each in known])
    good = apart(list(kinds), tower.vectors(list(kinds)), known, held, tower)
    rows = np.flatnonzero(good[of])
    left = np.flatnonzero(good)
    np.savez(
        arguments.data / "icons.npz",
        pictures=np.stack([pictures[row] for row in rows]),
        classes=np.searchsorted(left, of[rows]),
        sets=np.asarray(sets)[rows],
    )
    told = {"names": kinds[left].tolist(), "left_out": kinds[~good].tolist()}
    (arguments.data / "icons.json").write_text(json.dumps(told) + "\n")
    print(f"{len(rows)} icons of {len(left)} names; {(~good).sum()} names are left out")
    for number, name in enumerate(SETS):
        print(name, int((np.asarray(sets)[rows] == number).sum()))


if __name__ == "__main__":
    main()
