"""Libraries: found and read with their key, noise without it."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.api.library import Library
from latebra.core.errors import NothingRevealed, UnreadableFile, UnwritableFile
from latebra.core.keys import Key
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.sketch import BITS, Sketcher, nearest

DIMS = 64
TOPICS = ("rivers", "engines", "birds", "taxes", "bread", "stars")


def vector(seed: str) -> np.ndarray:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
    drawn = np.random.default_rng(number).standard_normal(DIMS)
    return drawn / np.linalg.norm(drawn)


def embed(text: str) -> np.ndarray:
    """A text lies near its first word."""
    mixed = vector(text.split()[0]) + 0.5 * vector(text)
    return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def opened(folder: Path, key: bytes) -> Library:
    return Library(folder / "library", Key(key * 32), embed, "a network")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for key, topics in ((b"1", TOPICS[:3]), (b"2", TOPICS[3:])):
        documents = [(f"{topic} {at}", f"{topic} {at}") for topic in topics for at in range(20)]
        opened(tmp_path, key).add(documents)
    return tmp_path


def test_each_key_finds_and_reads_its_own(folder):
    for key, topics in ((b"1", TOPICS[:3]), (b"2", TOPICS[3:])):
        library = opened(folder, key)
        for topic in topics:
            found = library.search(f"{topic} of another kind", most=10)
            assert [each.title.split()[0] for each in found] == [topic] * 10
            assert [each.likeness for each in found] == sorted(
                (each.likeness for each in found), reverse=True
            )
            assert library.open(found[0].number) == (found[0].title, found[0].text)


def test_another_key_finds_and_reads_nothing(folder):
    stranger, first = opened(folder, b"3"), opened(folder, b"1")
    assert stranger.search("rivers") == []
    for library, number in ((stranger, 1), (first, 61), (first, 999)):
        with pytest.raises(NothingRevealed):
            library.open(number)


def test_nothing_in_the_file_is_in_the_clear(folder):
    content = (folder / "library").read_bytes()
    for topic in TOPICS:
        assert topic.encode() not in content
    with sqlite3.connect(folder / "library") as file:
        rows = file.execute("select sketch, body from entries").fetchall()
    ones = np.unpackbits(np.frombuffer(b"".join(row[1] for row in rows), np.uint8))
    assert abs(ones.mean() - 0.5) < 4 * 0.5 / len(ones) ** 0.5
    lengths = [len(row[1]) for row in rows]
    assert max(lengths) <= 1.12 * min(lengths), "Padmé hides a length but for 12 %"


def test_sketches_of_two_keys_have_nothing_in_common_and_of_one_they_show_likeness():
    one, other = (Sketcher(Stream(bytes([at]) * 32), DIMS) for at in (1, 2))
    same = embed("rivers 1"), embed("rivers 2")

    def apart(first: np.ndarray, second: np.ndarray) -> int:
        return int(np.bitwise_count(first ^ second).sum())

    angle = np.arccos(same[0] @ same[1]) / np.pi
    assert abs(apart(one.sketch(same[0]), one.sketch(same[1])) / BITS - angle) < 0.1
    assert abs(apart(one.sketch(same[0]), other.sketch(same[0])) / BITS - 0.5) < 0.1


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_the_nearest_sketches_are_those_of_a_plain_count(seed, count, most):
    rng = np.random.default_rng(seed)
    sketches = rng.integers(0, 2**64, (count, 8), dtype=np.uint64)
    wanted = rng.integers(0, 2**64, 8, dtype=np.uint64)
    apart = np.bitwise_count(sketches ^ wanted).sum(axis=1)
    found = nearest(sketches, wanted, most)
    np.testing.assert_array_equal(found, np.argsort(apart, kind="stable")[:most])


def test_an_empty_library_and_a_file_that_is_none(tmp_path):
    assert opened(tmp_path, b"1").search("rivers") == []
    (tmp_path / "library").write_bytes(b"no database, and long enough to be read as one" * 40)
    with pytest.raises(UnreadableFile, match="is no library"):
        opened(tmp_path, b"1")
    with pytest.raises(UnwritableFile, match="cannot be opened"):
        opened(tmp_path / "absent", b"1")
