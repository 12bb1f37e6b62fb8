# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.13.0", "onnx>=1.17"]
# ///
"""Compile a model ahead of time with TorchInductor."""

from __future__ import annotations

import json
import shutil
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
from latebra.compiling.inductor.tensors import module
from latebra.compiling.spelling.walk import read
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True)
class Inductor(Compiler):
    """TorchInductor, ahead of time: the yardstick among compilers that start from torch.

    What it does: ONNX becomes a module of torch (``compiling/spelling``, ``compiling/inductor``),
    ``torch.export`` traces it, AOTInductor fuses what goes element by element into C++ and calls
    hand-written kernels for convolutions and products. The artifact is torch's package, a zip with
    a shared library, after the names of inputs and outputs.

    Numerics: 32-bit floats are kept, and the precision of products is torch's "highest".

    Known problems: it needs a C++ compiler to build, and torch to run. One and two threads can
    give different bits. Shapes must be fixed.

    Choose it: for models that come from torch, where torch is installed anyway.

    Reference: https://docs.pytorch.org/docs/stable/torch.compiler_aot_inductor.html.
    """

    title: ClassVar[str] = "TorchInductor"
    about: ClassVar[str] = "Torch's compiler, ahead of time: C++ for what fuses; keeps float32."
    needs: ClassVar[dict[str, str]] = {"torch": "torch", "onnx": "onnx"}
    needs_to_build: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str] = "inductor"
    rank: ClassVar[int] = 7

    @override
    def probe(self) -> Support:
        found = super().probe()
        if any(shutil.which(name) for name in ("g++", "clang++")):
            return found
        reasons = (*found.reasons, "no C++ compiler is here")
        return Support(reasons, "; ".join(filter(None, (found.fix, "install g++ or clang++"))))

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and with_fixed_shapes(model)

    @override
    def build(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "torch could not build the model"):
            torch = self._vendor()
            facts = model.facts
            example = tuple(
                torch.from_numpy(np.zeros([n or 1 for n in each.shape], each.dtype))
                for each in facts.inputs
            )
            settings: Any = import_module("torch._inductor.config")
            # Pickled caches in a shared folder are not read, and no process is left behind.
            settings.force_disable_caches = True
            settings.compile_threads = 1
            with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
                program = torch.export.export(module(read(model.onnx), example), example)
                path = f"{folder}/model.pt2"
                import_module("torch._inductor").aoti_compile_and_package(
                    program, package_path=path
                )
                package = Path(path).read_bytes()
            names = {
                "inputs": [tensor.name for tensor in facts.inputs],
                "outputs": [tensor.name for tensor in facts.outputs],
            }
            head = json.dumps(names).encode()
            return _LENGTH.pack(len(head)) + head + package

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "torch could not load its artifact"):
            torch = self._vendor()
            (size,) = _LENGTH.unpack_from(artifact)
            names = json.loads(artifact[_LENGTH.size : _LENGTH.size + size])
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "model.pt2")
                path.write_bytes(artifact[_LENGTH.size + size :])
                loaded: Any = import_module("torch._inductor").aoti_load_package(str(path))
            return _Package(torch, loaded, **names)

    def _vendor(self) -> Any:
        torch: Any = import_module("torch")
        torch.set_num_threads(self.threads)
        torch.set_float32_matmul_precision("highest")
        return torch


class _Package(Executable):
    def __init__(self, torch: Any, loaded: Any, inputs: list[str], outputs: list[str]) -> None:
        self._torch = torch
        self._loaded = loaded
        self._inputs = inputs
        self._outputs = outputs

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "torch could not run the model"):
            given = [
                self._torch.from_numpy(np.array(inputs[name], order="C")) for name in self._inputs
            ]
            found: Any = self._loaded(*given)
            several: list[Any] = [found] if isinstance(found, self._torch.Tensor) else list(found)
            # Copies: an output may be one of the inputs, or share the package's memory.
            return {
                name: each.detach().numpy().copy()
                for name, each in zip(self._outputs, several, strict=True)
            }


PLUGIN = Inductor
