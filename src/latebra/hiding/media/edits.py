"""What an editor does to a text: words are replaced, left out and put in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from latebra.hiding.medium import Text

_PIECES: Final = re.compile(r"\w{1,12}|[^\w\s]|\s+")
"""Words, marks, and the blanks between them. What is longer counts as several words."""


@dataclass(frozen=True)
class Edits:
    """How much is edited.

    Args:
        replaced: Share of the words that are replaced by others of the text.
        left_out: Share of the words that are left out.
        put_in: How many words of the text are put in elsewhere, as a share.
    """

    replaced: float = 0.0
    left_out: float = 0.0
    put_in: float = 0.0


PROMISED: Final = (Edits(replaced=0.10), Edits(left_out=0.05, put_in=0.05))
"""What a text must survive: the one or the other."""
HARD: Final = (Edits(replaced=0.12), Edits(left_out=0.06, put_in=0.06))
"""What a writer tries the beginning of a text with, and …"""
HARDER: Final = (Edits(replaced=0.15), Edits(left_out=0.075, put_in=0.075))
"""… what all of it."""


def edited(text: str, edits: Edits, rng: np.random.Generator) -> Text:
    """Returns the text with some of its words, whichever they are, replaced, lost or put in."""
    pieces = _PIECES.findall(text)
    words = [piece for piece in pieces if not piece.isspace()]
    made: list[str] = []
    for piece in pieces:
        if piece.isspace():
            made.append(piece)
            continue
        fate = rng.random()
        if fate < edits.left_out:
            # The blank before goes with the word.
            if made and made[-1] == " ":
                made.pop()
            continue
        replaced = fate < edits.left_out + edits.replaced
        made.append(words[int(rng.integers(len(words)))] if replaced else piece)
        if rng.random() < edits.put_in:
            made += [" ", words[int(rng.integers(len(words)))]]
    return Text("".join(made))
