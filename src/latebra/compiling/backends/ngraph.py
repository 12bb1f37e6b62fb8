# /// script
# requires-python = ">=3.11"
# dependencies = ["openvino>=2025.0"]
# ///
"""Compile a model with nGraph, as it lives on in OpenVINO."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar, Final

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
from latebra.compiling.mistakes import Mistake, built, shrinks_between_corners, takes
from latebra.compiling.uses import Use
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_LENGTH: Final = struct.Struct("<I")


def _resizes_otherwise(use: Use) -> bool:
    told = use.told
    return (
        shrinks_between_corners(use)
        or bool(told.get("antialias") or told.get("exclude_outside"))
        or told.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    )


MISTAKES: Final = (
    Mistake(
        "Attention",
        "leaves out the local window",
        lambda use: "left_window_size" in use.told or "right_window_size" in use.told,
    ),
    Mistake(
        "Attention",
        "masks wrong keys after past ones",
        lambda use: use.has(4) and use.has(3) and bool(use.told.get("is_causal")),
    ),
    Mistake("BitShift", "shifts signed numbers otherwise", lambda use: use.may_be(3, 5, 6, 7)),
    Mistake("DFT", "is off in sums that cancel, and in shapes"),
    Mistake("Div", "is off by a bit before it is rounded", lambda use: "Round" in use.readers),
    Mistake("Dropout", "takes the name of an input", lambda use: not use.may_be()),
    Mistake("DynamicQuantizeLinear", "rounds some halves to the wrong side"),
    Mistake("Einsum", "fails on a scalar", lambda use: use.told.get("equation") == "->"),
    Mistake("GRU", "mixes up batches in front", lambda use: bool(use.told.get("layout"))),
    Mistake("LSTM", "mixes up batches in front", lambda use: bool(use.told.get("layout"))),
    Mistake("LSTM", "fails with peepholes", lambda use: use.has(7)),
    Mistake(
        "MatMul",
        "of 64-bit floats keeps 32 bits",
        lambda use: any(each is not None and each.dtype == 11 for each in use.inputs),
    ),
    Mistake("MaxPool", "counts a window too many", lambda use: bool(use.told.get("ceil_mode"))),
    Mistake("Mod", "of floats is no number at infinities", lambda use: use.may_be(1, 10, 11)),
    Mistake("NonMaxSuppression", "drops boxes whose overlap is the threshold itself"),
    Mistake(
        "QuantizeLinear",
        "rounds some halves to the wrong side of a computed scale",
        lambda use: not use.is_constant(1),
    ),
    Mistake("RNN", "mixes up batches in front", lambda use: bool(use.told.get("layout"))),
    Mistake(
        "ReduceMax",
        "of nothing, or of minus infinities, is a finite number",
        lambda use: use.is_empty() or bool(use.readers & {"Equal", "IsInf"}),
    ),
    Mistake("Resize", "has no such mode, and says nothing", _resizes_otherwise),
    Mistake("RoiAlign", "takes other maxima", lambda use: use.told.get("mode") == "max"),
    Mistake("RotaryEmbedding", "is otherwise defined"),
    Mistake("SpaceToDepth", "ignores the order CRD", lambda use: use.told.get("mode") == "CRD"),
    Mistake("Tile", "by computed numbers gives none", lambda use: not use.is_constant(1)),
)
"""Seen with version 2026.4, by ``benchmarks/onnx_nodes.py``."""


@dataclass(frozen=True)
class NGraph(Compiler):
    """nGraph, by its heir: OpenVINO.

    nGraph's repository ends in October 2020 with "nGraph has moved to OpenVINO"; its graph, its
    operator sets and its passes became ``ov::Model`` and the ``ov`` name space. The last release
    under the old name, ngraph-core 0.26, has wheels for Python 3.6 and 3.7 alone.

    Numerics: on processors with bfloat16 instructions OpenVINO computes in bfloat16 unless told
    otherwise (errors of 1e-3 to 4e-2 were measured). Here 32-bit floats are forced;
    ``ngraph:bf16`` is the labelled way to have the other.

    Choose it: on a CPU, for convolutions and transformers; its bfloat16 variant was the fastest of
    all on a processor with such instructions, where errors of a percent do no harm.

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
        return standard(model) and takes(model, MISTAKES)

    @override
    def build(self, model: Model) -> bytes:
        return built(model, MISTAKES, self._built)

    def _built(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "openvino refused the model"):
            core = _core()
            network = core.read_model(model.onnx, b"")
            _order_equals(network)
            compiled = core.compile_model(network, "CPU", self._settings())
            stream = BytesIO()
            compiled.export_model(stream)
            # Where an output is another value as well, the vendor tells one name of several.
            head = json.dumps([each.name for each in model.facts.outputs]).encode()
            return _LENGTH.pack(len(head)) + head + stream.getvalue()

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "openvino could not load its artifact"):
            core = _core()
            (size,) = _LENGTH.unpack_from(artifact)
            at = _LENGTH.size + size
            outputs = json.loads(artifact[_LENGTH.size : at])
            compiled = core.import_model(BytesIO(artifact[at:]), "CPU", self._settings())
            return _Request(compiled, outputs)

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
    def __init__(self, compiled: Any, outputs: list[str]) -> None:
        self._request = compiled.create_infer_request()
        # The vendor drops inputs that nothing reads, and takes none that it dropped.
        self._inputs = {name for each in compiled.inputs for name in each.get_names()}
        self._outputs = outputs

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "openvino could not run the model"):
            given = {name: array for name, array in inputs.items() if name in self._inputs}
            found = self._request.infer(given, share_inputs=True, share_outputs=True)
            # The arrays are views of buffers that the next run overwrites.
            return {name: np.array(found[i]) for i, name in enumerate(self._outputs)}


def _order_equals(network: Any) -> None:
    """Makes the largest of equal values those that come first, as ONNX has it."""
    import openvino.opset11 as operators

    vendor: Any = operators
    for node in network.get_ordered_ops():
        if node.get_type_name() != "TopK":
            continue
        told = node.get_attributes()
        ordered = vendor.topk(
            node.input_value(0),
            node.input_value(1),
            told["axis"],
            told["mode"],
            "index" if told["sort"] == "index" else "value",
            told["index_element_type"],
            stable=True,
        )
        for at in range(2):
            node.output(at).replace(ordered.output(at))


def _core() -> Any:
    import openvino

    vendor: Any = openvino
    return vendor.Core()


PLUGIN = NGraph
