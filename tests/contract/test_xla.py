"""An artifact of XLA's outlives the versions and the processor that it was built for."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from latebra.compiling.isolated import Isolated
from latebra.compiling.worker import compilers

pytest.importorskip("onnx", reason="the programs are made with onnx")


@pytest.mark.parametrize(
    ("channels", "groups", "kernel", "is_own"),
    [
        (16, 16, (11, 11), True),
        (16, 16, (1, 122), False),
        (1, 1, (121,), True),
        (1, 1, (256,), False),
        (4, 4, (16, 16), False),
    ],
)
def test_only_short_kernels_are_taken_apart(channels, groups, kernel, is_own):
    if not (found := compilers["xla"]().probe()):
        pytest.skip(str(found))
    import jax

    from latebra.compiling.xla.convolving import Convolving, Terms

    rank = len(kernel)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1, *(300 // rank,) * rank, channels)).astype(np.float32)
    weights = rng.standard_normal((channels, channels // groups, *kernel)).astype(np.float32)
    terms = Terms((1,) * rank, ((0, 0),) * rank, (1,) * rank, (1,) * rank)
    convolve = Convolving(jax.numpy, jax.lax)
    text = str(jax.make_jaxpr(lambda array: convolve(array, weights, terms, groups))(x))
    assert ("conv_general_dilated" in text) != is_own
    assert (text.count("slice[") >= np.prod(kernel) - 1) == is_own


@pytest.mark.slow
def test_machine_code_of_elsewhere_is_made_again():
    if not (found := compilers["xla"]().probe()):
        pytest.skip(str(found))
    from latebra.testing.programs import PROGRAMS

    program = PROGRAMS["integers"]()
    with Isolated(threads=1, name="xla") as compiler:
        artifact = compiler.build(program.model)
        wanted = compiler.load(artifact, program.model.card).run(program.inputs)
        moved = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(artifact)) as source,
            zipfile.ZipFile(moved, "w") as target,
        ):
            told = {**json.loads(source.read("told.json")), "made_for": ["0.0", "elsewhere"]}
            target.writestr("told.json", json.dumps(told))
            target.writestr("model.stablehlo", source.read("model.stablehlo"))
            # There is no machine code to fall back on, so this must come from the StableHLO.
            target.writestr("machine_code", b"")
        got = compiler.load(moved.getvalue(), program.model.card).run(program.inputs)
    np.testing.assert_array_equal(got["y"], wanted["y"])
