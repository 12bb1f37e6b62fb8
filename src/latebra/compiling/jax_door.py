"""A JAX function as an ONNX file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from latebra.core.errors import InputError, LatebraError, Unavailable, Unsupported


def is_function(source: object) -> bool:
    """Returns whether ``source`` can be a JAX function: it is called, and is no class."""
    return callable(source) and not inspect.isclass(source)


def exported(function: Callable[..., Any], example: Sequence[Any]) -> bytes:
    """Returns a function as ONNX, for inputs of exactly these shapes.

    It is traced, and what it holds becomes constants. Its inputs are called ``x0``, ``x1``, …, its
    outputs ``y0``, ``y1``, …: the leaves of its arguments and results in JAX's order. Types are
    JAX's: without 64-bit numbers enabled there, ``int64`` is ``int32``.

    Args:
        function: A function of arrays, or of trees of arrays, that JAX can trace.
        example: One array, or tree of arrays, for each argument.

    Raises:
        InputError: No example is given.
        Unavailable: JAX, or the package that writes ONNX, is not installed.
        Unsupported: JAX cannot trace it, or a primitive has no place in the core graph.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if not example:
        raise InputError(
            f"function {name!r} was given without an example of its inputs",
            fix="give example=[array, ...], one for each argument",
        )
    for module, extra in (("jax", "xla"), ("onnx", "reference")):
        if find_spec(module) is None:
            raise Unavailable(f"{module} is not installed", fix=f"pip install 'latebra[{extra}]'")
    from latebra.compiling.ir.passes.usual import improved
    from latebra.compiling.ir.to_onnx import to_onnx
    from latebra.compiling.jaxpr.walk import graph_of

    jax: Any = import_module("jax")
    try:
        traced = jax.make_jaxpr(function)(*example)
    except LatebraError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise Unsupported(
            f"JAX cannot trace {name}: {said}",
            fix="give a function of arrays that jax.jit takes, and an example of each argument",
        ) from error
    return to_onnx(improved(graph_of(traced, name)))
