import itertools

import numpy as np
import pytest

from latebra.core.errors import DoesNotFit
from latebra.hiding.channel import basis, sync
from latebra.hiding.channel.modem import Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.channel.sync import Word
from latebra.hiding.channel.table import Room, Table, capacities, choose_depths

DIMS = 3072
STREAM = Stream(b"\x07" * 32)
OTHER = Stream(b"\x08" * 32)
WORD = Word(3, 12)


def _table() -> Table:
    noise = np.linspace(0.05, 2.0, DIMS, dtype=np.float32)
    gain = np.full(DIMS, 0.9, np.float32)
    depths = choose_depths(capacities(gain, noise))
    return Table(gain, noise, depths, WORD, (Room(24, 1000), Room(120, 2400)))


TABLE = _table()
MODEM = Modem(TABLE, STREAM)


def _through(sent: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (TABLE.gain * sent + TABLE.noise * rng.standard_normal(DIMS)).astype(np.float32)


@pytest.mark.parametrize("size", [24, 120])
def test_frames_come_back_through_noise(size):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        frame, salt = rng.bytes(size), rng.bytes(3)
        (found,) = MODEM.demodulate(_through(MODEM.modulate(frame, salt), seed))
        assert (found.frame, found.salt) == (frame, salt)


def test_another_key_finds_nothing():
    received = _through(MODEM.modulate(bytes(120), b"one"), 1)
    assert list(Modem(TABLE, OTHER).demodulate(received)) == []


def test_noise_alone_is_nothing():
    received = np.random.default_rng(1).standard_normal(DIMS).astype(np.float32)
    assert list(MODEM.demodulate(received)) == []


def test_a_salt_changes_everything_but_places():
    one, two = MODEM.modulate(bytes(120), b"one"), MODEM.modulate(bytes(120), b"two")
    agreeing = np.mean((one > 0) == (two > 0))
    assert abs(agreeing - 0.5) < 4 * 0.5 / np.sqrt(DIMS)


def test_one_frame_twice_shares_no_codeword():
    """The exclusive or of two pictures' signs shows no more parity than coin flips do."""
    dims, planes = MODEM.layout(TABLE.rooms[1])
    signs = dims[planes == 0]
    pictures = [MODEM.modulate(bytes(120), bytes([i] * 3)) > 0 for i in range(40)]
    rates = [np.mean(a[signs] ^ b[signs]) for a, b in itertools.pairwise(pictures)]
    assert abs(np.mean(rates) - 0.5) < 4 * 0.5 / np.sqrt(39 * signs.size)


def test_no_room_says_which_there_are():
    with pytest.raises(DoesNotFit, match="25 bytes has no room, there are 24, 120 bytes"):
        MODEM.modulate(bytes(25), b"one")


def test_the_layout_uses_each_bit_once():
    for room in TABLE.rooms:
        dims, planes = MODEM.layout(room)
        assert len({*zip(dims.tolist(), planes.tolist(), strict=True)}) == dims.size
        assert (planes < TABLE.depths[dims]).all()
        assert not set(dims) & set(TABLE.synchronising)


def test_the_basis_is_orthonormal():
    noise = np.random.default_rng(2).standard_normal((2, 3, 16, 16)).astype(np.float32)
    there = basis.forward(noise)
    np.testing.assert_allclose((there**2).sum(), (noise**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(basis.inverse(there, 16), noise, atol=1e-5)


def test_a_flat_picture_is_its_first_frequency():
    there = basis.forward(np.ones((1, 3, 16, 16), np.float32))
    assert np.abs(there[0, 1:]).max() < 1e-4
    assert there[0, 0] == pytest.approx(np.sqrt(3 * 256), rel=1e-5)


def test_words_are_found_at_their_noise():
    rng = np.random.default_rng(5)
    found = 0
    for index in range(50):
        salt = rng.bytes(3)
        bits = sync.write(WORD, salt, 1, STREAM)
        llr = 2.0 * (2.0 * (2.0 * bits - 1) + 2.0 * rng.standard_normal(bits.size) / np.sqrt(2))
        found += sync.search(WORD, llr.astype(np.float32), 3, STREAM) == (salt, 1)
        assert index % 10 or sync.search(WORD, llr.astype(np.float32), 3, OTHER) is None
    assert found >= 48


def test_a_salt_that_is_written_three_times_is_found_where_a_sign_in_six_is_lost():
    rng = np.random.default_rng(8)
    found = {1: 0, 3: 0}
    for repeats in found:
        word = Word(3, 16, repeats)
        for _ in range(30):
            salt = rng.bytes(3)
            bits = sync.write(word, salt, 2, STREAM)
            assert bits.size == word.bits
            llr = 2.0 * (2.0 * bits - 1 + rng.standard_normal(bits.size))
            found[repeats] += sync.search(word, llr.astype(np.float32), 3, STREAM) == (salt, 2)
    assert found[3] == 30
    assert found[1] < 27


def test_false_alarms_are_rare():
    rng = np.random.default_rng(6)
    llr = (3 * rng.standard_normal((30, WORD.bits))).astype(np.float32)
    # The bound is 1e-4 each: even one in 30 would have probability 0.003.
    assert all(sync.search(WORD, row, 3, STREAM) is None for row in llr)


def test_a_cover_that_tells_its_own_noise_is_read_where_the_table_alone_is_not():
    rng = np.random.default_rng(9)
    frame, salt = rng.bytes(24), rng.bytes(3)
    harmed = rng.random(DIMS) < 0.6
    harmed[TABLE.synchronising] = False
    noise = np.where(harmed, np.float32(12.0), TABLE.noise)
    sent = MODEM.modulate(frame, salt)
    received = (TABLE.gain * sent + noise * rng.standard_normal(DIMS)).astype(np.float32)
    assert list(MODEM.demodulate(received)) == []
    (found,) = MODEM.demodulate(received, noise)
    assert (found.frame, found.salt) == (frame, salt)
