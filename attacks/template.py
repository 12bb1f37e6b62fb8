"""Recover an embedding from several helpers of one person: why helpers must be sealed.

A helper says which directions were reliable, and how much: large |ȳ|, so that the helpers of one
person, each under another seed, are that many magnitudes of linear measurements of one vector. The
vector's direction is the strongest axis of the weighted sum of outer products; then signs are
guessed and the vector is regressed, in turn (compare the probabilistic regression of Zhu and Wang,
PoPETs 2025(4), arXiv:2409.12884, on other templates). It is found up to its sign, which two tries
settle.

The control is a scheme that stores its helpers as they are. Against vaults the same analyst gets the
same number of bytes, read in the same way, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Helper, Shape
from latebra.hiding.identity.turning import directions

ROUNDS = 20


def recovered(
    helpers: Sequence[Helper], seeds: Sequence[bytes], shape: Shape
) -> Float64[np.ndarray, " dims"]:
    """Returns the embedding that helpers of one person point to, or its opposite."""
    turned = [
        directions(Stream(seed), shape.dims, shape.candidates)[helper.chosen]
        for helper, seed in zip(helpers, seeds, strict=True)
    ]
    looks = np.concatenate(turned)
    sizes = np.concatenate([helper.weights.astype(np.float64) for helper in helpers])
    vector = np.linalg.eigh((looks * sizes[:, None]).T @ looks)[1][:, -1]
    for _ in range(ROUNDS):
        signs = np.sign(looks @ vector)
        vector = np.linalg.lstsq(looks, signs * sizes, rcond=None)[0]
        vector /= np.linalg.norm(vector)
    return vector


def read_as_helper(vault: bytes, shape: Shape) -> tuple[Helper, bytes]:
    """Returns what an analyst without the second factor can take for a helper and its seed."""
    data = np.frombuffer(vault, np.uint8)
    seed = vault[:32]
    words = data[32 : 32 + 2 * shape.bits].view("<u2") % shape.candidates
    rest = data[32 + 2 * shape.bits :]
    weights = np.maximum(rest[: shape.bits], 1)
    masked = np.unpackbits(rest[shape.bits : shape.bits + shape.bits // 8])
    return Helper(words.astype(np.uint16), weights, masked), seed
