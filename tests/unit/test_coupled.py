"""Texts that survive edits: exact sampling, and reading what is left."""

from __future__ import annotations

import numpy as np
import pytest

from latebra.core.errors import DoesNotFit, InputError
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media.edits import PROMISED, Edits, edited
from latebra.hiding.media.texts import Texts
from latebra.hiding.medium import Text
from latebra.hiding.tokens.coupled import chosen, write
from latebra.hiding.tokens.drifting import fits, usual_fit
from latebra.hiding.tokens.edited import SALT, find
from latebra.hiding.tokens.seeking import Received, openings, read
from latebra.hiding.tokens.tables import Quantiser
from latebra.hiding.tokens.tree import (
    BUCKETS,
    FIRST,
    LATER,
    OPENING,
    RANGE_BITS,
    VALUES,
    Path,
    begins,
    blocks_of,
    buckets,
    place,
    shift,
)
from tests.unit.ngram import VOCABULARY, Ngram

HERE, ELSEWHERE = Stream(b"\x31" * 32), Stream(b"\x32" * 32)
SIZE = 24


def message(number: int) -> tuple[bytes, bytes, np.ndarray]:
    rng = np.random.default_rng(number)
    salt, frame = rng.bytes(SALT), rng.bytes(SIZE)
    return salt, frame, np.unpackbits(np.frombuffer(salt + frame, np.uint8))


def changed(tokens: list[int], edits: Edits, seed: int) -> list[int]:
    rng, made = np.random.default_rng(seed), list[int]()
    for token in tokens:
        fate = rng.random()
        if fate >= edits.left_out:
            replaced = fate < edits.left_out + edits.replaced
            made.append(int(rng.integers(VOCABULARY)) if replaced else token)
            if rng.random() < edits.put_in:
                made.append(int(rng.integers(VOCABULARY)))
    return made


def arrived(tokens: list[int], stream: Stream = HERE) -> Received:
    mine = buckets(stream, VOCABULARY)[tokens]
    return Received(stream, mine, np.broadcast_to(usual_fit(), (len(tokens), BUCKETS)))


@pytest.fixture(scope="module")
def texts() -> list[tuple[int, list[int]]]:
    mine, made = buckets(HERE, VOCABULARY), []
    for number in range(2):
        bits = message(number)[2]
        tokens = write(
            Ngram(), [], bits, HERE, lambda _: True, lambda _: True, buckets=mine, most=900
        )
        made.append((number, tokens))
    return made


def chi_square(rows: list[np.ndarray], coins: list[Stream]) -> tuple[float, int]:
    """Returns the statistic of chosen tokens against their table, and its degrees of freedom."""
    levels = Quantiser().round(Ngram().logits([7, 9]), 0.5)
    weights = levels.weights().astype(np.float64)
    mine = buckets(HERE, VOCABULARY)
    found = np.zeros(VOCABULARY)
    for row, own in zip(rows, coins, strict=True):
        found[chosen(levels, mine, row, own)] += 1
    expected = len(rows) * weights / weights.sum()
    often = expected >= 8
    seen, want = found[levels.tokens][often], expected[often]
    rest, left = len(rows) - seen.sum(), len(rows) - want.sum()
    return float(np.sum((seen - want) ** 2 / want) + (rest - left) ** 2 / left), int(often.sum())


def test_tokens_are_distributed_as_the_table_over_many_keys() -> None:
    rng = np.random.default_rng(3)
    rows, coins = [], []
    for turn in range(6000):
        stream = Stream(rng.bytes(32))
        bits = rng.integers(0, 2, 24 if turn % 2 else 28, dtype=np.uint8)
        rows.append(Path(stream, bits).row(OPENING + turn % 9))
        coins.append(stream.child("own"))
    statistic, freedom = chi_square(rows, coins)
    # 4.5 standard deviations: a chance of a few in a million.
    assert abs(statistic - freedom) < 4.5 * (2 * freedom) ** 0.5
    # The control: bytes that are used twice.
    again, _ = chi_square([rows[turn % 300] for turn in range(6000)], coins)
    assert again > freedom + 20 * (2 * freedom) ** 0.5


def test_tokens_of_one_key_are_distributed_as_the_table_over_many_salts() -> None:
    rng = np.random.default_rng(4)
    coins, rows = [], []
    for turn in range(3000):
        bits = rng.integers(0, 2, 28, dtype=np.uint8)
        rows.append(Path(HERE, bits).row(OPENING + turn % 14))
        coins.append(HERE.child("own", bits.tobytes()))
    statistic, freedom = chi_square(rows, coins)
    assert abs(statistic - freedom) < 4.5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("edits", [Edits(), *PROMISED, Edits(0.05, 0.02, 0.02)])
