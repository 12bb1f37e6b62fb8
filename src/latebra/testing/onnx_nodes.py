"""The test cases of single operators that the ONNX project ships, ready for any compiler."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.ir.from_onnx import from_onnx
from latebra.compiling.ir.graph import DTYPES, Graph
from latebra.core.errors import Unsupported
from latebra.core.network import Arrays

_SHORT: Final = 8


@dataclass(frozen=True)
class Case:
    """One operator in one setting, with what it must give.

    Args:
        name: As ONNX calls it, such as ``test_relu``.
        onnx: The bytes of a model of that one operator.
        inputs: Arrays by name, in order.
        outputs: What must come out, by name, in order.
        relative: Accepted error relative to the value.
        absolute: Accepted error besides.
    """

    name: str
    onnx: bytes = field(repr=False)
    inputs: Arrays = field(repr=False)
    outputs: Arrays = field(repr=False)
    relative: float
    absolute: float

    def error(self, found: Arrays) -> str:
        """Returns what is wrong with outputs in a few words; nothing where they are right."""
        for name, wanted in self.outputs.items():
            got = found.get(name)
            if got is None:
                return f"{name} is missing"
            if got.shape != wanted.shape:
                return f"{name} has shape {got.shape}, not {wanted.shape}"
            if got.dtype != wanted.dtype:
                return f"{name} is {got.dtype}, not {wanted.dtype}"
            with np.errstate(all="ignore"):
                same = np.allclose(
                    got, wanted, rtol=self.relative, atol=self.absolute, equal_nan=True
                )
                if not same:
                    off = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
                    # Where one is NaN and the other is not, there is no distance.
                    return f"{name} is off by up to {np.max(off):.3g}"
        return ""


def node_cases() -> Iterator[Case]:
    """Yields every case whose inputs and outputs are arrays of ordinary numbers.

    Left out are cases on text, sequences, optional values and on numbers that numpy lacks, such as
    bfloat16 and four-bit ones: no compiler here takes them, and none says otherwise.
    """
    for each in _shipped():
        case = _case(each)
        if case is not None:
            yield case


def shipped() -> int:
    """Returns how many cases the installed version of ONNX ships, whatever they are on."""
    return len(_shipped())


def _shipped() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        vendor: Any = load_model_tests
        return sorted(vendor(kind="node"), key=lambda each: str(each.name))


def _case(each: Any) -> Case | None:
    graph = each.model.graph
    given, wanted = each.data_sets[0]
    inputs = _arrays([value.name for value in graph.input], given)
    outputs = _arrays([value.name for value in graph.output], wanted)
    if inputs is None or outputs is None:
        return None
    written: bytes = each.model.SerializeToString()
    return Case(each.name, written, inputs, outputs, float(each.rtol), float(each.atol))


def _arrays(names: Sequence[str], values: Sequence[Any]) -> dict[str, NDArray[Any]] | None:
    """Returns arrays by name; None where a value is something else."""
    if len(names) != len(values):
        return None
    found: dict[str, NDArray[Any]] = {}
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, np.ndarray | np.generic | int | float):
            return None
        array: NDArray[Any] = np.asarray(value)
        if array.dtype.name not in DTYPES:
            return None
        found[name] = array
    return found


def core_graph(case: Case) -> Graph:
    """Returns a case as a core graph, with as few of its inputs fixed as its operator allows.

    Many cases hand over as an input what models hold as a constant, such as the shape of a Reshape.
    Those are fixed to the case's own values: none if that will do, else the whole numbers and short
    lists, else all.

    Raises:
        Unsupported: The case cannot be taken whatever is fixed.
    """
    shapes = {name: array.shape for name, array in case.inputs.items()}
    settings = {
        name: array
        for name, array in case.inputs.items()
        if array.dtype.kind in "iub" or (array.ndim <= 1 and array.size <= _SHORT)
    }
    for constants in ({}, settings):
        try:
            return from_onnx(case.onnx, shapes=shapes, constants=constants)
        except Unsupported:
            continue
    return from_onnx(case.onnx, shapes=shapes, constants=case.inputs)
