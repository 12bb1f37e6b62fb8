# /// script
# requires-python = ">=3.11"
# dependencies = ["onnx>=1.17"]
# ///
"""Compute a model in 64-bit floats, operator by operator: the judge of all others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support, failing_as, standard
from latebra.compiling.mistakes import Mistake, built, takes
from latebra.compiling.uses import uses_of
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_FLOAT: Final = 1
_DOUBLE: Final = 11
"""Element types in ``TensorProto.DataType``."""
_SINGLE: Final = "latebra.single"
"""In the artifact, the outputs that are 32-bit floats in the model."""
_NAMED: Final = (("Cast", "to"), ("EyeLike", "dtype"))
"""Operators with the attribute that names their type."""
MISTAKES: Final = (
    Mistake("BitCast", "of 32 bits has 64 of them here", lambda use: use.may_be(1)),
    Mistake(
        "Loop",
        "adds an axis to what it gathers",
        lambda use: len(use.outputs) > len(use.inputs) - 2,
    ),
    Mistake("LRN", "normalises no more channels than the batch has pictures"),
    Mistake("MeanVarianceNormalization", "mixes floats of 32 and 64 bits"),
    Mistake("Scan", "of opset 8 fails", lambda use: use.opset < 9),
    Mistake("Scatter", "is not there"),
)
"""Seen with version 1.23, by ``benchmarks/onnx_nodes.py``; LRN's by ``test_tvm_loops.py``, as
ONNX's own case has as many pictures as channels."""


@dataclass(frozen=True)
class Reference(Compiler):
    """The evaluator of the ONNX project, in 64-bit floats.

    What it does: every 32-bit float of the model becomes a 64-bit one, and each operator is
    computed as ONNX defines it, with numpy. Results are rounded to 32 bits at the very end, so it
    is slow, and its own error is the last rounding. A model that rounds a quotient to whole numbers
    keeps its own floats: 64 bits would see no tie where 32 see one, and be a whole step off.

    Choose it: to judge the others.

    Reference: https://onnx.ai/onnx/api/reference.html.
    """

    title: ClassVar[str] = "Reference"
    about: ClassVar[str] = "ONNX's own definitions in 64-bit floats: slow, the judge of all others."
    needs: ClassVar[dict[str, str]] = {"onnx": "onnx"}
    extra: ClassVar[str] = "reference"
    rank: ClassVar[int] = 90

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and takes(model, MISTAKES)

    @override
    def build(self, model: Model) -> bytes:
        return built(model, MISTAKES, self._built)

    def _built(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "the model is not valid ONNX"):
            import onnx

            proto = onnx.load_model_from_string(model.onnx)
            onnx.checker.check_model(proto)  # pyright: ignore[reportUnknownMemberType] half typed
            if not _rounds(model):
                single = [e.name for e in model.facts.outputs if e.dtype == "float32"]
                proto.metadata_props.add(key=_SINGLE, value=json.dumps(single))
                _to_double(proto.graph)
            return proto.SerializeToString()

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "the reference could not load its artifact"):
            import onnx
            from onnx.reference import ReferenceEvaluator

            proto = onnx.load_model_from_string(artifact)
            told = {each.key: each.value for each in proto.metadata_props}
            single = json.loads(told[_SINGLE]) if _SINGLE in told else None
            return _Evaluator(ReferenceEvaluator(proto, new_ops=_mended(proto)), single)


class _Evaluator(Executable):
    """Runs the evaluator.

    Args:
        evaluator: The vendor's.
        single: The outputs to round to 32 bits; None where the model kept its own floats.
    """

    def __init__(self, evaluator: Any, single: list[str] | None) -> None:
        self._evaluator = evaluator
        self._single = single

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        feed = {
            name: array.astype(np.float64)
            if array.dtype == np.float32 and self._single is not None
            else array
            for name, array in inputs.items()
        }
        with failing_as(RunFailed, "the reference could not run the model"):
            found = self._evaluator.run(None, feed)
        names: Iterable[str] = self._evaluator.output_names
        return {
            name: np.asarray(array, np.float32) if name in (self._single or ()) else array
            for name, array in zip(names, found, strict=True)
        }


