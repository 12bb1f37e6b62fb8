from __future__ import annotations

import pytest

from latebra.compiling.worker import compilers
from latebra.testing.compilers import compiler_checks

pytest.importorskip("onnx", reason="the programs are made with onnx")


@pytest.mark.parametrize(("compiler", "promise"), list(compiler_checks(compilers.items())))
def test_compiler(compiler, promise):
    promise(compiler)
