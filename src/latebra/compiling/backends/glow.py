# /// script
# requires-python = ">=3.11"
# dependencies = ["llvmlite>=0.44", "onnx>=1.17"]
# ///
"""Compile a model with a compiler of our own, in Glow's design."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    with_fixed_shapes,
)
from latebra.compiling.inputs import drawn
from latebra.compiling.shapes import Shape
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed, Unsupported
from latebra.core.network import Arrays, ModelCard

_DRAWS: Final = 8
"""Inputs that a model without samples is profiled on."""


@dataclass(frozen=True)
class Glow(Compiler):
    """Glow's design, rebuilt: the same bits on every processor.

    What it does: the model becomes a core graph (``compiling/ir``), which is lowered to
    instructions that know addresses alone, with one arena for all activations; LLVM makes an object
    file of them. The artifact is a bundle: object file, header, weights and one function
    ``(constants, mutable, activations)``, which C can call too.

    Numerics: lanes hold different outputs, each with one accumulator, summed in order with fused
    multiply-adds; elementary functions are polynomials of its own. Processors with AVX-512, AVX2
    or SSE2 alone, any number of threads and any split of a batch give the same bits.

    Choose it: where the same bits are wanted on every processor, where code is to be linked into a
    program without a runtime, and for small networks, whose calls cost it least.

    ``glow:int8`` is quantised, guided by a profile: products with constant weights are those of
    bytes, summed in 32 bits, where a byte of the input stands for a range that the model's samples
    were seen to fill. Without samples it sees draws of the usual kind.

    Lineage: Rotem et al. 2018, Glow: Graph Lowering Compiler Techniques for Neural Networks,
    arXiv:1805.00907. Its repository, https://github.com/pytorch/glow, ends in May 2024; none of its
    code is here.
    """

    title: ClassVar[str] = "Glow"
    about: ClassVar[str] = "Our own compiler in Glow's design; the same bits on every processor."
    needs: ClassVar[dict[str, str]] = {"llvmlite": "llvmlite", "onnx": "onnx"}
    needs_to_build: ClassVar[tuple[str, ...]] = ("onnx",)
    extra: ClassVar[str] = "glow"
    rank: ClassVar[int] = 3
    variants: ClassVar[dict[str, Variant]] = {
        # 255 steps a range are 0.3 % a layer, and layers add up: 1 to 3 % were seen.
        "int8": Variant("bytes inside, with scales from the model's samples", 1e-1, fitted=True),
    }

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and with_fixed_shapes(model)

    @override
    def build(self, model: Model) -> bytes:
        from latebra.compiling.glow.bundle import compiled
        from latebra.compiling.glow.quantising import quantised
        from latebra.compiling.glow.target import host, host_for_bytes

        with failing_as(BuildFailed, "glow could not compile the model"):
            steps = steps_of(model.onnx)
            try:
                if self.variant == "int8":
                    steps = quantised(steps, _typical(model), host())
                    return compiled(steps, host_for_bytes()).packed()
                return compiled(steps, host()).packed()
            except NotImplementedError as error:
                raise Unsupported(
                    f"glow has no {error}",
                    fix="choose another compiler, or export the network without it",
                ) from error

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        from latebra.compiling.glow.bundle import unpacked
        from latebra.compiling.glow.running import Runner

        with failing_as(LoadFailed, "glow could not load its artifact", "build it again"):
            return _Network(Runner(unpacked(artifact), self.threads))


def _typical(model: Model) -> list[dict[str, NDArray[Any]]]:
    """Returns inputs to profile the model on: its samples, else draws."""
    shapes = {each.name: tuple(n or 1 for n in each.shape) for each in model.facts.inputs}
    if model.samples:
        return [
            {name: _repeated(sample[name], shape) for name, shape in shapes.items()}
            for sample in model.samples
        ]
    unjudged = replace(model, card=replace(model.card, golden=None))
    return [drawn(unjudged, shapes, seed) for seed in range(1, 1 + _DRAWS)]


def _repeated(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Returns an array over again, or its beginning, to fill a shape: samples of other lengths."""
    if array.shape == shape:
        return array
    room = [(0, max(0, n - m)) for n, m in zip(shape, array.shape, strict=True)]
    return np.pad(array, room, mode="wrap")[tuple(map(slice, shape))]


class _Network(Executable):
    def __init__(self, runner: Any) -> None:
        self._runner = runner

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        with failing_as(RunFailed, "glow could not run the model"):
            found: dict[str, NDArray[Any]] = self._runner(inputs)
            return found


def steps_of(written: bytes) -> Any:
    """Returns a model as the operators that Glow lowers: those in which the core graph writes ONNX.

    Raises:
        Unsupported: The core graph cannot take it; the message says why.
    """
    import onnx
    from onnx import helper, numpy_helper

    from latebra.compiling.glow.lowering import Step, Steps
    from latebra.compiling.ir.from_onnx import from_onnx
    from latebra.compiling.ir.passes.halves import widen_halves
    from latebra.compiling.ir.passes.usual import improved
    from latebra.compiling.ir.to_onnx import to_onnx

    vendor: Any = helper
    graph: Any = onnx.load_model_from_string(
        to_onnx(improved(widen_halves(improved(from_onnx(written)))))
    ).graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    steps: list[Any] = []
    for node in graph.node:
        told: dict[str, Any] = {}
        for each in node.attribute:
            value = vendor.get_attribute_value(each)
            if isinstance(value, bytes):
                value = value.decode()
            elif each.type == onnx.AttributeProto.TENSOR:
                value = numpy_helper.to_array(value)
            elif each.name == "to":
                value = str(vendor.tensor_dtype_to_np_dtype(value))
            told[each.name] = value
        if node.op_type == "Constant":
            constants[node.output[0]] = np.asarray(next(iter(told.values())))
            continue
        steps.append(Step(node.op_type, tuple(node.input), node.output[0], told))
    inputs: dict[str, Any] = {}
    for each in graph.input:
        kind = each.type.tensor_type
        shape = tuple(axis.dim_value for axis in kind.shape.dim)
        if each.name not in constants:
            inputs[each.name] = (str(vendor.tensor_dtype_to_np_dtype(kind.elem_type)), shape)
    return Steps(inputs, constants, steps, [each.name for each in graph.output])


PLUGIN = Glow
