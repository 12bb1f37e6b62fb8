"""Vaults behind a sample and a second factor: the algorithm, on arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.core.errors import InputError, NothingRevealed
from latebra.core.keys import Key
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Helper, Shape, commit, direction, recover
from latebra.hiding.identity.locked import HELPER, NAME, Embedded, lock, name_of, unlock
from latebra.hiding.identity.strength import Measured, Strength
from latebra.hiding.identity.turning import axes

SHAPE = Shape(dims=256, bits=256, secret_bits=64)
KEY = Key(bytes(range(32)))


def person(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE.dims).astype(np.float32)


def like(vector: np.ndarray, seed: int, cosine: float = 0.8) -> np.ndarray:
    noise = np.random.default_rng(1000 + seed).standard_normal(len(vector))
    noise *= np.linalg.norm(vector) / np.linalg.norm(noise) * np.sqrt(1 / cosine**2 - 1)
    return (vector + noise).astype(np.float32)


def embedded(*samples: np.ndarray, kind: str = "voice", digest: str = "a network") -> Embedded:
    return Embedded(kind, digest, SHAPE, samples)


@given(st.integers(0, 2**32), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_axes_are_at_right_angles_and_another_seed_has_others(one, other):
    first, second = (axes(Stream(at.to_bytes(32, "little")), 40) for at in (one, other))
    np.testing.assert_allclose(first @ first.T, np.eye(40), atol=1e-12)
    assert (one == other) == bool(np.allclose(first, second))


@given(st.integers(0, 2**32), st.floats(0.8, 1.0))
@settings(max_examples=20, deadline=None)
def test_a_like_embedding_gives_the_secret_back_and_a_stranger_does_not(seed, cosine):
    stream, fresh = Stream(seed.to_bytes(32, "big")), Stream(seed.to_bytes(32, "little")[::-1])
    secret = fresh.child("a secret").bits(SHAPE.secret_bits)
    who = person(seed)
    helper = commit([who], secret, SHAPE, stream, fresh)
    found = recover([like(who, seed, cosine)], helper, SHAPE, stream)
    assert found is not None
    np.testing.assert_array_equal(found, secret)
    strange = recover([person(seed + 1)], helper, SHAPE, stream)
    assert strange is None or (strange != secret).any()


def test_the_length_of_an_embedding_does_not_matter():
    np.testing.assert_allclose(direction([person(1)]), direction([7 * person(1)]), atol=1e-7)


@pytest.mark.parametrize("bad", [np.zeros(SHAPE.dims), np.full(SHAPE.dims, np.nan)])
def test_an_embedding_that_is_none_is_refused(bad):
    with pytest.raises(InputError, match="zero, or no number"):
        direction([person(1), bad.astype(np.float32)])
    with pytest.raises(InputError, match="cancel"):
        direction([person(1), -person(1)])


def test_a_vault_opens_for_the_person_and_the_key_alone():
    who = person(1)
    vault = lock(b"the content", embedded(like(who, 1), like(who, 2), like(who, 3)), factor=KEY)
    assert unlock(vault, embedded(like(who, 4)), factor=KEY).content == b"the content"
    assert unlock(vault, embedded(like(who, 4), like(who, 5)), factor=KEY).facts["version"] == 1
    damaged = bytearray(vault)
    damaged[-1] ^= 1
    other = {
        "another person": (vault, embedded(person(2)), KEY, b""),
        "another key": (vault, embedded(who), Key(bytes(32)), b""),
        "a share that it never had": (vault, embedded(who), KEY, bytes(32)),
        "another network": (vault, embedded(who, digest="another"), KEY, b""),
        "a damaged file": (bytes(damaged), embedded(who), KEY, b""),
        "a damaged helper": (vault[:NAME] + bytes(HELPER) + vault[-200:], embedded(who), KEY, b""),
        "another name": (bytes(NAME) + vault[NAME:], embedded(who), KEY, b""),
        "a short file": (vault[:40], embedded(who), KEY, b""),
        "an empty file": (b"", embedded(who), KEY, b""),
    }
    said = set()
    for what, (file, shown, key, share) in other.items():
        with pytest.raises(NothingRevealed) as caught:
            unlock(file, shown, factor=key, share=share)
        said.add(str(caught.value))
        assert what not in str(caught.value)
    assert len(said) == 1


def test_a_share_is_needed_where_there_was_one():
    who, share = person(1), bytes(range(32))
    vault = lock(b"the content", embedded(who), factor=KEY, share=share)
    assert unlock(vault, embedded(who), factor=KEY, share=share).content == b"the content"
    with pytest.raises(NothingRevealed):
        unlock(vault, embedded(who), factor=KEY)


def test_kinds_have_vaults_of_the_same_length_and_empty_content_is_refused():
    small = Embedded("picture", "b", Shape(40, 40, 12), [person(1)[:40]])
    assert len(lock(b"x", small, factor=KEY)) == len(lock(b"x", embedded(person(1)), factor=KEY))
    with pytest.raises(InputError, match="empty"):
        lock(b"", small, factor=KEY)


def test_two_vaults_of_one_person_have_nothing_in_common():
    made = [lock(b"the content", embedded(person(1)), factor=KEY) for _ in range(2)]
    first, second = (np.unpackbits(np.frombuffer(each, np.uint8)) for each in made)
    assert name_of(made[0]) != name_of(made[1])
    same = float((first == second).mean())
    assert abs(same - 0.5) < 4 * 0.5 / len(first) ** 0.5


def test_bytes_of_helpers_are_even_to_who_has_no_sample():
    """Else a wrong passphrase could be told from the right one without a voice."""
    sizes, masked = [], []
    for seed in range(60):
        fresh = Stream(bytes([seed]) * 32)
        secret = fresh.child("secret").bits(SHAPE.secret_bits)
        who = like(person(seed), seed)
        helper = commit([who], secret, SHAPE, fresh.child("axes"), fresh)
        sizes.append(helper.sizes)
        masked.append(helper.masked)
    counts = np.bincount(np.concatenate(sizes), minlength=256)
    statistic = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert abs(statistic - 255) < 4 * (2 * 255) ** 0.5
    ones = np.concatenate(masked)
    assert abs(ones.mean() - 0.5) < 4 * 0.5 / len(ones) ** 0.5
    # A length that all had in common would show here: chance has a spread of sqrt(2 / dims).
    energy = np.stack(sizes).astype(float).var(axis=1)
    expected = np.random.default_rng(0).integers(0, 256, (4000, SHAPE.dims)).var(axis=1)
    assert 0.7 < energy.std() / expected.std() < 1.4


def test_axes_of_large_coordinates_are_chosen():
    sizes = np.arange(SHAPE.dims, dtype=np.uint8)
    helper = Helper(sizes, np.zeros(SHAPE.dims, np.uint8))
    np.testing.assert_array_equal(helper.chosen(3), [253, 254, 255])


def test_strength_adds_what_must_be_guessed_together():
    measured = Measured(1 / 1024, 10, 3_000, 7, "seven voices", apart=False)
    strong = Strength(64, measured, 44.0, "a passphrase")
    assert strong.bits == 10 + 44
    assert Strength(8, measured, 0.0, "nothing").bits == 8
    assert "min(64, −log2 0.00098) + 44.0 (a passphrase)" in str(strong)
    assert "3,000 tries by 7 of seven voices" in str(strong)
    alone = Strength(64, replace(measured, apart=True), 44.0, "a passphrase")
    assert 44 < alone.bits < 44.001
    assert "log2(2^min(64, −log2 0.00098) + 2^44.0) (a passphrase)" in str(alone)
    assert Strength(64, replace(measured, apart=True), 10.0, "").bits == 11
