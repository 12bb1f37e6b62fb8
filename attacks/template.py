"""Find an embedding from helpers of one person: why helpers must be encrypted.

Each helper says how far the embedding lies along axes of its own, without signs. A few of them are
magnitudes of many linear measurements of one vector: its direction is near the strongest axis of
the weighted sum of outer products, and guessing signs and regressing on them, in turn, finds it up
to its own sign, which two tries settle (compare the probabilistic regression of Zhu and Wang,
PoPETs 2025(4), arXiv:2409.12884, on other templates).

The control is a scheme that stores its helpers as they are. Against vaults the analyst has the same
number of bytes, read in the same way, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Helper, Shape
from latebra.hiding.identity.locked import HELPER, NAME, helper_in
from latebra.hiding.identity.turning import axes

ROUNDS = 60


def recovered(
    helpers: Sequence[Helper], seeds: Sequence[bytes], shape: Shape
) -> Float64[np.ndarray, " dims"]:
    """Returns the direction that helpers of one person point to, or its opposite."""
    looks = np.concatenate([axes(Stream(seed), shape.dims) for seed in seeds])
    cells = np.concatenate([helper.sizes.astype(np.float64) for helper in helpers])
    sizes = (cells + 0.5) / 256
    vector = np.linalg.eigh((looks * (sizes**2)[:, None]).T @ looks)[1][:, -1]
    inverse = np.linalg.pinv(looks)
    for _ in range(ROUNDS):
        vector = inverse @ (np.sign(looks @ vector) * sizes)
    return vector / np.linalg.norm(vector)


def read_as_helper(vault: bytes, shape: Shape) -> tuple[Helper, bytes]:
    """Returns what an analyst without the second factor can take for a helper and its seed."""
    return helper_in(vault[NAME : NAME + HELPER], shape)
