from __future__ import annotations

import numpy as np
import pytest

from tests.unit.glow_targets import HERE, SMALL, elsewhere, ran

pytest.importorskip("onnx", reason="the networks are made with onnx")


@pytest.mark.parametrize("name", SMALL)
def test_every_processor_and_any_number_of_threads_give_the_same_bits(name):
    program = SMALL[name]()
    first = {}
    for target in HERE:
        for threads in (1, 2, 4):
            for _ in range(3):
                found = elsewhere(ran, program, target.name, threads)
                got = {output: array.tobytes() for output, array in found.items()}
                first = first or got
                assert got == first, f"{target.name}, {threads} threads"


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_a_batch_gives_the_bits_of_its_parts(name):
    whole, one = SMALL[name](batch=3), SMALL[name](batch=1)
    together = elsewhere(ran, whole, "", 2)["y"]
    for i in range(3):
        part = type(one)(one.model, {"x": whole.inputs["x"][i : i + 1]}, one.bound)
        assert elsewhere(ran, part)["y"].tobytes() == together[i : i + 1].tobytes()


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
