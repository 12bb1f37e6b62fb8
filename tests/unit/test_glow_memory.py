from __future__ import annotations

from functools import cache

import pytest

from latebra.testing.networks import unet
from tests.unit.glow_targets import elsewhere, planned

pytest.importorskip("onnx", reason="the network is made with onnx")


@cache
def _planned():
    return elsewhere(planned, unet(size=8, width=24).model.onnx)


def test_what_lives_at_once_lies_apart():
    _, arena, _, places = _planned()
    for i, (start, end, first, last) in enumerate(places):
        assert 0 <= start < end <= arena
        for other_start, other_end, other_first, other_last in places[i + 1 :]:
            apart = end <= other_start or other_end <= start
            # One may begin where the other ends: a map that writes over its operand.
            in_place = start == other_start and other_last >= other_first >= last
            in_place = in_place or (start == other_start and first >= other_last)
            assert apart or last < other_first or other_last < first or in_place


def test_the_arena_is_smaller_than_the_sum_of_what_it_holds():
    _, arena, held, _ = _planned()
    assert arena < held / 3


def test_activations_are_fused_into_what_makes_them():
    lines = _planned()[0].splitlines()
    assert any(line.startswith("contract") and "add(" in line for line in lines)
    assert all("add(" in line for line in lines if "sigmoid(" in line)
