# /// script
# requires-python = ">=3.11"
# dependencies = ["onnxruntime>=1.22,<2"]
# ///
"""Run a model on ONNX Runtime's CPU provider."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Final

from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support, failing_as, standard
from latebra.compiling.mistakes import Mistake, built, shrinks_between_corners, takes
from latebra.compiling.uses import Use
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_ERRORS_ONLY: Final = 3
"""Severity in ``OrtLoggingLevel``: warnings would go to the user's terminal."""


def _has_several_zeros(use: Use) -> bool:
    zeros = use.inputs[3] if use.has(3) else None
    return zeros is not None and zeros.shape is not None and prod(zeros.shape) > 1


MISTAKES: Final = (
    Mistake("Attention", "fails with lengths of its keys", lambda use: use.has(6)),
    Mistake(
        "Attention",
        "gives products without the causal mask",
        lambda use: use.wants(3) and bool(use.told.get("is_causal")),
    ),
    Mistake("ConvInteger", "fails with a zero point for each channel", _has_several_zeros),
    Mistake("DFT", "is off by up to 3e-4 in sums that cancel", lambda use: use.may_be(1)),
    Mistake("MaxUnpool", "puts values in wrong places of a given shape", lambda use: use.has(2)),
    Mistake(
        "ReduceMax",
        "fails on booleans without elements",
        lambda use: use.may_be(9) and use.is_empty(),
    ),
    Mistake("Resize", "takes corners of a length that is not rounded", shrinks_between_corners),
    Mistake("STFT", "is off by up to 8e-5 in sums that cancel", lambda use: use.may_be(1)),
)
"""Seen with version 1.32, by ``benchmarks/onnx_nodes.py``."""


@dataclass(frozen=True)
class OnnxRuntime(Compiler):
    """ONNX Runtime, on the CPU.

    What it does: rewrites the graph (fusion, constants, a channel-blocked layout) and runs it with
    hand-written kernels. The artifact is the rewritten graph, which suits this processor alone.

    Numerics: float32 stays float32 on the CPU provider; nothing has to be forced. Threads do not
    spin while they wait, so that the caller's own work between two runs has the processor.

    Choose it: for anything: it takes nearly every model, builds at once, and is never far behind.

    Reference: https://onnxruntime.ai.
    """

    title: ClassVar[str] = "ONNX Runtime"
    about: ClassVar[str] = "Graph rewriting and hand-written kernels; keeps float32 as it is."
    needs: ClassVar[dict[str, str]] = {"onnxruntime": "onnxruntime"}
    rank: ClassVar[int] = 1

    @override
    def supports(self, model: Model) -> Support:
        return standard(model, ("com.microsoft",)) and takes(model, MISTAKES)

    @override
    def build(self, model: Model) -> bytes:
        return built(model, MISTAKES, self._built)

    def _built(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "onnxruntime refused the model"):
            return self._rewritten(model.onnx)

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "onnxruntime could not load its artifact"):
            return _Session(self._session(artifact, rewrite=False))

    def _rewritten(self, onnx: bytes) -> bytes:
        handle, name = tempfile.mkstemp(suffix=".onnx")
        os.close(handle)
        path = Path(name)
        try:
            self._session(onnx, rewrite=True, path=path)
            return path.read_bytes()
        finally:
            path.unlink()

    def _session(self, onnx: bytes, *, rewrite: bool, path: Path | None = None) -> Any:
        import onnxruntime

        ort: Any = onnxruntime  # It ships no type information.
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        levels = ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if rewrite else levels.ORT_DISABLE_ALL
        )
        if path:
            options.optimized_model_filepath = str(path)
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


class _Session(Executable):
    def __init__(self, session: Any) -> None:
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "onnxruntime could not run the model"):
            found = self._session.run(self._outputs, dict(inputs))
        return dict(zip(self._outputs, found, strict=True))


PLUGIN = OnnxRuntime
