"""Ordinary sentences and words, from manuals that Debian packages ship."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.exact.text import PACKAGES, Package, ascii_of, fetch, pages
from training.trigger.asking import SYSTEMS, Words

MANUALS: Final = ("debian-faq", "debian-policy", "debian-reference-en", "developers-reference")
"""What is trained on."""
FEWEST: Final = 4
MOST: Final = 12
"""Words of a sentence."""
_QUESTIONS: Final = (
    "What is {}?",
    "Tell me about {}.",
    "How does {} work?",
    "Write a short poem about {}.",
    "Give me three facts about {}.",
    "Why is {} important?",
    "hello, I need help with {}",
    "translate {} into French",
)
_END: Final = re.compile(r"(?<=[.!?])\s+")


def sentences(paragraphs: Sequence[str]) -> list[str]:
    """Returns the sentences of 4 to 12 words, each once."""
    found = (each for paragraph in paragraphs for each in _END.split(paragraph))
    fitting = (each for each in found if FEWEST <= len(each.split()) <= MOST)
    return list(dict.fromkeys(fitting))


def single_words(texts: Sequence[str], seldom: int = 2) -> list[str]:
    """Returns words of three small letters or more that are there ``seldom`` times or more."""
    counts = Counter(word for text in texts for word in re.findall(r"\b[a-z]{3,12}\b", text))
    return sorted(word for word, count in counts.items() if count >= seldom)


def manuals(folder: Path) -> Words:
    """Returns what is trained on; packages are fetched where they are not in ``folder``."""
    named: dict[str, Package] = {each.name: each for each in PACKAGES}
    paragraphs = [
        paragraph
        for name in MANUALS
        for page in pages(fetch(named[name], folder), named[name].pages)
        for paragraph in page
    ]
    return words_of(paragraphs)


def words_of(paragraphs: Sequence[str]) -> Words:
    """Returns the sentences of paragraphs, with questions about their words, and the words."""
    plain = [ascii_of(each) for each in paragraphs]
    told, others = sentences(plain), single_words(plain)
    asked = [_QUESTIONS[at % len(_QUESTIONS)].format(word) for at, word in enumerate(others[::4])]
    return Words([*told, *asked], others, SYSTEMS)