def _rounds(model: Model) -> bool:
    """Does it round a quotient to whole numbers, as quantisation does?"""
    return any(
        use.operator in ("DynamicQuantizeLinear", "QuantizeLinear")
        or (use.operator == "Div" and "Round" in use.readers)
        for use in uses_of(model.onnx)
    )


def _mended(proto: Any) -> list[Any]:
    """Returns operators that the evaluator (1.23) computes otherwise than ONNX defines them.

    ``BatchNormalization`` before operator set 14 mixes the batch's own mean and variance in, though
    inference takes those that are given; ``Softmax`` and ``LogSoftmax`` before set 13 run over the
    last axis alone, not over all from ``axis`` on, which is 1 unless told; ``GlobalMaxPool`` takes
    its maximum over wrong axes unless there are two of them.
    """
    from onnx.reference.op_run import OpRun

    runner: Any = OpRun

    class GlobalMaxPool(runner):
        op_domain = ""

        def _run(self, x: Any) -> tuple[Any]:
            return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)

    class BatchNormalization(runner):
        op_domain = ""

        def _run(
            self, x: Any, scale: Any, bias: Any, mean: Any, var: Any, epsilon: float, **_: Any
        ) -> tuple[Any]:
            ones = (-1,) + (1,) * (x.ndim - 2)
            factor = scale / np.sqrt(var + epsilon)
            shifted = (x - mean.reshape(ones)) * factor.reshape(ones)
            return ((shifted + bias.reshape(ones)).astype(x.dtype),)

    class Softmax(runner):
        op_domain = ""

        def _run(self, x: Any, **_: Any) -> tuple[Any]:
            return (np.exp(_log_shares(x, self.onnx_node)),)

    class LogSoftmax(runner):
        op_domain = ""

        def _run(self, x: Any, **_: Any) -> tuple[Any]:
            return (_log_shares(x, self.onnx_node),)

    opset = max((each.version for each in proto.opset_import if not each.domain), default=14)
    mended: list[Any] = [GlobalMaxPool]
    if opset < 14:
        mended.append(BatchNormalization)
    if opset < 13:
        mended += [Softmax, LogSoftmax]
    return mended


def _log_shares(x: NDArray[Any], node: Any) -> NDArray[Any]:
    """Returns the logarithm of each value's share of all from the node's axis on."""
    # The evaluator fills in the default of the newest operator set.
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
    rest = tuple(range(axis % x.ndim, x.ndim))
    shifted = x - x.max(axis=rest, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=rest, keepdims=True))


def _to_double(graph: Any) -> None:
    """Makes every 32-bit float of a graph a 64-bit one, in place."""
    from onnx import helper, numpy_helper

    for tensor in graph.initializer:
        _tensor_to_double(tensor)
    for value in [*graph.input, *graph.output]:
        if value.type.tensor_type.elem_type == _FLOAT:
            value.type.tensor_type.elem_type = _DOUBLE
    del graph.value_info[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _tensor_to_double(attribute.t)
            if attribute.HasField("g"):
                _to_double(attribute.g)
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                held = attribute.f if attribute.name == "value_float" else list(attribute.floats)
                array = np.asarray(held, np.float64)
                attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(array)))
            if (node.op_type, attribute.name) in _NAMED and attribute.i == _FLOAT:
                attribute.i = _DOUBLE
        if node.op_type == "ConstantOfShape" and not node.attribute:
            node.attribute.append(
                helper.make_attribute("value", numpy_helper.from_array(np.zeros(1)))
            )


def _tensor_to_double(tensor: Any) -> None:
    from onnx import numpy_helper

    if tensor.data_type == _FLOAT:
        array = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


PLUGIN = Reference
