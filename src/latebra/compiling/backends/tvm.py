# /// script
# requires-python = ">=3.11"
# dependencies = ["apache-tvm>=0.27,<0.28", "onnx>=1.17"]
# ///
"""Compile a model with TVM, its loops scheduled by hand."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import (
    Compiler,
    Executable,
    Model,
    Support,
    failing_as,
    standard,
    with_fixed_shapes,
)
from latebra.compiling.mistakes import Mistake, built, takes
from latebra.compiling.tvm.lowering import lowered
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_LENGTHS: Final = struct.Struct("<IQ")
"""Bytes of names, then bytes of the program; the rest is machine code before its last step."""
_LANES: Final = {"avx512f": 16, "avx2": 8}
"""Floats in a vector register, by what the processor knows."""
_FEWEST_LANES: Final = 4
_LEVEL: Final = 1
"""Of LLVM's effort: from 2 on, its vectors for AVX-512 read beyond the ends where an index is a
remainder (LLVM 22, as TVM 0.27 holds it). The loops of ``compiling/tvm`` are vectors already."""
MISTAKES: Final = (
    Mistake(
        "BatchNormalization", "trains otherwise", lambda use: bool(use.told.get("training_mode"))
    ),
    Mistake("BitShift", "is undefined from the width on"),
    Mistake("ConvTranspose", "ignores the shape asked for", lambda use: "output_shape" in use.told),
    Mistake(
        "Equal",
        "takes what is no number as equal to itself",
        lambda use: use.names[0] == use.names[1] and use.may_be(1, 10, 11),
    ),
    Mistake("Dropout", "gives no mask", lambda use: use.wants(1)),
    Mistake(
        "IsInf",
        "takes both signs",
        lambda use: not (use.told.get("detect_negative", 1) and use.told.get("detect_positive", 1)),
    ),
    Mistake("LayerNormalization", "gives no mean", lambda use: use.wants(1) or use.wants(2)),
    Mistake(
        "Mod",
        "of floats, with the divisor's sign, is off at infinities",
        lambda use: use.may_be(1, 10, 11) and not use.told.get("fmod") and use.opset >= 28,
    ),
    Mistake(
        "Resize",
        "samples other places",
        lambda use: use.told.get("mode", "nearest") != "nearest" and not use.has(3),
    ),
    Mistake("Resize", "has no antialias", lambda use: bool(use.told.get("antialias"))),
    Mistake("RoiAlign", "takes other maxima", lambda use: use.told.get("mode") == "max"),
    Mistake("Shape", "is no array when it is wanted itself", lambda use: not use.readers),
    Mistake("SpaceToDepth", "ignores the order CRD", lambda use: use.told.get("mode") == "CRD"),
    Mistake("TopK", "has no unsigned numbers", lambda use: use.may_be(2, 4, 12, 13)),
    Mistake("Tile", "by computed numbers gives none", lambda use: not use.is_constant(1)),
    Mistake(
        "",
        "has a constant of no elements, which is not kept",
        lambda use: any(use.is_constant(i) and use.is_empty(i) for i in range(len(use.inputs))),
    ),
    Mistake(
        "",
        "rounds each sum of 16-bit floats",
        lambda use: (
            use.operator != "Cast" and any(k is not None and k.dtype == 10 for k in use.inputs)
        ),
    ),
)
"""Seen with version 0.27, by ``benchmarks/onnx_nodes.py``."""


@dataclass(frozen=True)
class Tvm(Compiler):
    """TVM's Relax, with schedules of our own in the place of tuning.

    What it does: reads ONNX into a graph of operators, fuses those that go element by element, and
    turns loops into machine code with LLVM. TVM leaves loops as they are defined until somebody
    tunes them, 75 to 100 times slower than ONNX Runtime; its tuner crashes in version 0.27. So
    convolutions and products of matrices are replaced by tiled loops with packed weights, and all
    other loops become vectors (``compiling/tvm``). Nothing is tuned, so a build gives the same
    program each time. The artifact needs no linker: it is TVM's program, then LLVM's bitcode.

    Numerics: 32-bit floats are kept; each sum of a product or convolution goes in the order of k.

    Known problems: shapes must be fixed; convolutions by many small groups, or transposed with
    windows that overlap, are as TVM defines them, vectorised but not tiled.

    Choose it: to see loops and schedules, and for targets that only it has.

    Reference: https://tvm.apache.org, Chen et al. 2018, arXiv:1802.04799.
    """

    title: ClassVar[str] = "TVM"
    about: ClassVar[str] = "Apache TVM, its loops scheduled by hand; keeps 32-bit floats."
    needs: ClassVar[dict[str, str]] = {"tvm": "apache-tvm", "onnx": "onnx"}
    needs_to_build: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str] = "tvm"
    rank: ClassVar[int] = 4

    @override
    def supports(self, model: Model) -> Support:
        if not (found := standard(model) and with_fixed_shapes(model)):
            return found
        return takes(model, MISTAKES)

    @override
    def build(self, model: Model) -> bytes:
        return built(model, MISTAKES, self._built)

    def _built(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "tvm could not build the model"):
            tvm = _vendor(self.threads)
            program = tvm.compile(
                lowered(model.onnx, _lanes(), self.threads), target=_target(self.threads)
            ).mod
            (machine_code,) = program.imports
            names = {
                "inputs": [tensor.name for tensor in model.facts.inputs],
                "outputs": [tensor.name for tensor in model.facts.outputs],
            }
            told = json.dumps(names).encode()
            with tempfile.TemporaryDirectory() as folder:
                program.write_to_file(f"{folder}/program", "relax")
                kept = Path(folder, "program").read_bytes()
                code = b""
                if machine_code.kind == "llvm":  # Otherwise nothing is computed.
                    machine_code.write_to_file(f"{folder}/code.bc", "bc")
                    code = Path(folder, "code.bc").read_bytes()
            return b"".join([_LENGTHS.pack(len(told), len(kept)), told, kept, code])

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "tvm could not load its artifact"):
            tvm = _vendor(self.threads)
            told, size = _LENGTHS.unpack_from(artifact)
            at = _LENGTHS.size + told
            names = json.loads(artifact[_LENGTHS.size : at])
            with tempfile.TemporaryDirectory() as folder:
                # The vendor tells files apart by their ending; .ll may hold bitcode.
                Path(folder, "code.ll").write_bytes(artifact[at + size :])
                Path(folder, "program").write_bytes(artifact[at : at + size])
                read = tvm.get_global_func("ffi.Module.load_from_file.relax.VMExecutable")
                program = read(f"{folder}/program")
                if len(artifact) > at + size:
                    program.import_module(tvm.runtime.load_module(f"{folder}/code.ll"))
            return _Machine(tvm, program, **names)


class _Machine(Executable):
    def __init__(self, tvm: Any, program: Any, inputs: list[str], outputs: list[str]) -> None:
        self._tensor = tvm.runtime.tensor
        self._main = tvm.relax.VirtualMachine(program, tvm.cpu())["main"]
        self._inputs = inputs
        self._outputs = outputs

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "tvm could not run the model"):
            given = (self._tensor(np.array(inputs[name], order="C")) for name in self._inputs)
            found: Any = self._main(*given)
            several: list[Any] = [found] if len(self._outputs) == 1 else list(found)
            # Copies: what a run returns may be a view of what it was given.
            return {
                name: np.array(each.numpy())
                for name, each in zip(self._outputs, several, strict=True)
            }


def _vendor(threads: int) -> Any:
    os.environ["TVM_NUM_THREADS"] = str(threads)
    # Threads that wait awake take turns with other programs', and a call may last 300 times as
    # long as where nothing else runs; asleep, they are woken in microseconds.
    os.environ.setdefault("TVM_THREAD_POOL_SPIN_COUNT", "0")
    # It would import torch, where there is one, for arrays that never come.
    os.environ.setdefault("TVM_FFI_DISABLE_TORCH_C_DLPACK", "1")
    import_module("tvm.relax")
    return import_module("tvm")


def _lanes() -> int:
    knows = import_module("tvm").get_global_func("target.llvm_cpu_has_feature")
    here = _target(1)
    return next((lanes for word, lanes in _LANES.items() if knows(word, here)), _FEWEST_LANES)


def _target(threads: int) -> Any:
    tvm: Any = import_module("tvm")
    processor = str(tvm.get_global_func("tvm.codegen.llvm.GetHostCPUName")())
    told = {"kind": "llvm", "mcpu": processor, "num-cores": threads, "opt-level": _LEVEL}
    return tvm.target.Target(told)


PLUGIN = Tvm
