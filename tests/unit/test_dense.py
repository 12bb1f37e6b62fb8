"""Frames in the choice of tokens, with a small model in place of a language model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from latebra.core.errors import DoesNotFit, InputError
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Encoder, edges
from latebra.hiding.tokens.agreement import Agreement, Secrets
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.dense import read, sample, write
from latebra.hiding.tokens.tables import Quantiser
from tests.unit.ngram import VOCABULARY, Ngram

MODEL = Ngram()
PROMPT = [1, 2, 3]
NOISE = 2e-5


def sentence_ends(tokens: Sequence[int]) -> bool:
    return tokens[-1] < 30


def at_once(tokens: Sequence[int]) -> bool:
    return True


def stream(number: int) -> Stream:
    return Stream(number.to_bytes(32, "little"))


def coins(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng([size, seed]).integers(0, 2, 8 * size, dtype=np.uint8)


def recovered(bits: np.ndarray, tokens: list[int], model: Ngram, number: int, error: float) -> bool:
    """Whether some candidate begins with the frame, as its seal would find."""
    found = read(model, PROMPT, tokens, stream(number), correction=Correction(error=error))
    return any(np.array_equal(bits, candidate[: bits.size]) for candidate in found)


@pytest.mark.parametrize("size", [0, 1, 16, 100, 512])
def test_a_frame_comes_back(size: int) -> None:
    bits = coins(size, 0)
    tokens = write(MODEL, PROMPT, bits, stream(size), sentence_ends)
    assert sentence_ends(tokens)
    candidates = list(read(MODEL, PROMPT, tokens, stream(size), correction=Correction(error=0.0)))
    assert len(candidates) == 1
    np.testing.assert_array_equal(candidates[0][: bits.size], bits)
    assert tokens == write(MODEL, PROMPT, bits, stream(size), sentence_ends)


def test_rounding_errors_are_undone() -> None:
    plain = 0
    texts = [(size, number) for size in (16, 64, 256) for number in range(5)] + [(512, 8)]
    for size, number in texts:
        bits = coins(size, number)
        tokens = write(MODEL, PROMPT, bits, stream(number), sentence_ends)
        noisy = Ngram(NOISE, twin=number)
        assert recovered(bits, tokens, noisy, number, error=1.5e-4), (size, number)
        plain += recovered(bits, tokens, noisy, number, error=0.0)
    assert plain < 0.6 * len(texts)  # the noise is one that nobody reads through by luck


def test_ticks_that_are_right_by_chance_are_left_again() -> None:
    short = Agreement(tick_bits=4)
    for number in range(5):
        bits = coins(128, number)
        tokens = write(MODEL, PROMPT, bits, stream(number), sentence_ends, agreement=short)
        noisy = Ngram(NOISE, twin=number)
        look = Correction(error=1.5e-4)
        found = read(noisy, PROMPT, tokens, stream(number), agreement=short, correction=look)
        assert any(np.array_equal(candidate[: bits.size], bits) for candidate in found), number


def test_another_stream_reads_nothing() -> None:
    for number in range(10):
        bits = coins(64, number)
        tokens = write(MODEL, PROMPT, bits, stream(number), sentence_ends)
        few = Correction(tries=256)
        for candidate in read(MODEL, PROMPT, tokens, stream(100 + number), correction=few):
            assert np.mean(candidate[: bits.size] == bits[: candidate.size]) < 0.7


def test_another_model_or_prompt_reads_nothing() -> None:
    bits = coins(64, 1)
    tokens = write(MODEL, PROMPT, bits, stream(1), sentence_ends)
    assert not list(read(MODEL, [4, 5], tokens, stream(1), correction=Correction(error=0.0)))
    never = int(np.argmin(MODEL.logits([*PROMPT, *tokens[:50]])))
    assert not list(read(MODEL, PROMPT, [*tokens[:50], never], stream(1)))


def test_first_tokens_over_many_keys_are_those_of_the_tables() -> None:
    texts, expected, counts = 1200, np.zeros(VOCABULARY), np.zeros(VOCABULARY)
    for number in range(texts):
        bits = coins(1, number)
        counts[write(MODEL, PROMPT, bits, stream(number), at_once)[0]] += 1
        levels = Agreement().levels(MODEL, PROMPT, Secrets(stream(number), 16).dither(PROMPT))
        weights = levels.weights()
        expected[levels.tokens] += weights / weights.sum()
    common = expected >= 5
    want = np.append(expected[common], expected[~common].sum())
    got = np.append(counts[common], counts[~common].sum())
    statistic, freedom = float(((got - want) ** 2 / want).sum()), want.size - 1
    assert freedom > 20
    assert abs(statistic - freedom) < 4 * math.sqrt(2 * freedom)


def position(weights: np.ndarray, entry: int, within: float) -> float:
    """Returns where a token lies in its table, the likeliest first: evenly spread if drawn from it.

    Args:
        weights: The table.
        entry: The token.
        within: Where in the token's own share, from 0 to 1.
    """
    before = (
        weights[weights > weights[entry]].sum()
        + weights[:entry][weights[:entry] == weights[entry]].sum()
    )
    return float((before + within * weights[entry]) / weights.sum())


def divergence(positions: list[float], bins: int = 8) -> float:
    """Returns by how many bits a token the positions are from evenly spread ones."""
    share = np.histogram(positions, bins, (0, 1))[0] / len(positions)
    return float((share * np.log2(np.maximum(share, 1e-12) * bins)).sum())


def test_texts_are_those_of_the_sampler_and_use_its_whole_entropy() -> None:
    rng = np.random.default_rng(3)
    positions, wrong = list[float](), list[float]()
    entropy = information = settled = 0.0
    count = 0
    for number in range(4):
        bits = coins(512, number)
        tokens = write(MODEL, PROMPT, bits, stream(number), at_once)
        (found,) = read(MODEL, PROMPT, tokens, stream(number), correction=Correction(error=0.0))
        secrets = Secrets(stream(number), 16)
        encoder = Encoder()
        for at, token in enumerate(tokens):
            context = [*PROMPT, *tokens[:at]]
            dither = secrets.dither(context)
            levels = Agreement().levels(MODEL, context, dither)
            weights = levels.weights()
            entry = int(np.searchsorted(levels.tokens, token))
            encoder.push(edges(weights), entry)
            positions.append(position(weights, entry, rng.uniform()))
            share = weights[weights > 0] / weights.sum()
            entropy -= float(share @ np.log2(share))
            information -= math.log2(weights[entry] / weights.sum())
            hot = Agreement(Quantiser(temperature=1.1)).levels(MODEL, context, dither)
            entry = int(np.searchsorted(hot.tokens, token))
            wrong.append(position(hot.weights(), entry, rng.uniform()))
        count += len(tokens)
        settled += encoder.settled
        ticks = encoder.settled - found.size
        assert encoder.settled // 176 - 1 <= ticks // 16 <= encoder.settled // 160
        np.testing.assert_array_equal(found[: bits.size], bits)
    assert 4 < entropy / count < 7
    assert settled > 0.99 * entropy
    assert 0.998 * information < settled <= information
    assert divergence(positions) < 0.005
    assert divergence(wrong) > 0.005  # a sampler at a temperature of 1.1 does not pass


def test_a_text_without_a_message_is_written_alike() -> None:
    tokens = sample(MODEL, PROMPT, 512, stream(5), sentence_ends)
    hidden = write(MODEL, PROMPT, coins(64, 5), stream(5), sentence_ends)
    assert abs(len(tokens) - len(hidden)) < 60
    assert any(
        True for _ in read(MODEL, PROMPT, tokens, stream(5))
    )  # it has ticks, as any text has


def test_what_may_not_follow_does_not() -> None:
    def even(context: Sequence[int], tokens: np.ndarray) -> np.ndarray:
        return (tokens + context[-1]) % 2 == 0

    agreement = Agreement(allowed=even)
    bits = coins(40, 2)
    tokens = write(MODEL, PROMPT, bits, stream(2), sentence_ends, agreement=agreement)
    assert {token % 2 for token in tokens} == {PROMPT[-1] % 2}
    found = next(read(MODEL, PROMPT, tokens, stream(2), agreement=agreement))
    np.testing.assert_array_equal(found[: bits.size], bits)
    odd = [*tokens[:10], tokens[10] ^ 1, *tokens[11:]]
    assert not list(read(MODEL, PROMPT, odd, stream(2), agreement=agreement))


def test_a_model_that_says_too_little_is_refused() -> None:
    class Sure:
        def logits(self, context: Sequence[int]) -> np.ndarray:
            return np.array([9.0, 0.0, -9.0])

    with pytest.raises(DoesNotFit, match=r"400 tokens took [0-9]+ bits"):
        write(Sure(), [], coins(64, 0), stream(0), at_once, most=400)


def test_a_dead_end_is_refused() -> None:
    nothing = Agreement(allowed=lambda context, tokens: np.zeros(tokens.size, np.bool_))
    with pytest.raises(InputError, match="weights sum to 0"):
        write(MODEL, PROMPT, coins(1, 0), stream(0), at_once, agreement=nothing)


def test_sure_models_are_read_though_ticks_take_longer_than_their_turn() -> None:
    class Hesitant:
        def logits(self, context: Sequence[int]) -> np.ndarray:
            return np.array([2.5, 0.0, -0.1]) if len(context) % 3 else np.array([0.0, -40.0])

    bits = coins(30, 4)
    tokens = write(Hesitant(), [], bits, stream(4), at_once)
    found = next(read(Hesitant(), [], tokens, stream(4)))
    np.testing.assert_array_equal(found[: bits.size], bits)
