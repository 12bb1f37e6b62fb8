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
