"""Functions said in several core operators, beside NumPy's own."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from latebra.compiling.ir import composed
from latebra.compiling.ir.builder import Builder
from latebra.compiling.ir.graph import type_of
from latebra.compiling.ir.interpret import interpret

KINDS = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "uint64")
FLOAT_ONLY = {"is_infinite", "ceil"}
CASES = {
    "at_most": np.less_equal,
    "ceil": np.ceil,
    "is_infinite": np.isinf,
    "modulo": np.remainder,
    "sign": np.sign,
}


def numbers(kind: str) -> np.ndarray[Any, Any]:
    """Returns pairs of numbers at the edges of a type, and some between."""
    if np.dtype(kind).kind == "f":
        ends: list[Any] = [0.0, -0.0, np.inf, -np.inf, np.nan, 2.5, -2.5, 1e-7, -1e-7, 7.0, -7.0]
    else:
        info = np.iinfo(kind)
        ends = [info.min, info.min + 1, 3, 5, 7, info.max - 1, info.max]
        ends += [0, -1, -3, -7] if info.min else []
    return np.stack(np.meshgrid(*[np.asarray(ends, kind)] * 2)).reshape(2, -1)


def signs(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns which numbers have a minus sign; one that is no number has none."""
    return np.signbit(array.astype(np.float64)) & ~np.isnan(array)


def told(function: Any, *arrays: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns what a function of values gives for arrays."""
    b = Builder("g")
    values = [b.input(f"x{i}", type_of(array)) for i, array in enumerate(arrays)]
    graph = b.finish({"y": function(*values)})
    return interpret(graph, {f"x{i}": array for i, array in enumerate(arrays)})["y"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_it_is_what_numpy_gives(name: str, kind: str) -> None:
    if name in FLOAT_ONLY and np.dtype(kind).kind != "f":
        return
    pairs = numbers(kind)
    arrays = pairs if name in ("at_most", "modulo") else pairs[:1]
    if name == "modulo":
        arrays = arrays[:, arrays[1] != 0]
    with np.errstate(all="ignore"):
        wanted = CASES[name](*arrays)
    found = told(getattr(composed, name), *arrays)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    if name != "sign":  # Zeros keep theirs here.
        np.testing.assert_array_equal(signs(found), signs(wanted))


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_turns_its_sign(kind: str) -> None:
    x = numbers(kind)[0]
    found = told(operator.neg, x)
    np.testing.assert_array_equal(found, -x)
    np.testing.assert_array_equal(signs(found), signs(-x))
