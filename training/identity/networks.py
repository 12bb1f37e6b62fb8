"""Run embedders on many samples, and know their weights by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from latebra.models.embedders.catalogue import find


def run(kind: str, samples: Sequence[Any]) -> NDArray[np.float64]:
    """Returns embeddings that are not whitened, one row a sample."""
    embedder = find(kind)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(embedder.onnx, options)
    rows = [
        embedder.pooled(
            [{"embedding": session.run(None, dict(each))[0]} for each in embedder.inputs(sample)],
            sample,
        )
        for sample in samples
    ]
    return np.stack(rows).astype(np.float64)


def digest_of(model: onnx.ModelProto) -> str:
    """Returns SHA-256 over the weights: name, shape and little-endian values, sorted by name."""
    state = hashlib.sha256()
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        array = numpy_helper.to_array(tensor)
        state.update(f"{tensor.name}\0{array.dtype.str}\0{array.shape}\0".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()
