"""Write a trained model as GGUF: what was not trained is copied byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from latebra.models.language.weights import Weights

_OUTSIDE: Final = {
    "query": "attn_q",
    "value": "attn_v",
    "output": "attn_output",
    "down": "ffn_down",
}
"""How the format calls the matrices that have adapters."""


def export(source: Path, before: Weights, after: Weights, out: Path) -> list[str]:
    """Writes the model of ``source`` with the weights that changed, in 32-bit floats.

    Args:
        source: The GGUF file of the model before training.
        before: Its weights.
        after: Weights after training.
        out: The file to write.

    Returns:
        The names of the tensors that changed.
    """
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    changed = _changed(before, after)
    for tensor in reader.tensors:
        if tensor.name in changed:
            writer.add_tensor(tensor.name, changed[tensor.name])
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(changed)


def _changed(before: Weights, after: Weights) -> dict[str, np.ndarray[Any, Any]]:
    """Returns the matrices that changed, as the format calls and orders them."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for at, (old, new) in enumerate(zip(before.blocks, after.blocks, strict=True)):
        for ours, theirs in _OUTSIDE.items():
            matrix = getattr(new, ours)
            if not np.array_equal(getattr(old, ours), matrix):
                if ours == "query":
                    matrix = _paired(matrix, before.hyper.head_dim)
                found[f"blk.{at}.{theirs}.weight"] = matrix
    return found


def _paired(matrix: np.ndarray[Any, Any], head_dim: int) -> np.ndarray[Any, Any]:
    """Returns rows of halves, head by head, as rows of pairs: what the loader does, undone."""
    halves = matrix.reshape(-1, 2, head_dim // 2, matrix.shape[1])
    return np.ascontiguousarray(halves.transpose(0, 2, 1, 3).reshape(matrix.shape))
