from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.unit.glow_targets import HERE, SMALL, elsewhere, ran, require_one_answer, require_parts

pytest.importorskip("onnx", reason="the networks are made with onnx")


@pytest.mark.parametrize("name", SMALL)
def test_every_processor_and_any_number_of_threads_give_the_same_bits(name):
    program = SMALL[name]()
    require_one_answer(partial(elsewhere, ran, program), HERE, times=3)


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_a_batch_gives_the_bits_of_its_parts(name):
    require_parts(name, lambda program, threads: elsewhere(ran, program, "", threads))


@pytest.mark.parametrize("name", SMALL)
def test_error_is_what_32_bit_floats_explain(name):
    from latebra.compiling.backends.reference import Reference

    program = SMALL[name]()
    judge = Reference()
    exact = judge.load(judge.build(program.model), program.model.card).run(program.inputs)
    got = elsewhere(ran, program, "", 2)
    for output, wanted in exact.items():
        # Some 20 layers of sums of up to 1,400 products, each sum relative to its largest part.
        assert np.abs(got[output] - wanted).max() <= 2e-5 * max(1.0, np.abs(wanted).max()), output
