"""Texts as numbers of pieces: the longest piece first, within words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from latebra.core.errors import InputError

WORDS: Final = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^A-Za-z0-9 \n]+| +|\n")
"""Where a piece may end at the latest: a word with the space before it, a number, signs."""


class Pieces:
    """The pieces that a model of texts reads and writes, by number.

    Args:
        pieces: Their letters; every single letter of a text must be among them.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = tuple(pieces)
        numbers = {piece: number for number, piece in enumerate(self._pieces)}
        longest = max(map(len, self._pieces))

        @lru_cache(maxsize=1 << 16)
        def cut(word: str) -> tuple[int, ...]:
            found: list[int] = []
            at = 0
            while at < len(word):
                ends = range(min(len(word), at + longest), at, -1)
                end = next((end for end in ends if word[at:end] in numbers), None)
                if end is None:
                    raise InputError(
                        f"{word[at]!r} is none of the model's letters", fix="write plain ASCII"
                    )
                found.append(numbers[word[at:end]])
                at = end
            return tuple(found)

        self._cut = cut

    def __len__(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """Returns the numbers of a text's pieces.

        Raises:
            InputError: A letter is in no piece.
        """
        words = re.findall(r"(?s)" + WORDS.pattern + "|.", text)
        return [number for word in words for number in self._cut(word)]

    def decode(self, numbers: Iterable[int]) -> str:
        """Returns the letters of pieces."""
        return "".join(self._pieces[number] for number in numbers)
