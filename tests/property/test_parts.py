import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed, PartsMissing
from latebra.hiding import parts


@given(st.binary(min_size=1, max_size=900), st.integers(12, 200), st.randoms())
def test_parts_join_in_any_order(message: bytes, room: int, order: random.Random):
    pieces = parts.split(message, room)
    assert all(len(piece) <= room for piece in pieces)
    assert (len(pieces) == 1) == (len(message) + parts.SINGLE_OVERHEAD <= room)
    order.shuffle(pieces)
    assert parts.join([*pieces, pieces[0]]) == message


def test_missing_parts_are_named():
    pieces = parts.split(bytes(100), 27)
    with pytest.raises(PartsMissing, match="parts 2, 4 of 5 missing"):
        parts.join([pieces[0], pieces[2], pieces[4]])


def test_two_messages_are_not_mixed():
    one, two = parts.split(bytes(50), 27), parts.split(bytes(50), 27)
    with pytest.raises(InputError, match="2 different messages"):
        parts.join([one[0], two[1]])


def test_too_many_parts_say_how_much_fits():
    most = parts.MOST * (27 - parts.PART_OVERHEAD)
    with pytest.raises(DoesNotFit, match=f"{most + 1} bytes, 255 .* of 27 bytes hold {most}"):
        parts.split(bytes(most + 1), 27)
    assert len(parts.split(bytes(most), 27)) == 255


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_any_bytes_are_joined_or_refused(pieces):
    with contextlib.suppress(NothingRevealed, PartsMissing, InputError):
        parts.join(pieces)
