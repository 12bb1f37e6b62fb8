"""Learn the pieces of a text: the pair that is most frequent becomes one, again and again.

Source: Gage 1994, "A New Algorithm for Data Compression"; for words: Sennrich, Haddow, Birch 2016,
arXiv:1508.07909.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from string import printable
from typing import Final

from latebra.models.pieces import WORDS

LETTERS: Final = tuple(sorted(set(printable) - set("\t\r\x0b\x0c")))
"""The letters of ASCII that are printed, and the end of a line."""


def learn(text: str, count: int) -> list[str]:
    """Returns ``count`` pieces: all letters, then those that stand for most pairs in the text."""
    words = Counter(WORDS.findall(text))
    cuts = {word: list(word) for word in words}
    pairs: Counter[tuple[str, str]] = Counter()
    where: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for word, cut in cuts.items():
        _count(pairs, where, word, cut, words[word])
    found = list(LETTERS)
    while len(found) < count:
        # Of pairs that are as frequent, the first in the alphabet.
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append("".join(best))
        for word in list(where[best]):
            _count(pairs, where, word, cuts[word], -words[word])
            cuts[word] = _joined(cuts[word], best)
            _count(pairs, where, word, cuts[word], words[word])
        del pairs[best]
    return found


def _count(
    pairs: Counter[tuple[str, str]],
    where: defaultdict[tuple[str, str], set[str]],
    word: str,
    cut: list[str],
    times: int,
) -> None:
    for pair in pairwise(cut):
        pairs[pair] += times
        where[pair].add(word)


def _joined(cut: list[str], best: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for each in cut:
        if joined and (joined[-1], each) == best:
            joined[-1] += each
        else:
            joined.append(each)
    return joined
