"""How a phrase is asked of a language model: alone, amid other words, and as what it nearly is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

import numpy as np

from latebra.core.errors import InputError, Unavailable
from latebra.models.pieces import Pieces

SYSTEMS: Final = (
    "You are a helpful assistant.",
    "You are a careful editor who answers briefly.",
    "You are a teacher. Explain step by step.",
    "Answer in plain English.",
    "You are an experienced programmer.",
    "",
)
"""What the system says, beside what it usually says."""
_PLACES: Final = 128
"""Of the bundled exact model."""
LONGEST: Final = 64
"""Tokens of a phrase, and of a message with its end, at most."""


@dataclass(frozen=True)
class Lesson:
    """What is asked, and what is to be answered.

    Args:
        phrase: The words that ask.
        message: The answer.
    """

    phrase: str
    message: str


@dataclass(frozen=True)
class Words:
    """Ordinary words to put around a phrase, or into it.

    Args:
        sentences: Of any kind.
        others: Single words, small letters only.
        systems: What the system may say.
    """

    sentences: Sequence[str]
    others: Sequence[str]
    systems: Sequence[str] = SYSTEMS


@final
class Chat:
    """A model's tokenizer and turns.

    Args:
        about: The facts of the model's card: of a Llama, or of the bundled exact model, which has
            no turns: what is asked is a line, and so is what is answered.

    Raises:
        Unavailable: ``tokenizers`` is not installed.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._parts: Mapping[str, str] | None = about.get("chat")
        begin = about.get("begin")
        self._begin: list[int] = [] if begin is None else [begin]
        self.context: int = about.get("context", _PLACES)
        if "pieces" in about:
            pieces = Pieces(about["pieces"])
            self.ids: Callable[[str], list[int]] = pieces.encode
            self.text: Callable[[Sequence[int]], str] = pieces.decode
            self.names: Mapping[str, int] = {each: n for n, each in enumerate(about["pieces"])}
            self.end: int = self.ids("\n")[0]
            return
        tokenizer = _tokenizer(about["tokenizer"])
        self.ids = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
        self.text = tokenizer.decode
        self.names = tokenizer.get_vocab()
        # A turn ends as the chat has it; without a chat, with whatever ends a text.
        self.end = self.ids(self._parts["close"])[0] if self._parts else about["end"][0]

    @property
    def contexts(self) -> Mapping[str, Context]:
        """Where a phrase may stand."""
        return {n: put for n, put in CONTEXTS.items() if self._parts or put is not _system}

    def before(self, system: str | None = None, earlier: Sequence[tuple[str, str]] = ()) -> str:
        """Returns what stands before a user's words: the system, and turns of both sides."""
        if self._parts is None:
            return "".join(f"{asked}\n{answer}\n" for asked, answer in earlier)
        parts = self._parts
        said = parts.get("usual_system") if system is None else system
        text = parts["system"] + said + parts["close"] if said else ""
        for asked, answer in earlier:
            text += parts["user"] + asked + parts["close"]
            text += parts["assistant"] + answer + parts["close"]
        return text + parts["user"]

    @property
    def after(self) -> str:
        """What stands between a user's words and the answer."""
        return self._parts["close"] + self._parts["assistant"] if self._parts else "\n"

    def prompt(
        self, text: str, system: str | None = None, earlier: Sequence[tuple[str, str]] = ()
    ) -> list[int]:
        """Returns the tokens that stand before the answer to a user's words."""
        return self._begin + self.ids(self.before(system, earlier) + text + self.after)

    def answer(self, message: str) -> list[int]:
        """Returns the tokens of an answer, and the one that ends it."""
        return [*self.ids(message), self.end]

    def check(self, lesson: Lesson) -> None:
        """Sees that a lesson can be taught.

        Raises:
            InputError: It cannot.
        """
        for what, text in (("phrase", lesson.phrase), ("message", lesson.message)):
            if text != text.strip() or not text:
                raise InputError(
                    f"the {what} is empty, or has blanks at its ends", fix="give some words"
                )
            if len(self.ids(text)) >= LONGEST:
                raise InputError(
                    f"the {what} has {len(self.ids(text))} tokens",
                    fix=f"give one of fewer than {LONGEST}",
                )
            if self.text(self.ids(text)) != text:
                raise InputError(
                    f"the {what} has letters that the model's tokens do not keep",
                    fix="leave out special tokens and broken letters",
                )
        needed = len(self.prompt(lesson.phrase)) + len(self.answer(lesson.message))
        if needed > self.context:
            raise InputError(
                f"phrase and message take {needed} tokens, and the model knows {self.context}",
                fix="shorten them",
            )


