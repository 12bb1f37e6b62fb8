"""A torch module as an ONNX file."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError, Unavailable, Unsupported

OPSET: Final = 18


def is_module(source: object) -> bool:
    """Returns whether ``source`` is a torch module; torch is not imported to find out."""
    torch: Any = sys.modules.get("torch")  # Whoever has a module has imported it.
    return torch is not None and isinstance(source, torch.nn.Module)


def exported(module: Any, example: Sequence[NDArray[Any]]) -> bytes:
    """Returns a module as ONNX, in evaluation mode, for inputs of exactly these shapes.

    Its inputs are called ``x0``, ``x1``, …, its outputs ``y0``, ``y1``, ….

    Args:
        module: A ``torch.nn.Module``; its mode is put back as it was.
        example: One array for each argument of ``forward``.

    Raises:
        InputError: No example is given.
        Unavailable: The package that torch writes ONNX with is not installed.
        Unsupported: Torch cannot export the module.
    """
    if not example:
        raise InputError(
            "a torch module was given without an example of its inputs",
            fix="give example=[array, ...], one for each argument of forward",
        )
    if find_spec("onnx") is None:
        raise Unavailable("onnx is not installed", fix="pip install 'latebra[reference]'")
    torch: Any = sys.modules["torch"]
    arguments = tuple(torch.from_numpy(np.ascontiguousarray(each)) for each in example)
    training = module.training
    module.eval()
    written = BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # The older exporter says that it is old.
            found = module(*arguments)
            count = len(found) if isinstance(found, tuple | list) else 1  # pyright: ignore[reportUnknownArgumentType] torch is not typed
            torch.onnx.export(
                module,
                arguments,
                written,
                input_names=[f"x{i}" for i in range(len(arguments))],
                output_names=[f"y{i}" for i in range(count)],
                opset_version=OPSET,
                # The newer exporter needs a package that few have.
                dynamo=False,
            )
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise Unsupported(
            f"torch cannot export {type(module).__name__}: {said}",
            fix="export it to an ONNX file yourself, and give that",
        ) from error
    finally:
        module.train(training)
    return written.getvalue()