def test_a_frame_is_read_from_an_edited_text(
    texts: list[tuple[int, list[int]]], edits: Edits
) -> None:
    for number, tokens in texts:
        salt, frame, bits = message(number)
        text = arrived(changed(tokens, edits, 10 + number))
        part = Path(HERE, bits).opening >> RANGE_BITS
        start = openings(text, range(part, part + 1))
        assert any(np.array_equal(bits, each) for each in read(text, bits.size, start, 256))
        assert salt + frame == np.packbits(bits).tobytes()


def test_every_value_of_the_opening_is_tried(texts: list[tuple[int, list[int]]]) -> None:
    number, tokens = texts[0]
    salt, frame, _ = message(number)
    assert next(find(arrived(changed(tokens, PROMISED[0], 5)), [SIZE])) == Found(salt, frame)


def test_another_stream_finds_another_frame(texts: list[tuple[int, list[int]]]) -> None:
    number, tokens = texts[0]
    text = arrived(tokens, ELSEWHERE)
    start = openings(text, range(1))
    bits = message(number)[2]
    for each in read(text, bits.size, start, 32):
        assert np.mean(each != bits) > 0.3


def test_a_text_of_another_length_is_not_looked_at() -> None:
    assert list(find(arrived([1] * 200), [SIZE])) == []
    assert list(find(arrived([]), [SIZE])) == []


def test_a_writer_goes_on_until_it_is_enough_or_there_is_no_room() -> None:
    bits, asked = message(0)[2][:28], []
    mine = buckets(HERE, VOCABULARY)

    def enough(tokens: object) -> bool:
        asked.append(len(tokens))
        return len(asked) == 3

    tokens = write(Ngram(), [], bits, HERE, lambda t: len(t) % 2 == 0, enough, buckets=mine)
    assert asked == [58, 70, 82]
    assert len(tokens) == 82
    with pytest.raises(DoesNotFit, match="60 tokens do not carry 28 bits"):
        write(Ngram(), [], bits, HERE, lambda _: True, lambda _: False, buckets=mine, most=60)


def test_a_text_is_given_up_for_its_first_words() -> None:
    mine, seen = buckets(HERE, VOCABULARY), []
    told = {"buckets": mine, "opens": lambda tokens: bool(seen.append(list(tokens)))}
    with pytest.raises(DoesNotFit, match="60 tokens do not carry 224 bits"):
        write(Ngram(), [], message(0)[2], HERE, lambda _: True, lambda _: True, **told)
    assert [len(each) for each in seen] == [60]


def test_an_opening_behind_other_words_is_found_by_who_looks_farther(
    texts: list[tuple[int, list[int]]],
) -> None:
    number, tokens = texts[0]
    bits = message(number)[2]
    text = arrived([*range(1, 8), *tokens])
    opening = Path(HERE, bits).opening
    part = range(opening >> RANGE_BITS, (opening >> RANGE_BITS) + 1)
    assert opening not in openings(text, part, 8).values
    assert opening in openings(text, part, 8, reach=14).values


def test_bits_that_are_no_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="22 bits"):
        blocks_of(22)


def test_passes_follow_one_another() -> None:
    blocks = 5
    seen = [place(token, blocks) for token in range(OPENING, begins(3, blocks))]
    assert seen[:FIRST] == [(0, which) for which in range(FIRST)]
    assert seen[begins(1, blocks) - OPENING] == (0, FIRST)
    assert seen[begins(2, blocks) - OPENING] == (0, FIRST + LATER)
    assert len(set(seen)) == len(seen) == blocks * (FIRST + 2 * LATER)


def test_values_keep_their_distance() -> None:
    for which in range(20):
        added = sorted(shift(which, value) for value in range(VALUES))
        assert added == list(range(0, BUCKETS, BUCKETS // VALUES))


def test_ratios_have_a_mean_of_one() -> None:
    np.testing.assert_allclose(usual_fit().mean(), 1, atol=0.01)
    np.testing.assert_allclose(fits(np.array([0.9, 0.01])).mean(axis=1), 1, atol=1e-5)


def test_edits_change_as_many_words_as_they_say() -> None:
    words = [f"w{number}" for number in range(4000)]
    text = " ".join(words)
    got = edited(text, Edits(replaced=0.10), np.random.default_rng(0)).split()
    assert 0.08 < np.mean([a != b for a, b in zip(words, got, strict=True)]) < 0.12
    shorter = edited(text, Edits(left_out=0.05), np.random.default_rng(0))
    assert 3740 < len(shorter.split()) < 3860
    assert "  " not in shorter
    assert 4140 < len(edited(text, Edits(put_in=0.05), np.random.default_rng(0)).split()) < 4260
    assert edited(text, Edits(), np.random.default_rng(0)) == text


def test_the_medium_edits_what_it_sends() -> None:
    text = Text(" ".join(f"word{number}" for number in range(400)) + ".")
    got = Texts().send(text, "edited", np.random.default_rng(1))
    assert isinstance(got, Text)
    assert 0.02 < 1 - len(set(got.split()) & set(text.split())) / 400 < 0.2
