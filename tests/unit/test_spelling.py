"""Texts that every copy cuts into the same tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latebra.hiding.media.texts import garbled, settled
from latebra.hiding.tokens.spelling import Spelling

tokenizers = pytest.importorskip("tokenizers", reason="the extra 'language' is not installed")
PAGES = Path(__file__).parents[2] / "docs"
VOCABULARY = 700


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    """A byte-level tokenizer of a few hundred words, as language models have them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    blanks = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), blanks]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>"],
        show_progress=False,
    )
    made.train_from_iterator((page.read_text() for page in sorted(PAGES.glob("*.md"))), trainer)
    return Spelling(made.to_str(), never=[0])


def walk(spelling: Spelling, seed: int, tokens: int = 120) -> list[int]:
    """Returns tokens that may follow one another, chosen blindly."""
    rng, allowed = np.random.default_rng(seed), spelling.after(0)
    chosen: list[int] = []
    while len(chosen) < tokens:
        offered = np.sort(rng.choice(VOCABULARY, 200, replace=False))
        may = allowed(chosen, offered)
        chosen.append(int(rng.choice(offered[may])))
    return chosen


@pytest.mark.parametrize("seed", range(8))
def test_every_copy_of_what_may_follow_is_cut_alike(spelling: Spelling, seed: int) -> None:
    tokens = walk(spelling, seed)
    text = spelling.text(tokens).rstrip()
    whole = len(spelling.cut(text))
    assert whole >= len(tokens) - 1  # A line feed at the very end is nobody's.
    assert spelling.cut(text) == tokens[:whole]
    assert spelling.cut(garbled(text, np.random.default_rng(seed))) == tokens[:whole]


def test_tokens_that_a_sampler_chooses_blindly_are_cut_otherwise(spelling: Spelling) -> None:
    rng, changed = np.random.default_rng(0), 0
    for _ in range(20):
        tokens = rng.integers(1, VOCABULARY, 40).tolist()
        changed += spelling.cut(spelling.text(tokens)) != tokens
    assert changed == 20


def test_ordinary_text_may_follow_itself(spelling: Spelling) -> None:
    page = settled((PAGES / "index.md").read_text())
    prose = " ".join(line for line in page.splitlines() if line and line[0].isalpha())
    tokens = spelling.cut(" ".join(prose.split()))[:400]
    allowed = spelling.after(0)
    assert all(allowed(tokens[:at], np.array([token]))[0] for at, token in enumerate(tokens))


def test_nothing_invisible_may_follow(spelling: Spelling) -> None:
    allowed, start = spelling.after(0), spelling.cut("It is")
    for text in ("\t", "\r", "\u00a0", "\u0301", "  ", "\u200b"):
        token = spelling.prompt(text)[0]
        assert not allowed(start, np.array([token]))[0], repr(text)
    assert not allowed(start, np.array([0]))[0]


def test_texts_end_with_a_sentence_or_a_line(spelling: Spelling) -> None:
    for text in ("It rains.", 'He said "no."', "Why?", "a list\n"):
        assert spelling.ends(spelling.prompt(text)), text
    for text in ("It rains", "1.", "e.g", "and,", "\n"):
        assert not spelling.ends(spelling.prompt(text)), text
