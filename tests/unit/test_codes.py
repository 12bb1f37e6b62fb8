"""The codes correct what they promise, say when they cannot, and never change."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest

from latebra.core.errors import DoesNotFit
from latebra.hiding.channel import crc
from latebra.hiding.channel.codes import Code, code
from latebra.hiding.channel.ldpc import LdpcCode

SIZES = [
    (8, 32), (40, 100), (128, 256), (300, 520), (512, 1024), (640, 1024), (90, 1024),
    (960, 1030), (90, 1030), (650, 3000), (4000, 8000), (8300, 12000), (1024, 12288),
]  # fmt: skip


def noisy(word: np.ndarray, decibel: float, rng: np.random.Generator) -> np.ndarray:
    """LLRs after a Gaussian channel of that Es/N0."""
    sigma = np.sqrt(0.5 / 10 ** (decibel / 10))
    received = 2.0 * word - 1.0 + sigma * rng.standard_normal(len(word))
    return (2 * received / sigma**2).astype(np.float32)


def message(book: Code, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, book.k, dtype=np.uint8)


@pytest.mark.parametrize(("k", "n"), SIZES)
def test_a_codeword_decodes_to_its_message(k: int, n: int) -> None:
    rng = np.random.default_rng(k)
    book = code(k, n)
    bits = message(book, rng)
    word = book.encode(bits)
    assert word.shape == (n,)
    assert word.dtype == np.uint8
    decoded = book.decode((8 * word.astype(np.float32) - 4).astype(np.float32))
    assert decoded is not None
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, bits)


@pytest.mark.parametrize(("k", "n"), SIZES)
def test_codewords_satisfy_the_listed_checks(k: int, n: int) -> None:
    book = code(k, n)
    word = book.encode(message(book, np.random.default_rng(n)))
    assert [row.tolist() for row in book.checks() if word[row].sum() % 2] == []


@pytest.mark.parametrize(
    ("k", "n", "least"), [(128, 1024, 100), (650, 3000, 2000), (4000, 8000, 2000)]
)
def test_checks_tell_a_codeword_from_noise(k: int, n: int, least: int) -> None:
    book = code(k, n)
    rows = book.checks()
    assert len(rows) >= least
    noise = np.random.default_rng(0).integers(0, 2, n, dtype=np.uint8)
    failed = np.mean([noise[row].sum() % 2 for row in rows])
    assert 0.4 < failed < 0.6


@pytest.mark.parametrize(
    ("k", "n", "decibel"),
    [(128, 256, 1.0), (128, 1024, -6.5), (512, 1024, -0.7), (650, 3000, -5.0), (4000, 8000, -1.0),
     (400, 3000, -7.3), (6200, 12000, -1.2), (8300, 12000, 1.4)],
)  # fmt: skip
def test_noise_a_decibel_or_so_short_of_the_limit_is_corrected(
    k: int, n: int, decibel: float
) -> None:
    rng = np.random.default_rng(7)
    book = code(k, n)
    for _ in range(20):
        bits = message(book, rng)
        decoded = book.decode(noisy(book.encode(bits), decibel, rng))
        assert decoded is not None
        np.testing.assert_array_equal(decoded, bits)


@pytest.mark.parametrize(("k", "n"), [(128, 512), (300, 1024), (1000, 4000), (4000, 10000)])
def test_a_third_of_the_bits_may_be_erased(k: int, n: int) -> None:
    rng = np.random.default_rng(3)
    book = code(k, n)
    bits = message(book, rng)
    llr = (8 * book.encode(bits).astype(np.float32) - 4).astype(np.float32)
    llr[rng.permutation(n)[: n // 3]] = 0
    decoded = book.decode(llr)
    assert decoded is not None
    np.testing.assert_array_equal(decoded, bits)


@pytest.mark.parametrize(("k", "n"), [(8, 32), (128, 256), (512, 1024), (650, 3000), (4000, 8000)])
def test_an_empty_block_is_no_message(k: int, n: int) -> None:
    assert code(k, n).decode(np.zeros(n, dtype=np.float32)) is None


@pytest.mark.parametrize(("k", "n"), [(650, 3000), (4000, 8000)])
def test_ldpc_refuses_noise(k: int, n: int) -> None:
    rng = np.random.default_rng(11)
    for _ in range(5):
        assert code(k, n).decode(2 * rng.standard_normal(n).astype(np.float32)) is None


def test_polar_takes_noise_for_a_message_as_often_as_its_check_is_long() -> None:
    # Every survivor of a list of 4, then of 32, has one chance in 2**11.
    rng = np.random.default_rng(13)
    book = code(40, 100)
    tries = 600
    taken = sum(
        book.decode(2 * rng.standard_normal(100).astype(np.float32)) is not None
        for _ in range(tries)
    )
    expected = tries * 36 / 2**11
    assert taken < expected + 5 * np.sqrt(expected)


def test_decoding_repeats_itself() -> None:
    rng = np.random.default_rng(17)
    book = code(4000, 8000)
    llr = noisy(book.encode(message(book, rng)), -2.2, rng)
    first, second = book.decode(llr), LdpcCode(4000, 8000).decode(llr)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        np.testing.assert_array_equal(first, second)


def test_decoding_leaves_its_input_alone() -> None:
    for k, n in ((128, 256), (650, 3000)):
        llr = np.random.default_rng(0).standard_normal(n).astype(np.float32)
        before = llr.copy()
        code(k, n).decode(llr)
        np.testing.assert_array_equal(llr, before)


def test_equal_arguments_share_one_code() -> None:
    assert code(650, 3000) is code(650, 3000)


@pytest.mark.parametrize(
    ("k", "n"), [(7, 100), (12, 12), (200, 210), (100, 99), (10, 2000), (2900, 3000), (8, 300_000)]
)
def test_an_impossible_code_names_its_numbers(k: int, n: int) -> None:
    with pytest.raises(DoesNotFit, match=rf"{k}|{n}") as caught:
        code(k, n)
    assert caught.value.fix


def test_the_check_has_its_published_value() -> None:
    # CRC-16/CCITT-FALSE, the CRC catalogue's check value of "123456789".
    bits = np.unpackbits(np.frombuffer(b"123456789", dtype=np.uint8))
    assert crc.register(bits, 16, 0x1021) == 0x29B1
    value = int("".join(map(str, crc.checksum(bits))), 2)
    assert value == crc.register(bits, crc.WIDTH, crc.POLYNOMIAL)


# A changed codeword makes every earlier picture unreadable: change these only with the format.
@pytest.mark.parametrize(
    ("k", "n", "digest"),
    [
        (40, 100, "8854b3e1f8837229"),
        (128, 256, "f349b14f3ac17390"),
        (512, 1024, "cb5e333f343c1027"),
        (400, 3000, "7f3ac304e081bdfb"),
        (1064, 4200, "03dfdb452ef8b067"),
        (4000, 8000, "4f215f65a9942704"),
        (10568, 48512, "d208efac9ca29264"),
    ],
)
def test_the_codes_never_change(k: int, n: int, digest: str) -> None:
    assert fingerprint(k, n) == digest


def fingerprint(k: int, n: int) -> str:
    bits = (np.arange(k) * 7919 % 31 % 2).astype(np.uint8)
    return hashlib.sha256(code(k, n).encode(bits).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("k", "n", "most"), [(512, 1024, 0.2), (4000, 8000, 0.2)])
def test_a_hopeless_block_is_given_up_in_time(k: int, n: int, most: float) -> None:
    book = code(k, n)
    llr = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    book.decode(llr)
    begin = time.perf_counter()
    book.decode(llr)
    assert time.perf_counter() - begin < most
