"""Look at an embedding from directions that a seed draws: what makes a lost vault replaceable.

Directions come in blocks, each an orthonormal basis of the whole space, so that none is looked at
more closely than another. Another seed looks from elsewhere (Teoh, Goh, Ngo, IEEE Trans. Pattern
Anal. Mach. Intell. 28(12), 2006, "Random multispace quantization").
"""

from __future__ import annotations

from math import ceil

import numpy as np
from jaxtyping import Float64

from latebra.hiding.channel.stream import Stream


def directions(stream: Stream, dims: int, count: int) -> Float64[np.ndarray, "count dims"]:
    """Returns directions of length one, ``dims`` after ``dims`` of them at right angles.

    Args:
        stream: What draws them.
        dims: Of the embedding.
        count: How many; more than ``dims`` are several looks at the same thing.
    """
    blocks = [_basis(stream.child("basis", bytes([at])), dims) for at in range(ceil(count / dims))]
    return np.concatenate(blocks)[:count]


def _basis(stream: Stream, dims: int) -> Float64[np.ndarray, "dims dims"]:
    """Returns an orthonormal basis, drawn evenly from all of them.

    Columns of the QR decomposition of Gaussians, R's diagonal made positive: without that the
    distribution would depend on the library (Mezzadri, Notices of the AMS 54(5), 2007).
    """
    u = stream.uniform(2 * dims * dims).reshape(2, dims, dims)
    gaussians = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
    q, r = np.linalg.qr(gaussians)
    return (q * np.sign(np.diag(r))).T
