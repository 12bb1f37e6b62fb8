"""Cut texts into tokens, and say which tokens may follow so that no copy is cut otherwise.

A tokenizer is not one to one: a sampler may write ``hel`` ``lo`` where the tokenizer reads
``hello``. So a token may follow only where the text so far, cut again, gives the same tokens; and
where no copy, however careless with accents, line ends and spaces, changes it (Yan, Murawaki 2025,
arXiv:2508.20718, section 4, name this stepwise verification).

Byte-level BPE cuts a text into words first, and words into tokens. A word begins at the latest
where a blank follows something else, so that only what follows the last such place is cut again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np
from jaxtyping import Bool, Int64

from latebra.core.errors import Unavailable
from latebra.hiding.media.texts import settled
from latebra.hiding.tokens.agreement import Allowed

_END: Final = re.compile(r"[^\W\d_][.!?][\"'”’)]?\Z|\S\n+\Z")
_LONGEST: Final = 48
"""Tokens at the end of a text among which a word begins, or nothing may follow."""
_REMEMBERED: Final = 512
"""Ends of texts whose answers are kept: some hundred each."""


@final
class Spelling:
    """A tokenizer, with what its tokens spell.

    Args:
        tokenizer: The JSON of a tokenizer of Hugging Face's ``tokenizers``.
        never: Tokens that no text contains, such as those that end a turn.

    Raises:
        Unavailable: ``tokenizers`` is not installed.
    """

    def __init__(self, tokenizer: str, never: Sequence[int] = ()) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise Unavailable(
                "tokenizers is not installed", fix="pip install 'latebra[language]'"
            ) from None
        self._tokenizer: Any = Tokenizer.from_str(tokenizer)
        self.size: int = self._tokenizer.get_vocab_size()
        """How many tokens there are."""
        self._words: list[str] = self._tokenizer.decode_batch(
            [[token] for token in range(self.size)], skip_special_tokens=True
        )
        self._known = dict[tuple[int, ...], dict[int, bool]]()
        self._usable = np.array([_is_plain(word) for word in self._words])
        self._usable[list(never)] = False
        self._opens = np.array([word[:1].isspace() for word in self._words])
        self._feeds = np.array([word[:1] == "\n" for word in self._words])
        usable: list[int] = np.flatnonzero(self._usable).tolist()
        cuts = self._cuts([self._words[token] for token in usable])
        self._alone = np.zeros(self.size, np.bool_)
        self._alone[usable] = [cut == [token] for cut, token in zip(cuts, usable, strict=True)]

    def cut(self, text: str) -> list[int]:
        """Returns the tokens of a text, or of any copy of it."""
        return self._cuts([settled(text)])[0]

    def prompt(self, text: str) -> list[int]:
        """Returns the tokens of a prompt as it stands, the marks of turns among them."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def text(self, tokens: Sequence[int]) -> str:
        """Returns what tokens spell."""
        return "".join(self._words[token] for token in tokens)

    def ends(self, tokens: Sequence[int]) -> bool:
        """Returns whether a sentence or a line ends after ``tokens``."""
        return bool(_END.search(self.text(tokens[-8:])))

    def after(self, prompt: int) -> Allowed:
        """Returns what says which tokens may follow, in contexts that begin with a prompt.

        Args:
            prompt: Tokens of the prompt.
        """

        def allowed(
            context: Sequence[int], tokens: Int64[np.ndarray, " kept"]
        ) -> Bool[np.ndarray, " kept"]:
            return self._allowed(context[prompt:], tokens)

        return allowed

    def _allowed(
        self, before: Sequence[int], tokens: Int64[np.ndarray, " kept"]
    ) -> Bool[np.ndarray, " kept"]:
        """Returns which of ``tokens`` may follow the text ``before``."""
        usable, opens = self._usable[tokens], self._opens[tokens]
        if not before:
            return usable & self._alone[tokens] & ~opens
        last = self.text(before[-2:])
        tail = self._tail(before)
        if last[-1].isspace():
            # Blanks are left to the copies: one space, or one or two line feeds, and no more.
            if last[-2:] == "\n\n" or last[-1] != "\n":
                usable &= ~opens
            else:
                usable &= ~opens | self._feeds[tokens]
            asked = usable
            follows = np.zeros(tokens.size, np.bool_)
        else:
            follows = usable & opens & self._alone[tokens]
            asked = usable & ~opens
        follows[asked] = self._follow(tail, tokens[asked])
        return follows

    def _tail(self, before: Sequence[int]) -> tuple[int, ...]:
        """Returns the tokens from the last place on where a blank follows something else."""
        start = len(before) - 1
        while start > 0 and len(before) - start < _LONGEST:
            if self._opens[before[start]] and not self._words[before[start - 1]][-1:].isspace():
                break
            start -= 1
        return tuple(before[start:])

    def _follow(self, tail: tuple[int, ...], tokens: Int64[np.ndarray, " some"]) -> list[bool]:
        """Returns whether each token, after ``tail``, is cut as it was written."""
        if len(tail) >= _LONGEST:
            return [False] * tokens.size
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known = self._known.setdefault(tail, {})
        asked: list[int] = tokens.tolist()
        new = [token for token in asked if token not in known]
        if new:
            start, head = self.text(tail), list(tail)
            cuts = self._cuts([start + self._words[token] for token in new])
            known.update(
                (token, cut == [*head, token]) for token, cut in zip(new, cuts, strict=True)
            )
        return [known[token] for token in asked]

    def _cuts(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in found]


def _is_plain(word: str) -> bool:
    """Returns whether copies keep ``word``, wherever it stands.

    There is no half of a character in it, no blank but single spaces and line feeds, nothing
    invisible, and nothing that composes with what stands before it.
    """
    if not word or "\ufffd" in word or unicodedata.normalize("NFC", word) != word:
        return False
    if unicodedata.combining(word[0]) or not unicodedata.is_normalized("NFC", "e" + word):
        return False
    if re.search(r"  | \n|\n |\n\n\n", word):
        return False
    return all(each in " \n" or (each.isprintable() and not each.isspace()) for each in word)
