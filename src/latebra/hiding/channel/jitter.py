"""The jitter of class tables as a channel: into a table, out of it, and how much it carries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from latebra.hiding.audit.distributions import normal_cdf
from latebra.hiding.channel.sync import MOST_BYTES, Word
from latebra.hiding.channel.table import Room, Table

JITTER: Final = 0.01
"""Standard deviation of the jitter of each value, as a share of its prototype's length."""
SHARES: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""The rooms, as shares of the largest: as many of the last as the word has marks for."""
LOWEST_RATE: Final = 0.2
"""A small room takes so few dimensions that its code has this rate."""
SMALLEST: Final = 24
"""Bytes of the smallest frame."""
MOST_CODED: Final = 200_000
"""Bits of the longest code."""
_UNSURE: Final = 1e-3
"""No sign of a coarsely rounded value is surer than this: the length of its row is an estimate."""


LONG_WORD: Final = Word(8, 12)
SHORT_WORD: Final = Word(3, 16)


@dataclass(frozen=True)
class Quality:
    """What a channel does to the jitter.

    Args:
        noise: Standard deviation of what comes to a value, as a share of the jitter.
        depth: Bits that a value carries.
        rate: Message bits for each of these bits in the largest room.
        steps: Steps from 0 to the largest value of a class, where values are rounded to such.
        word: The synchronisation word: a short salt where signs are often wrong.
    """

    noise: float
    depth: int
    rate: float
    steps: int | None = None
    word: Word = LONG_WORD


QUALITIES: Final[Mapping[str, Quality]] = {
    "float": Quality(noise=0.1, depth=4, rate=0.6),
    "int8": Quality(noise=0.12, depth=3, rate=0.7, steps=127),
    "int4": Quality(noise=1.0, depth=1, rate=0.25, steps=7, word=SHORT_WORD),
}
"""By channel; ``benchmarks/zeroshot.py`` measured the noise and how often each room fails."""


@cache
def table(channel: str, size: int) -> Table:
    """Returns the calibrated channel of a class table with so many values.

    Args:
        channel: One of ``CHANNELS``.
        size: Classes times values of a prototype.
    """
    quality = QUALITIES[channel]
    values = min(size - quality.word.bits, MOST_CODED // quality.depth)
    most = int(values * quality.depth * quality.rate) // 8
    shares = SHARES[-(MOST_BYTES // quality.word.check_bytes) :]
    sizes = sorted({int(share * most) for share in shares if share * most >= SMALLEST})
    return Table(
        gain=np.ones(size, np.float32),
        noise=np.full(size, quality.noise, np.float32),
        depths=np.full(size, quality.depth, np.uint8),
        word=quality.word,
        rooms=tuple(
            Room(each, min(values, math.ceil(8 * each / (LOWEST_RATE * quality.depth))))
            for each in sizes
        ),
    )


def jittered(given: NDArray[Any], jitter: Float32[np.ndarray, " values"]) -> NDArray[Any]:
    """Returns a table whose prototypes are turned by ``jitter``; their lengths stay.

    Args:
        given: A class table.
        jitter: A value for each of the table's, class after class in the order of their names.
    """
    moved = given.copy()
    lengths = np.linalg.norm(given["prototype"], axis=1, keepdims=True)
    order = np.argsort(given["name"], kind="stable")
    rows = np.empty_like(given["prototype"])
    rows[order] = jitter.reshape(rows.shape)
    moved["prototype"] = directions(given["prototype"] / lengths + JITTER * rows) * lengths
    return moved


def jitter_of(
    received: NDArray[Any],
    prototypes: Float32[np.ndarray, "classes dims"],
    quality: Quality = QUALITIES["float"],
) -> Float32[np.ndarray, " values"]:
    """Returns the jitter of a table, as ``jittered`` takes it.

    Scaling took the length s of p + τz away. Given the direction u that is left, its density is
    s^(d-1) exp(-|su - p|² / 2τ²), whose peak solves s² - s (u·p) = (d-1) τ²; it is off by τ, and
    so every value of the jitter by some 1/√d. Rounding adds its own variance to τ².

    Args:
        received: A class table.
        prototypes: What its prototypes were before the jitter.
        quality: How the table came.
    """
    came, before = directions(received["prototype"]), directions(prototypes)
    step = np.zeros((len(came), 1))
    if quality.steps is not None:
        step = np.abs(came).max(axis=1, keepdims=True) / quality.steps
    along = np.einsum("ij,ij->i", came, before)[:, None]
    variance = (came.shape[1] - 1) * (JITTER**2 + step**2 / 12)
    lengths = (along + np.sqrt(along**2 + 4 * variance)) / 2
    rows = ((lengths * came - before) / JITTER).astype(np.float32)
    if quality.depth == 1:
        half = (lengths * step / (2 * JITTER)).astype(np.float32)
        rows = _by_signs(rows, half, quality.noise)
    return rows[np.argsort(received["name"], kind="stable")].ravel()


def _by_signs(
    middle: Float32[np.ndarray, "classes dims"],
    half: Float32[np.ndarray, "classes 1"],
    noise: float,
) -> Float32[np.ndarray, "classes dims"]:
    """Returns what a channel with Gaussian noise would give for the same odds of either sign.

    A value that was rounded coarsely says that its jitter lies within half a step of the middle;
    the share of a standard Gaussian there that is above zero is what is known of the sign.
    """
    low, high = normal_cdf((middle - half).ravel()), normal_cdf((middle + half).ravel())
    share = (high - np.clip(0.5, low, high)) / np.maximum(high - low, 1e-12)
    sure = np.clip(share, _UNSURE, 1 - _UNSURE).tolist()
    quantiles = np.fromiter(map(NormalDist().inv_cdf, sure), np.float64, len(sure))
    scaled = (quantiles * noise * math.sqrt(1 + noise**2)).astype(np.float32)
    return scaled.reshape(middle.shape)


def directions(
    prototypes: Float32[np.ndarray, "classes dims"],
) -> Float32[np.ndarray, "classes dims"]:
    """Returns prototypes with length one."""
    lengths = np.linalg.norm(prototypes.astype(np.float64), axis=1, keepdims=True)
    return (prototypes / lengths).astype(np.float32)
