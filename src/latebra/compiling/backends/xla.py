# /// script
# requires-python = ">=3.11"
# dependencies = ["jax>=0.6,<0.13", "jaxlib>=0.6,<0.13", "onnx>=1.17"]
# ///
"""Compile a model with XLA, through JAX."""

from __future__ import annotations

import io
import json
import logging
import os
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.cache import processor
from latebra.compiling.contract import (
    Compiler,
    Executable,
    Model,
    Support,
    failing_as,
    standard,
    with_fixed_shapes,
)
from latebra.compiling.spelling.walk import compute, read
from latebra.compiling.xla.arrays import Arrays as Functions
from latebra.compiling.xla.laid import Laid
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Xla(Compiler):
    """XLA on the CPU, through JAX.

    What it does: ONNX becomes a function of JAX (``compiling/spelling``, ``compiling/xla``), with
    weights as constants and convolutions channels-last; JAX turns it into StableHLO, XLA into
    machine code. The artifact is a zip of both: machine code fits one version of jaxlib and one
    processor, and where those differ it is made again from the StableHLO.

    Numerics: 32-bit floats are kept, products are asked for at the highest precision.

    Known problems: shapes must be fixed, and must not depend on what is computed.

    Choose it: for models that come from JAX. Convolutions by groups are spelt otherwise for it, as
    XLA's own are slow on a CPU (``compiling/xla/convolving.py``).

    Reference: https://openxla.org/xla, https://docs.jax.dev.
    """

    title: ClassVar[str] = "XLA"
    about: ClassVar[str] = "JAX's compiler: StableHLO to machine code; keeps 32-bit floats."
    needs: ClassVar[dict[str, str]] = {"jax": "jax", "jaxlib": "jaxlib", "onnx": "onnx"}
    needs_to_build: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str] = "xla"
    rank: ClassVar[int] = 5

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and with_fixed_shapes(model)

    @override
    def build(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "xla could not build the model"):
            jax = self._vendor()
            facts = model.facts
            graph, functions = read(model.onnx), Functions()

            def computed(*values: Any) -> tuple[Any, ...]:
                found = compute(graph, functions, [Laid(each) for each in values])
                return tuple(functions.plain(each) for each in found)

            given = [
                jax.ShapeDtypeStruct(tuple(each.shape), np.dtype(each.dtype))
                for each in facts.inputs
            ]
            portable = import_module("jax.export").export(jax.jit(computed, keep_unused=True))
            exported = portable(*given)
            told = {
                "inputs": [tensor.name for tensor in facts.inputs],
                "outputs": [tensor.name for tensor in facts.outputs],
                "made_for": self._here(),
            }
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w") as archive:
                archive.writestr("told.json", json.dumps(told))
                archive.writestr("model.stablehlo", exported.serialize())
                archive.writestr("machine_code", _compiled(jax, exported).serialize())
            return stream.getvalue()

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "xla could not load its artifact"):
            jax = self._vendor()
            with zipfile.ZipFile(io.BytesIO(artifact)) as archive:
                told = json.loads(archive.read("told.json"))
                if told.pop("made_for") == self._here():
                    device = jax.devices("cpu")[0]
                    code = archive.read("machine_code")
                    program = device.client.deserialize_executable(code, _devices(device))
                else:
                    log.info("%s was built elsewhere: compiling its StableHLO", card.name)
                    exported: Any = import_module("jax.export").deserialize(
                        bytearray(archive.read("model.stablehlo"))
                    )
                    program = _compiled(jax, exported)
            return _Program(jax, program, **told)

    def _vendor(self) -> Any:
        # Read when the package starts its back end, and never again.
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["NPROC"] = str(self.threads)
        jax: Any = import_module("jax")
        jax.config.update("jax_enable_x64", True)  # Whole numbers of ONNX have 64 bits.
        return jax

    def _here(self) -> list[str]:
        return [self.versions().get("jaxlib", ""), processor()]


class _Program(Executable):
    def __init__(self, jax: Any, program: Any, inputs: list[str], outputs: list[str]) -> None:
        put = import_module("jaxlib._jax").batched_device_put
        device = jax.devices("cpu")[0]
        place = jax.sharding.SingleDeviceSharding(device)

        kind = cache(jax.core.ShapedArray)

        def given(array: NDArray[Any]) -> Any:
            # What jax.device_put does in the end, without the 40 us on its way there.
            return put(kind(array.shape, array.dtype), place, [array], [device])

        self._given = given
        self._program = program
        self._inputs = inputs
        self._outputs = outputs

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "xla could not run the model"):
            # Copies on both sides: on a CPU the vendor's arrays may be views of numpy's.
            given = [self._given(np.array(inputs[name], order="C")) for name in self._inputs]
            found = self._program.execute(given)
            return {name: np.array(each) for name, each in zip(self._outputs, found, strict=True)}


def _compiled(jax: Any, exported: Any) -> Any:
    """Returns machine code for a portable program, as the vendor's executable."""
    given = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in exported.in_avals]
    call = jax.jit(exported.call, keep_unused=True)
    return call.lower(*given).compile().runtime_executable()


def _devices(device: Any) -> Any:
    return import_module("jaxlib._jax").DeviceList((device,))


PLUGIN = Xla
