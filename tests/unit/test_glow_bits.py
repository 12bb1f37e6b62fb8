from __future__ import annotations

import numpy as np
import pytest

from latebra.compiling.backends.glow import steps_of
from latebra.compiling.glow.bundle import compiled
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import host
from latebra.testing.networks import gpt, gpt_step, resnet, unet
from tests.unit.glow_targets import HERE

pytest.importorskip("onnx", reason="the networks are made with onnx")

SMALL = {
    "resnet": lambda batch=1: resnet(size=32, width=20, classes=10, batch=batch),
    "unet": lambda batch=1: unet(size=16, width=24, batch=batch),
    "gpt": lambda: gpt(tokens=19, width=128, layers=1, words=50),
    "gpt_step": lambda: gpt_step(past=18, width=128, layers=1, words=50),
}


def _outputs(program, target, threads):
    found = Runner(compiled(steps_of(program.model.onnx), target), threads)(program.inputs)
    return {name: array.tobytes() for name, array in found.items()}


@pytest.mark.parametrize("name", SMALL)
def test_every_processor_and_any_number_of_threads_give_the_same_bits(name):
    program = SMALL[name]()
    first = _outputs(program, host(), 1)
    for target in HERE:
        bundle = compiled(steps_of(program.model.onnx), target)
        for threads in (1, 2, 4):
            runner = Runner(bundle, threads)
            for _ in range(3):
                found = runner(program.inputs)
                got = {name: array.tobytes() for name, array in found.items()}
                assert got == first, f"{target.name}, {threads} threads"


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_a_batch_gives_the_bits_of_its_parts(name):
    whole = SMALL[name](batch=3)
    one = SMALL[name](batch=1)
    together = Runner(compiled(steps_of(whole.model.onnx), host()), 2)(whole.inputs)["y"]
    alone = Runner(compiled(steps_of(one.model.onnx), host()), 1)
    for i in range(3):
        assert alone({"x": whole.inputs["x"][i : i + 1]})["y"].tobytes() == together[i : i + 1].tobytes()


@pytest.mark.parametrize("name", SMALL)
def test_error_is_what_32_bit_floats_explain(name):
    from latebra.compiling.backends.reference import Reference

    program = SMALL[name]()
    judge = Reference()
    exact = judge.load(judge.build(program.model), program.model.card).run(program.inputs)
    got = Runner(compiled(steps_of(program.model.onnx), host()), 2)(program.inputs)
    for output, wanted in exact.items():
        # Some 20 layers of sums of up to 1,400 products, each sum relative to its largest part.
        assert np.abs(got[output] - wanted).max() <= 2e-5 * max(1.0, np.abs(wanted).max()), output
