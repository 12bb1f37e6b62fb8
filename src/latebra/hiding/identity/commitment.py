"""A secret that comes back for a like embedding: fuzzy commitment with soft decisions.

    enrol   y = mean of the samples along keyed axes, as long as a Gaussian vector is by chance
            sizes = |y|, in 256 cells of equal probability;  masked = C(k) xor (y > 0)
    open    LLR = |y| y' (−1)^masked on the axes of the largest |y|  →  list decoder  →  k

(Juels, Wattenberg, "A fuzzy commitment scheme", CCS 1999; reliable components from Tuyls et al.,
"Practical biometric authentication with template protection", AVBPA 2005.) The decoder takes no
notice of the scale of its LLRs, so a constant in front of them is left out.

**Alone it protects little**: whoever has helpers of one person finds the embedding
(``attacks/template.py``), and whoever has one can try voices until one fits. So helpers are stored
encrypted; and so that a wrong key for that decrypts to what might as well be right, every bit of a
helper is even. That is why there are no more axes than the embedding has dimensions, why sizes are
stored by cells of equal probability, and why the length, which would else be the same for all, is
drawn. Who knows how embeddings are spread, and that is not evenly, can hold the sizes against it:
``strength`` counts that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from latebra.core.errors import InputError
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.turning import axes, gaussians

CELLS: Final = 256


@dataclass(frozen=True)
class Shape:
    """How a secret is spread over an embedding.

    Args:
        dims: Of the embedding.
        bits: Axes that are used, those of the largest coordinates: the length of the code.
        secret_bits: Bits of the secret.
    """

    dims: int
    bits: int
    secret_bits: int


@dataclass(frozen=True)
class Helper:
    """What must be kept to get the secret back; it is secret itself.

    Args:
        sizes: How far the embedding lies along each axis, by cells of equal probability.
        masked: The codeword, hidden by the signs; on axes that are not used, coin flips.
    """

    sizes: UInt8[np.ndarray, " dims"] = field(repr=False)
    masked: UInt8[np.ndarray, " dims"] = field(repr=False)

    def chosen(self, count: int) -> Int64[np.ndarray, " count"]:
        """Returns the axes of the largest coordinates, ascending."""
        return np.sort(np.argsort(-self.sizes.astype(np.int64), kind="stable")[:count])


def direction(samples: Sequence[Float32[np.ndarray, " dims"]]) -> Float64[np.ndarray, " dims"]:
    """Returns the mean of embeddings, each of length one, with length one.

    Raises:
        InputError: One is zero, or no number.
    """
    rows = np.stack(samples).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(rows).all() or not (lengths > 0).all():
        raise InputError("an embedding is zero, or no number", fix="give another sample")
    mean = (rows / lengths).mean(axis=0)
    length = np.linalg.norm(mean)
    if not length > 0:
        raise InputError("the samples cancel one another", fix="give samples of one thing")
    return mean / length


def commit(
    samples: Sequence[Float32[np.ndarray, " dims"]],
    secret: UInt8[np.ndarray, " k"],
    shape: Shape,
    stream: Stream,
    fresh: Stream,
) -> Helper:
    """Returns the helper that gives ``secret`` back for embeddings like ``samples``.

    Args:
        samples: Whitened embeddings of one person or thing, one at least.
        secret: Coin flips, 0 or 1.
        shape: How it is spread.
        stream: Draws the axes; new for each enrolment.
        fresh: Draws what is never needed again.
    """
    length = np.linalg.norm(gaussians(fresh.child("length"), shape.dims))
    seen = axes(stream, shape.dims) @ direction(samples) * length
    below = np.array([math.erf(abs(each) * math.sqrt(0.5)) for each in seen])
    sizes = np.minimum(below * CELLS, CELLS - 1).astype(np.uint8)
    helper = Helper(sizes, fresh.child("unused").bits(shape.dims))
    chosen = helper.chosen(shape.bits)
    word = code(shape.secret_bits, shape.bits).encode(secret)
    helper.masked[chosen] = word ^ (seen[chosen] > 0)
    return helper


def recover(
    samples: Sequence[Float32[np.ndarray, " dims"]], helper: Helper, shape: Shape, stream: Stream
) -> UInt8[np.ndarray, " k"] | None:
    """Returns the secret, or None; a wrong one now and then, as the code's own check is short.

    Args:
        samples: Whitened embeddings, one at least.
        helper: What ``commit`` gave.
        shape: As it was.
        stream: As it was.
    """
    llr = softened(axes(stream, shape.dims) @ direction(samples), helper, shape)
    return code(shape.secret_bits, shape.bits).decode(llr)


def softened(
    seen: Float64[np.ndarray, " dims"], helper: Helper, shape: Shape
) -> Float32[np.ndarray, " bits"]:
    """Returns the LLRs of the code's bits, up to a constant factor.

    Args:
        seen: Coordinates of what was shown.
        helper: Of the vault.
        shape: Of the vault.
    """
    chosen = helper.chosen(shape.bits)
    sizes = _middles()[helper.sizes[chosen]]
    return (seen[chosen] * sizes * (1.0 - 2.0 * helper.masked[chosen])).astype(np.float32)


@cache
def _middles() -> Float64[np.ndarray, " 256"]:
    """Returns the median of |N(0, 1)| in each cell."""
    standard = NormalDist()
    return np.array([standard.inv_cdf(0.5 + (at + 0.5) / CELLS / 2) for at in range(CELLS)])
