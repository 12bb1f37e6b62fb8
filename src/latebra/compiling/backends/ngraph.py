# /// script
# requires-python = ">=3.11"
# dependencies = ["openvino>=2025.0"]
# ///
"""Compile a model with nGraph, as it lives on in OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import (
    Compiler,
    Executable,
    Model,
    Support,
    Variant,
    failing_as,
    standard,
)
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard


@dataclass(frozen=True)
class NGraph(Compiler):
    """nGraph, by its heir: OpenVINO.

    nGraph's repository ends in October 2020 with "nGraph has moved to OpenVINO"; its graph, its
    operator sets and its passes became ``ov::Model`` and the ``ov`` name space. The last release
    under the old name, ngraph-core 0.26, has wheels for Python 3.6 and 3.7 alone.

    Numerics: on processors with bfloat16 instructions OpenVINO computes in bfloat16 unless told
    otherwise (errors of 1e-3 to 4e-2 were measured). Here 32-bit floats are forced;
    ``ngraph:bf16`` is the labelled way to have the other.

    Reference: https://github.com/NervanaSystems/ngraph, https://docs.openvino.ai.
    """

    title: ClassVar[str] = "nGraph (OpenVINO)"
    about: ClassVar[str] = "The graph compiler that became OpenVINO; forced to 32-bit floats."
    needs: ClassVar[dict[str, str]] = {"openvino": "openvino"}
    extra: ClassVar[str] = "ngraph"
    rank: ClassVar[int] = 2
    variants: ClassVar[dict[str, Variant]] = {
        # Eight bits of significand are 2^-9 a product; sums of many layers were up to 4e-2 off.
        "bf16": Variant("16-bit floats inside, where the processor has them", 5e-2),
    }

    @override
    def supports(self, model: Model) -> Support:
        return standard(model)

    @override
    def build(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "openvino refused the model"):
            core = _core()
            compiled = core.compile_model(core.read_model(model.onnx, b""), "CPU", self._settings())
            stream = BytesIO()
            compiled.export_model(stream)
            return stream.getvalue()

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "openvino could not load its artifact"):
            core = _core()
            return _Request(core.import_model(BytesIO(artifact), "CPU", self._settings()))

    def _settings(self) -> dict[str, Any]:
        return {
            "INFERENCE_PRECISION_HINT": self.variant or "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.threads,
            # Pinned threads wait for whoever else is on their core: 290 ms instead of 32 were
            # seen on a machine with twice as many busy processes as cores.
            "ENABLE_CPU_PINNING": False,
        }


class _Request(Executable):
    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = [output.get_any_name() for output in compiled.outputs]

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "openvino could not run the model"):
            found = self._request.infer(dict(inputs), share_inputs=True, share_outputs=True)
            # The arrays are views of buffers that the next run overwrites.
            return {name: np.array(found[i]) for i, name in enumerate(self._outputs)}


def _core() -> Any:
    import openvino

    vendor: Any = openvino
    return vendor.Core()


PLUGIN = NGraph
