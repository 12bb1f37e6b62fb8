"""What was built is kept, as much of it as there is room for."""

from __future__ import annotations

import os
import time

import pytest

from latebra.compiling.cache import Cache
from latebra.core.errors import InputError
from latebra.core.files import usual_room_bytes

ROOM = 3500.0
HOUR_S = 3600.0


def facts(number: int) -> dict[str, object]:
    return {"model": number}


def artifact(number: int) -> bytes:
    return bytes([number]) * 1000


def used(cache: Cache, number: int, hours_ago: float) -> None:
    """Says that an artifact was last used some time ago."""
    then = time.time() - hours_ago * HOUR_S
    os.utime(cache.path(facts(number)), (then, then))


@pytest.fixture
def cache(tmp_path):
    """A cache with room for three, which holds two; the first was used last."""
    cache = Cache(tmp_path, ROOM)
    for number, hours_ago in ((1, 1), (2, 2)):
        cache.put(facts(number), artifact(number))
        used(cache, number, hours_ago)
    return cache


def held(cache: Cache, numbers: range = range(1, 6)) -> list[int]:
    return [number for number in numbers if cache.path(facts(number)).exists()]


def test_all_is_kept_while_there_is_room(cache):
    cache.put(facts(3), artifact(3))
    assert held(cache) == [1, 2, 3]
    assert [cache.get(facts(number)) for number in (1, 2, 3)] == [*map(artifact, (1, 2, 3))]


def test_what_was_used_longest_ago_makes_room(cache):
    cache.put(facts(3), artifact(3))
    cache.put(facts(4), artifact(4))
    assert held(cache) == [1, 3, 4]


def test_reading_is_using(cache):
    cache.put(facts(3), artifact(3))
    used(cache, 3, 1.5)
    assert cache.get(facts(2)) == artifact(2)
    used(cache, 1, 1.7)
    cache.put(facts(4), artifact(4))
    assert held(cache) == [2, 3, 4]


def test_what_is_larger_than_the_room_is_kept_alone(cache):
    cache.put(facts(5), bytes(5000))
    assert held(cache) == [5]
    assert cache.get(facts(5)) == bytes(5000)


def test_whoever_reads_what_is_dropped_has_it_whole(cache):
    with cache.path(facts(2)).open("rb") as reader:
        cache.put(facts(3), artifact(3))
        cache.put(facts(4), artifact(4))
        assert reader.read().endswith(artifact(2))


def test_nothing_else_in_the_folder_is_touched(cache, tmp_path):
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "network.artifact").write_bytes(bytes(9000))
    (tmp_path / "notes.txt").write_bytes(bytes(9000))
    cache.put(facts(3), artifact(3))
    assert held(cache) == [1, 2, 3]
    assert (tmp_path / "notes.txt").exists()


def test_what_a_killed_process_began_is_dropped_after_a_day(cache, tmp_path):
    old, new = tmp_path / ".latebra-old", tmp_path / ".latebra-new"
    for path in (old, new):
        path.write_bytes(b"half")
    then = time.time() - 25 * HOUR_S
    os.utime(old, (then, then))
    cache.put(facts(3), artifact(3))
    assert not old.exists()
    assert new.exists()


def test_the_room_is_what_the_user_says(monkeypatch, tmp_path):
    monkeypatch.delenv("LATEBRA_CACHE_GB", raising=False)
    assert usual_room_bytes() == 20e9
    monkeypatch.setenv("LATEBRA_CACHE_GB", "0.5")
    assert Cache.at(tmp_path) == Cache(tmp_path, 5e8)
    monkeypatch.setenv("LATEBRA_CACHE_GB", "inf")
    assert usual_room_bytes() == float("inf")


@pytest.mark.parametrize("told", ["plenty", "-1", "nan"])
def test_what_is_no_number_of_gigabytes_is_said_in_words(monkeypatch, told):
    monkeypatch.setenv("LATEBRA_CACHE_GB", told)
    with pytest.raises(InputError, match=f"LATEBRA_CACHE_GB is '{told}'") as caught:
        usual_room_bytes()
    assert "inf" in caught.value.fix