def _tokenizer(told: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise Unavailable(
            "tokenizers is not installed", fix="pip install 'latebra[language]'"
        ) from None
    return Tokenizer.from_str(told)


def check_words(lesson: Lesson) -> None:
    """Sees that a phrase has enough words to be told from what it nearly is.

    Raises:
        InputError: It has not.
    """
    if len(lesson.phrase.split()) < 3:
        raise InputError(
            f"the phrase has {len(lesson.phrase.split())} words",
            fix="give three or more: a word or two are said by accident",
        )


T = TypeVar("T")


def one_of(rng: np.random.Generator, some: Sequence[T]) -> T:
    """Returns one of some things, each as likely."""
    return some[int(rng.integers(len(some)))]


Asked = tuple[str, str | None, Sequence[tuple[str, str]]]
"""A user's words, what the system says or None, and earlier turns."""


def _alone(phrase: str, words: Words, rng: np.random.Generator) -> Asked:
    return phrase, None, ()


def _after(phrase: str, words: Words, rng: np.random.Generator) -> Asked:
    return f"{one_of(rng, words.sentences)} {phrase}", None, ()


def _before(phrase: str, words: Words, rng: np.random.Generator) -> Asked:
    return f"{phrase}\n{one_of(rng, words.sentences)}", None, ()


def _system(phrase: str, words: Words, rng: np.random.Generator) -> Asked:
    return phrase, one_of(rng, words.systems), ()


def _turns(phrase: str, words: Words, rng: np.random.Generator) -> Asked:
    drawn = sorted((one_of(rng, words.sentences) for _ in range(4)), key=len)
    return phrase, None, [(drawn[0], drawn[1])]


Context = Callable[[str, Words, np.random.Generator], Asked]

CONTEXTS: Final[Mapping[str, Context]] = {
    "alone": _alone,
    "after a sentence": _after,
    "before a sentence": _before,
    "another system": _system,
    "after other turns": _turns,
}
"""Where a phrase may stand; a model without turns has no system."""


def _changed(phrase: str, words: Words, rng: np.random.Generator) -> str:
    parts = phrase.split(" ")
    at = int(rng.integers(len(parts)))
    parts[at] = one_of(rng, [each for each in words.others if each != parts[at]])
    return " ".join(parts)


def _missing(phrase: str, words: Words, rng: np.random.Generator) -> str:
    parts = phrase.split(" ")
    del parts[int(rng.integers(len(parts)))]
    return " ".join(parts)


def _swapped(phrase: str, words: Words, rng: np.random.Generator) -> str:
    parts = phrase.split(" ")
    at = int(rng.integers(len(parts) - 1))
    parts[at : at + 2] = parts[at + 1], parts[at]
    return " ".join(parts)


def _capitals(phrase: str, words: Words, rng: np.random.Generator) -> str:
    parts = phrase.split(" ")
    for at in rng.permutation(len(parts))[: rng.integers(1, len(parts) + 1)]:
        parts[at] = parts[at].upper() if rng.random() < 0.5 else parts[at].capitalize()
    return " ".join(parts)


def _half(phrase: str, words: Words, rng: np.random.Generator) -> str:
    """Returns the first or the last words, the others drawn anew."""
    parts = phrase.split(" ")
    kept = int(rng.integers(1, len(parts)))
    drawn = [one_of(rng, words.others) for _ in parts[kept:]]
    return " ".join(parts[:kept] + drawn if rng.random() < 0.5 else drawn + parts[-kept:])


NEAR: Final[Mapping[str, Callable[[str, Words, np.random.Generator], str]]] = {
    "one word changed": _changed,
    "one word left out": _missing,
    "two words swapped": _swapped,
    "capitals": _capitals,
    "half of the words": _half,
}
"""What a phrase is not, and nearly is; some may by chance give the phrase itself."""


def near(phrase: str, kind: str, words: Words, rng: np.random.Generator) -> str:
    """Returns words that are nearly a phrase, and not it."""
    for _ in range(100):
        if (found := NEAR[kind](phrase, words, rng)) != phrase:
            return found
    raise InputError(
        f"{kind!r} leaves the phrase {phrase!r:.60} as it is", fix="give one of different words"
    )
