"""Shared memory: it grows, it never shrinks, and it has no name to leave behind."""

from __future__ import annotations

import errno
import gc
import os
import sys
import tempfile

import numpy as np
import pytest

from latebra.compiling import wire
from latebra.compiling.arena import Arena, free_arena
from latebra.compiling.wire import Garbled, Message
from latebra.core.errors import RunFailed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="arrays cross the pipe there")


@pytest.fixture
def arena():
    made = Arena.made()
    yield made
    made.close()


def crossed(message: Message, arena: Arena | None, other: Arena | None) -> Message:
    packed = wire.packed(message, arena)
    return wire.receive(lambda size: packed[:size] if size < len(packed) else packed, other)


def test_what_one_writes_the_other_reads_even_after_it_grew(arena):
    other = Arena(os.dup(arena.fd))
    for length in (3, 100_000, 2_000_000):
        x = np.arange(length, dtype=np.float32)
        found = crossed(Message({"n": length}, {"x": x}, b"blob"), arena, other)
        np.testing.assert_array_equal(found.arrays["x"], x)
        assert bytes(found.blob) == b"blob"
        assert found.head == {"n": length}
    other.close()


def test_arrays_start_where_the_widest_load_may(arena):
    arrays = {str(n): np.ones(n, np.uint8) for n in (1, 63, 64, 65)}
    for array in crossed(Message({}, arrays), arena, arena).arrays.values():
        assert array.ctypes.data % 64 == 0


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="seals are Linux's")
def test_nobody_can_take_pages_away(arena):
    arena.reserved(1 << 16)
    with pytest.raises(PermissionError):
        os.ftruncate(arena.fd, 0)


def test_a_lent_arena_is_free_when_its_arrays_are_gone(arena):
    arenas = [arena, Arena.made(), Arena.made()]
    arena.reserved(100)
    flat = arena.flat(100)
    view = np.ndarray((10,), np.uint8, flat, 5)[2:].reshape(2, 4)
    arena.lend(flat)
    del flat
    assert arena.is_lent
    assert free_arena(arenas) == 1
    arenas[1].lend(view)
    assert free_arena(arenas) == 2  # The last is never lent: answers there are copied.
    del view
    gc.collect()
    assert free_arena(arenas) == 0
    for each in arenas[1:]:
        each.close()


def test_without_memory_files_a_file_without_a_name_serves(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    made = Arena.made()
    x = np.arange(50_000)
    found = crossed(Message({}, {"x": x}), made, made)
    np.testing.assert_array_equal(found.arrays["x"], x)
    assert list(tmp_path.iterdir()) == []
    made.close()


def test_a_lack_of_room_is_said_before_anything_is_written(arena, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space"):
        wire.packed(Message({}, {"x": np.ones(9)}), arena)


@pytest.mark.parametrize(
    "told",
    [
        b"not json",
        b'[{}, [["x", "<f4", [1000000], 0]], 0, 64, true]',
        b'[{}, [["x", "<f4", [1], 1000000]], 0, 64, true]',
        b'[{}, [["x", "no type", [1], 0]], 0, 64, true]',
        b'[{}, [["x", "<f4", [-1], 0]], 0, 64, true]',
        b"[{}, [], 0, 99999999, true]",
        b"[1]",
        b"{}",
    ],
)
def test_what_is_no_message_is_said_to_be_none(arena, told):
    arena.reserved(64)
    packed = wire.LENGTHS.pack(len(told), 0) + told
    with pytest.raises(Garbled):
        wire.receive(lambda _: packed, arena)


def test_a_message_that_points_into_memory_not_shared_is_refused(arena):
    packed = wire.packed(Message({}, {"x": np.ones(3)}), arena)
    with pytest.raises(Garbled, match="not shared"):
        wire.receive(lambda _: packed)


def test_records_and_objects_do_not_cross(arena):
    for array in (np.zeros(2, [("a", "f4")]), np.array([{}])):
        with pytest.raises(RunFailed, match="does not cross"):
            wire.packed(Message({}, {"x": array}), arena)


def test_a_message_may_come_in_pieces():
    packed = wire.packed(Message({"a": 1}, {"x": np.arange(10)}, b"end"))
    left = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    found = wire.receive(lambda _: left.pop(0))
    np.testing.assert_array_equal(found.arrays["x"], np.arange(10))
    assert bytes(found.blob) == b"end"
    with pytest.raises(Garbled, match="too many"):
        wire.receive(lambda _: packed + b"more")
