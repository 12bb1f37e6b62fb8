"""Short texts out of Debian's WordNet: definitions, and other wordings of the same."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PACKAGE = "wordnet-base"
FILES = ("noun", "verb", "adj", "adv")
SHORTEST = 60
"""Letters of a definition that says enough to be told from others."""


@dataclass(frozen=True)
class Gloss:
    """A definition with what it defines."""

    words: tuple[str, ...]
    text: str


def fetch(folder: Path) -> Path:
    """Returns where WordNet is unpacked."""
    target = folder / PACKAGE
    if not target.exists():
        with tempfile.TemporaryDirectory() as temporary:
            subprocess.run(["apt-get", "download", PACKAGE], cwd=temporary, check=True)
            (archive,) = Path(temporary).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    return target / "usr" / "share" / "wordnet"


def glosses(folder: Path) -> list[Gloss]:
    """Returns all definitions that are long enough, in WordNet's order."""
    return list(_read(fetch(folder)))


def _read(folder: Path) -> Iterator[Gloss]:
    for name in FILES:
        for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
            head, bar, text = line.partition(" | ")
            if line.startswith("  ") or not bar or len(text.strip()) < SHORTEST:
                continue
            fields = head.split()
            count = int(fields[3], 16)
            words = tuple(fields[4 + 2 * at].replace("_", " ") for at in range(count))
            yield Gloss(words, text.strip())


def synonyms(all_glosses: list[Gloss]) -> dict[str, str]:
    """Returns, for single words of the first set that has several, another of that set."""
    found: dict[str, str] = {}
    for gloss in all_glosses:
        plain = [word.lower() for word in gloss.words if word.isalpha() and word.islower()]
        for word in plain:
            other = next((each for each in plain if each != word), None)
            if other and word not in found and len(word) > 3:
                found[word] = other
    return found


def wordings(text: str, other: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Returns other wordings of a text, made by rules that are named."""
    words = text.split()
    swapped = [other.get(word, word) for word in words]
    typed = list(text)
    for at in rng.choice(len(typed) - 1, max(1, len(typed) // 40), replace=False):
        typed[at], typed[at + 1] = typed[at + 1], typed[at]
    kept = [word for word in words if rng.random() > 0.1]
    parts = [part.strip() for part in text.split(";")]
    return {
        "case and signs": "".join(c for c in text.upper() if c.isalnum() or c == " "),
        "typing errors": "".join(typed),
        "a tenth of the words left out": " ".join(kept),
        "synonyms": " ".join(swapped),
        "parts in another order": "; ".join([*parts[1:], parts[0]]),
    }
