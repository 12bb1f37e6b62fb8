"""Look at an embedding along axes that a seed draws: what makes a lost vault replaceable.

Another seed gives other axes, and of a vector whose direction is unknown the coordinates along them
are those of any vector (Teoh, Goh, Ngo, "Random multispace quantization", IEEE Trans. Pattern Anal.
Mach. Intell. 28(12), 2006).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from latebra.hiding.channel.stream import Stream


def axes(stream: Stream, dims: int) -> Float64[np.ndarray, "dims dims"]:
    """Returns an orthonormal basis, one vector a row, drawn evenly from all of them.

    It is the Q of Gaussians, R's diagonal made positive: without that the distribution would depend
    on the library (Mezzadri, Notices of the AMS 54(5), 2007).
    """
    q, r = np.linalg.qr(gaussians(stream, dims * dims).reshape(dims, dims))
    return (q * np.sign(np.diag(r))).T


def gaussians(stream: Stream, count: int) -> Float64[np.ndarray, " count"]:
    """Returns standard Gaussians (Box, Muller, Ann. Math. Statist. 29(2), 1958)."""
    u, v = stream.uniform(2 * count).reshape(2, count)
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
