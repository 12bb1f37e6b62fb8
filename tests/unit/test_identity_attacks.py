"""What breaks helpers in the clear must not break vaults; each attack first shows that it works."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.template import read_as_helper, recovered
from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.hiding.audit.roc import area
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Helper, commit, direction, recover
from latebra.hiding.identity.locked import helper_under, lock, unlock
from tests.unit.test_identity import KEY, SHAPE, embedded, like, person

ENROLMENTS = 6


def helpers_of(who: np.ndarray, count: int) -> tuple[list[Helper], list[bytes], list[np.ndarray]]:
    seeds = [bytes([at]) * 32 for at in range(count)]
    secrets = [Stream(seed).child("a secret").bits(SHAPE.secret_bits) for seed in seeds]
    made = [
        commit([like(who, at, 0.95)], secrets[at], SHAPE, Stream(seed), Stream(bytes([at, 9]) * 16))
        for at, seed in enumerate(seeds)
    ]
    return made, seeds, secrets


def test_several_helpers_in_the_clear_give_the_embedding_and_several_vaults_do_not():
    who = person(1)
    helpers, seeds, secrets = helpers_of(who, ENROLMENTS)
    found = recovered(helpers, seeds, SHAPE)
    assert abs(found @ direction([who])) > 0.8
    opened = [
        secret is not None and (secret == secrets[0]).all()
        for sign in (1, -1)
        for secret in [
            recover([(sign * found).astype(np.float32)], helpers[0], SHAPE, Stream(seeds[0]))
        ]
    ]
    assert any(opened), "the control must break what is in the clear"

    vaults = [
        lock(b"content", embedded(like(who, at, 0.95)), factor=KEY) for at in range(ENROLMENTS)
    ]
    read = [read_as_helper(vault, SHAPE) for vault in vaults]
    blind = recovered([helper for helper, _ in read], [seed for _, seed in read], SHAPE)
    assert abs(blind @ direction([who])) < 5 / SHAPE.dims**0.5
    for sign in (1, -1):
        with pytest.raises(NothingRevealed):
            unlock(vaults[0], embedded((sign * blind).astype(np.float32)), factor=KEY)


def test_a_wrong_second_factor_gives_sizes_as_even_as_the_right_one():
    """Were the length of what was enrolled not drawn, the sum of squares would tell."""
    right, wrong, plain_right, plain_wrong = [], [], [], []
    for seed in range(40):
        who = like(person(seed), seed)
        vault = lock(b"content", embedded(who), factor=KEY, random=_drawn(seed))
        for key, scores in ((KEY, right), (Key(bytes([7]) * 32), wrong)):
            scores.append(_energy(helper_under(vault, SHAPE, factor=key)[0].sizes))
        # A scheme that keeps what it always was: sizes as they are, the vector of length one.
        sizes = np.abs(direction([who])) * SHAPE.dims**0.5
        plain_right.append(abs(float((sizes**2).mean()) - 1))
        noise = np.random.default_rng(seed).standard_normal(SHAPE.dims)
        plain_wrong.append(abs(float((noise**2).mean()) - 1))
    control = area(-np.array(plain_right), -np.array(plain_wrong))
    assert control.value > 0.99, f"the control must be caught: {control}"
    found = area(np.array(right), np.array(wrong))
    assert found.low < 0.5 < found.high or abs(found.value - 0.5) < 0.15, str(found)


def test_a_dictionary_opens_nothing_without_the_person_and_something_with():
    who = person(1)
    words = [bytes([at, 1]) * 16 for at in range(30)]
    vault = lock(b"content", embedded(who), factor=Key(words[23]))
    opened = [word for word in words if _opens(vault, person(2), Key(word))]
    assert not opened
    assert [word for word in words[20:25] if _opens(vault, who, Key(word))] == [words[23]]


def test_an_old_vault_is_dead_after_its_share_is_forgotten():
    who, share = person(1), bytes(range(32))
    old = lock(b"content", embedded(who), factor=KEY, share=share)
    assert _opens(old, who, KEY, share)
    renewed = lock(b"content", embedded(who), factor=KEY, share=bytes(31) + b"1")
    for replayed in (b"", bytes(31) + b"1"):
        assert not _opens(old, who, KEY, replayed)
    assert _opens(renewed, who, KEY, bytes(31) + b"1")


def _opens(vault: bytes, shown: np.ndarray, key: Key, share: bytes = b"") -> bool:
    try:
        unlock(vault, embedded(shown), factor=key, share=share)
    except NothingRevealed:
        return False
    return True


def _energy(sizes: np.ndarray) -> float:
    return abs(float(((sizes.astype(float) - 127.5) ** 2).mean()) - (256**2 - 1) / 12)


def _drawn(seed: int):
    rng = np.random.default_rng(seed)
    return rng.bytes
