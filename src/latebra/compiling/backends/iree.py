# /// script
# requires-python = ">=3.11"
# dependencies = ["iree-base-compiler>=3.5,<4", "iree-base-runtime>=3.5,<4", "onnx>=1.17"]
# ///
"""Compile a model ahead of time with IREE."""

from __future__ import annotations

import json
import logging
import struct
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support, failing_as, standard
from latebra.compiling.iree.spelt import spelt_out
from latebra.compiling.mistakes import Mistake, built, shrinks_between_corners, takes
from latebra.compiling.uses import uses_of
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

log = logging.getLogger(__name__)

_ENTRY: Final = "main_graph"
_NEW_ENOUGH: Final = 17
"""The oldest operator set whose spellings IREE 3.13 takes throughout, of those that were tried."""
_LENGTH: Final = struct.Struct("<I")
_FLAGS: Final = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    # Convolutions over channels-last data, 1.3 times as fast as without: docs/compilers.md.
    "--iree-preprocessing-pass-pipeline="
    "builtin.module(util.func(iree-preprocessing-convert-conv-to-channels-last))",
)
_WIDE: Final = "--iree-input-demote-f64-to-f32=false"
"""Without it outputs of 64 bits come back with half of them; with it attributes, which are of 64
bits inside, are narrowed by an operation that the vendor then refuses (3.13)."""
_DOUBLE: Final = 11
"""How ONNX numbers 64-bit floats."""


MISTAKES: Final = (
    Mistake(
        "AveragePool", "counts too many at the ends", lambda use: bool(use.told.get("ceil_mode"))
    ),
    Mistake("Det", "is not a number"),
    Mistake("GridSample", "reads beyond the picture, and is wrong by chance"),
    Mistake("LSTM", "is off with peepholes", lambda use: use.has(7)),
    Mistake("LpNormalization", "of zeros is not a number"),
    Mistake("Mod", "of 64-bit floats is no number at infinities", lambda use: use.may_be(11)),
    Mistake("NonMaxSuppression", "fails with a threshold of scores", lambda use: use.has(4)),
    Mistake(
        "Pad", "by wrapping is never done compiling", lambda use: use.told.get("mode") == "wrap"
    ),
    Mistake("QLinearMatMul", "is off by up to 134 steps"),
    Mistake("Resize", "takes corners of a length that is not rounded", shrinks_between_corners),
    Mistake("Scan", "of opset 8 fails", lambda use: use.opset < 9),
    Mistake("SoftmaxCrossEntropyLoss", "is infinite with weights", lambda use: use.has(2)),
    Mistake("SpaceToDepth", "ignores the order CRD", lambda use: use.told.get("mode") == "CRD"),
)
"""Seen with version 3.13, by ``benchmarks/onnx_nodes.py``."""


