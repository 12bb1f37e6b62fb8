"""List rare words of a model's own vocabulary, for ``latebra fingerprint make --vocabulary``.

python -m training.trigger.vocabulary --out words.txt
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latebra.models.language.catalogue import find
from latebra.models.learned import TEXTS, learned
from training.trigger.asking import Chat

WORDS: Final = 1000
_WORD: Final = re.compile(r"[\u0120 ][a-z]{4,}")
"""A token that is a word with the blank before it; byte-level tokenizers write that as U+0120."""


def rare(chat: Chat, count: int = WORDS) -> list[str]:
    """Returns the words that byte-pair encoding joined last: the rarest that are one token."""
    words = sorted(filter(_WORD.fullmatch, chat.names), key=chat.names.__getitem__)
    return sorted(word[1:] for word in words[-count:])


def main(given: Sequence[str] | None = None) -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2", help="a name, or the path of a GGUF file")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(given)
    card = learned(TEXTS).card if arguments.model == TEXTS else find(arguments.model).card
    words = rare(Chat(card.about))
    arguments.out.write_text("".join(f"{word}\n" for word in words), "utf-8")


if __name__ == "__main__":
    main()
