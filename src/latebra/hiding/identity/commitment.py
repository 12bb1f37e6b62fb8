"""A secret that comes back for a like embedding: fuzzy commitment with soft decisions.

    enrol   ȳ = mean of the samples along keyed directions,  b = sign ȳ,  r = |ȳ| / s
            keep the n directions of the largest r;  helper = C(k) xor b
    open    LLR = r y (−1)^helper  →  list decoder  →  k

(Juels, Wattenberg, "A fuzzy commitment scheme", CCS 1999; reliable components from Tuyls et al.,
"Practical biometric authentication with template protection", AVBPA 2005.) The decoder takes no
notice of the scale of its LLRs, so a constant in front of them is left out.

**Alone it protects little.** Whoever has the helper can try voices until one fits, and from the
reliabilities of a few helpers of one person the embedding itself follows (``attacks/template.py``).
Helpers are therefore only ever stored sealed under a second factor: see ``locked``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, UInt8, UInt16

from latebra.core.errors import InputError
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.turning import directions

PRIOR: Final = 8.0
"""How many samples the usual spread is worth beside those of one enrolment, which are few."""
STEPS: Final = 255
"""Reliabilities are kept as whole numbers up to this, the largest one's."""


@dataclass(frozen=True)
class Shape:
    """How a secret is spread over an embedding.

    Args:
        dims: Of the embedding.
        candidates: Directions among which reliable ones are chosen.
        bits: Directions that are used: the length of the code.
        secret_bits: Bits of the secret.
    """

    dims: int
    candidates: int
    bits: int
    secret_bits: int


@dataclass(frozen=True)
class Helper:
    """What must be kept to get the secret back; it is secret itself.

    Args:
        chosen: Which directions are used, ascending.
        weights: How reliable each is, from 1 to 255.
        masked: The codeword, hidden by the signs.
    """

    chosen: UInt16[np.ndarray, " bits"] = field(repr=False)
    weights: UInt8[np.ndarray, " bits"] = field(repr=False)
    masked: UInt8[np.ndarray, " bits"] = field(repr=False)


def centred(samples: Sequence[Float32[np.ndarray, " dims"]]) -> Float64[np.ndarray, "count dims"]:
    """Returns embeddings with length one, in a row."""
    rows = np.stack(samples).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(rows).all() or not (lengths > 0).all():
        raise InputError("an embedding is zero, or no number", fix="give another sample")
    return rows / lengths


def commit(
    samples: Sequence[Float32[np.ndarray, " dims"]],
    secret: UInt8[np.ndarray, " k"],
    shape: Shape,
    stream: Stream,
) -> Helper:
    """Returns the helper that gives ``secret`` back for embeddings like ``samples``.

    Args:
        samples: Whitened embeddings of one person or thing, one at least.
        secret: Coin flips, 0 or 1.
        shape: How it is spread.
        stream: Draws the directions; new for each enrolment.
    """
    looks = centred(samples) @ directions(stream, shape.dims, shape.candidates).T
    mean = looks.mean(axis=0)
    count = len(looks)
    usual = 1.0 / shape.dims
    spread = np.sqrt((((looks - mean) ** 2).sum(axis=0) + PRIOR * usual) / (count - 1 + PRIOR))
    reliable = np.abs(mean) / spread
    chosen = np.sort(np.argsort(-reliable, kind="stable")[: shape.bits])
    weights = np.clip(np.ceil(reliable[chosen] / reliable.max() * STEPS), 1, STEPS)
    signs = (mean[chosen] > 0).astype(np.uint8)
    word = code(shape.secret_bits, shape.bits).encode(secret)
    return Helper(chosen.astype(np.uint16), weights.astype(np.uint8), word ^ signs)


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
    turned = directions(stream, shape.dims, shape.candidates)[helper.chosen]
    seen = turned @ centred(samples).mean(axis=0)
    llr = seen * helper.weights * (1.0 - 2.0 * helper.masked)
    return code(shape.secret_bits, shape.bits).decode(llr.astype(np.float32))
