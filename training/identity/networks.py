"""Run embedders on many samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

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
