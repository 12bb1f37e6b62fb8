"""From an ONNX file to loops, each with its schedule."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from latebra.compiling.tvm.extremes import extremes
from latebra.compiling.tvm.loops import scheduled
from latebra.compiling.tvm.powers import powers
from latebra.compiling.tvm.tiled import DONE, Tiled
from latebra.core.errors import Unsupported


def lowered(onnx: bytes, lanes: int, threads: int) -> Any:
    """Returns a model as the vendor's loops, all scheduled.

    Args:
        onnx: The bytes of a file.
        lanes: Floats in one vector register.
        threads: How many threads may split a loop.

    Raises:
        Unsupported: The vendor lacks an operator.
    """
    tvm: Any = import_module("tvm")
    steps: Any = import_module("tvm.relax").transform
    own = {**Tiled(lanes, threads).operators(), **extremes(), **powers()}
    passes = [
        steps.DecomposeOpsForInference(),
        steps.LegalizeOps(skip_ops=list(own)),
        steps.FoldConstant(),  # Weights that the file holds transposed are constants after it.
        steps.LegalizeOps(own),
        steps.FoldConstant(),
        steps.AnnotateTIROpPattern(),
        steps.FuseOps(),
        steps.FuseTIR(),
        steps.DeadCodeElimination(),
    ]
    module = _read(onnx)
    for step in passes:
        module = step(module)
    for name, function in list(module.functions.items()):
        loops = isinstance(function, tvm.tirx.PrimFunc)
        if loops and not (function.attrs and DONE in function.attrs):
            # What writes where indices say cannot be split, and stays as it is.
            with suppress(tvm.s_tir.ScheduleError):
                module[name] = scheduled(function, lanes, threads)
    return module


def _read(onnx: bytes) -> Any:
    """Returns an ONNX file as a graph of the vendor's operators, constants inside."""
    import onnx as vendor

    frontend: Any = import_module("tvm.relax.frontend.onnx")
    proto = vendor.load_model_from_string(onnx)
    vendor.checker.check_model(proto)  # pyright: ignore[reportUnknownMemberType] half typed
    unknown: Any = import_module("tvm").error.OpNotImplemented
    try:
        return frontend.from_onnx(proto, keep_params_in_input=False)
    except (unknown, NotImplementedError) as error:
        raise Unsupported(
            f"tvm lacks an operator: {str(error).strip().splitlines()[0]}",
            fix="choose another compiler",
        ) from error
