from __future__ import annotations

import pytest

from latebra.compiling.backends.glow import steps_of
from latebra.compiling.glow.low import Map, Space, reads
from latebra.compiling.glow.lowering import lowered
from latebra.compiling.glow.memory import plan
from latebra.compiling.glow.printing import listing
from latebra.compiling.glow.target import AVX2
from latebra.testing.networks import unet

pytest.importorskip("onnx", reason="the network is made with onnx")


def _program():
    return lowered(steps_of(unet(size=8, width=24).model.onnx), AVX2)


def test_what_lives_at_once_lies_apart():
    program = _program()
    sizes = plan(program)
    lives = {}
    for number, instruction in enumerate(program.instructions):
        for view in (instruction.out, *reads(instruction)):
            if view.buffer.space is Space.ACTIVATIONS:
                first, _ = lives.get(view.buffer, (number, number))
                lives[view.buffer] = first, number
    buffers = list(lives)
    for i, one in enumerate(buffers):
        assert 0 <= one.start <= sizes.activations - one.size_bytes
        for other in buffers[i + 1 :]:
            (a, b), (c, d) = lives[one], lives[other]
            apart = one.start + one.size_bytes <= other.start
            apart = apart or other.start + other.size_bytes <= one.start
            # One may begin where the other ends: a map that writes over its operand.
            in_place = one.start == other.start and (b == c or d == a)
            assert apart or b < c or d < a or in_place


def test_the_arena_is_smaller_than_the_sum_of_what_it_holds():
    program = _program()
    sizes = plan(program)
    buffers = {each.out.buffer for each in program.instructions}
    held = sum(each.size_bytes for each in buffers if each.space is Space.ACTIVATIONS)
    assert sizes.activations < held / 3


def test_activations_are_fused_into_what_makes_them():
    program = _program()
    plan(program)
    lines = listing(program).splitlines()
    assert not any(line.startswith("map") and line.count("sigmoid") > 1 for line in lines)
    alone = [each for each in program.instructions if isinstance(each, Map)]
    assert sum("sigmoid" in line for line in lines) < len(alone)
    assert any(line.startswith("contract") and "add(" in line for line in lines)