@dataclass(frozen=True)
class Iree(Compiler):
    """IREE: through MLIR to machine code for this processor, ahead of time.

    The artifact is the names of inputs and outputs, then a module for IREE's virtual machine.

    Numerics: 32-bit floats are kept. Three operators are spelt out before IREE sees them, since
    version 3.13 gets them wrong: ``DepthToSpace`` in the CRD order, whose values it moves to wrong
    places; ``Gelu`` by tanh, in which it has 0.797724 for √(2/π) = 0.797885 and so is off by up to
    5e-5 where 7e-7 is what 32 bits explain; ``InstanceNormalization``, which gave no numbers at
    all (NaN) in one U-Net of two.

    Choose it: for a small runtime that holds little memory; its builds take tens of seconds.

    Reference: https://iree.dev.
    """

    title: ClassVar[str] = "IREE"
    about: ClassVar[str] = "MLIR to machine code, ahead of time; keeps 32-bit floats."
    needs: ClassVar[dict[str, str]] = {
        "iree.compiler": "iree-base-compiler",
        "iree.runtime": "iree-base-runtime",
        "onnx": "onnx",
    }
    extra: ClassVar[str] = "iree"
    rank: ClassVar[int] = 6

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and takes(model, MISTAKES)

    @override
    def build(self, model: Model) -> bytes:
        return built(model, MISTAKES, self._built)

    def _built(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "iree could not build the model"):
            import onnx
            from iree.compiler import tools

            proto = onnx.load_model_from_string(model.onnx)
            onnx.checker.check_model(proto)  # pyright: ignore[reportUnknownMemberType] half typed
            vendor: Any = tools
            proto = _as_new(proto)
            module = vendor.compile_str(
                _imported(spelt_out(proto)),
                input_type="onnx",
                extra_args=[*_FLAGS, *([_WIDE] if _has_doubles(model) else [])],
            )
            names = {
                "inputs": [tensor.name for tensor in model.facts.inputs],
                # Whole numbers have no sign inside: a result says int8 for uint8.
                "outputs": {each.name: each.dtype for each in model.facts.outputs},
            }
            head = json.dumps(names).encode()
            return _LENGTH.pack(len(head)) + head + module

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "iree could not load its artifact"):
            (size,) = _LENGTH.unpack_from(artifact)
            names = json.loads(artifact[_LENGTH.size : _LENGTH.size + size])
            return _Module(self._entry(artifact[_LENGTH.size + size :]), **names)

    def _entry(self, module: bytes) -> Any:
        from iree import runtime
        from iree.runtime import flags

        vendor: Any = runtime
        if self.threads > 1:
            vendor_flags: Any = flags
            vendor_flags.parse_flags(f"--task_topology_max_group_count={self.threads}")
        config = vendor.Config("local-task" if self.threads > 1 else "local-sync")
        context = vendor.SystemContext(config=config)
        context.add_vm_module(vendor.VmModule.copy_buffer(context.instance, module))
        return context.modules.module[_ENTRY]


class _Module(Executable):
    def __init__(self, entry: Any, inputs: list[str], outputs: dict[str, str]) -> None:
        self._entry = entry
        self._inputs = inputs
        self._outputs = outputs

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "iree could not run the model"):
            found: Any = self._entry(*(np.array(inputs[name], order="C") for name in self._inputs))
            several: list[Any] = [found] if len(self._outputs) == 1 else list(found)
            return {
                name: np.array(each).view(np.dtype(dtype))
                for (name, dtype), each in zip(self._outputs.items(), several, strict=True)
            }


def _as_new(proto: Any) -> Any:
    """Returns the model with operators as a newer set has them; IREE lacks the old spellings.

    The converter moves attributes to inputs and the like, and changes no number. Where it knows no
    way, the model stays as it is.
    """
    from onnx import version_converter

    versions = [each.version for each in proto.opset_import if not each.domain]
    if max(versions, default=_NEW_ENOUGH) >= _NEW_ENOUGH:
        return proto
    try:
        return version_converter.convert_version(proto, _NEW_ENOUGH)
    except Exception as error:  # noqa: BLE001  # It raises whatever it meets.
        log.info("the operators stay as they are: %s", error)
        return proto


def _imported(proto: Any) -> str:
    """Returns an ONNX model as MLIR text."""
    from iree.compiler import ir
    from iree.compiler.extras import onnx_importer

    vendor: Any = onnx_importer
    languages: Any = ir
    proto.graph.name = _ENTRY
    told = vendor.ModelInfo(proto)
    context = languages.Context()
    module = told.create_module(context=context).operation
    vendor.NodeImporter.define_function(told.main_graph, module).import_all()
    return str(module)


def _has_doubles(model: Model) -> bool:
    """Does it compute with 64-bit floats anywhere?"""
    return any(
        use.told.get("to") == _DOUBLE
        or any(kind is not None and kind.dtype == _DOUBLE for kind in use.inputs)
        for use in uses_of(model.onnx)
    ) or any(each.dtype == "float64" for each in (*model.facts.inputs, *model.facts.outputs))


PLUGIN = Iree
