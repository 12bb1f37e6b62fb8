"""Schemes that are wrong on purpose: a detector that misses its own proves nothing by silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from attacks.syndrome import Checks


@dataclass(frozen=True)
class Code:
    """A public repeat-accumulate code: sparse checks, and encoding in linear time.

    Parity bit j is parity bit j - 1 plus some message bits, so that row j has those and both parity
    bits.

    Args:
        messages: The message bits in each check, one row a check.
        length: Message bits.
    """

    messages: Int64[np.ndarray, "checks weight"]
    length: int

    @classmethod
    def make(cls, length: int, checks: int, weight: int, rng: np.random.Generator) -> Code:
        """Returns a code of ``length`` message bits, with ``weight`` of them in each check."""
        rows = [rng.choice(length, weight, replace=False) for _ in range(checks)]
        return cls(np.stack(rows).astype(np.int64), length)

    @property
    def size(self) -> int:
        """Number of coded bits."""
        return self.length + len(self.messages)

    @property
    def checks(self) -> Checks:
        """The code's parity checks, on message bits followed by parity bits."""
        count, weight = self.messages.shape
        parity = self.length + np.arange(count)
        body = np.column_stack([self.messages, parity - 1, parity])
        columns = np.delete(body.ravel(), weight)  # The first check has no parity bit before it.
        starts = np.arange(count) * (weight + 2) - (np.arange(count) > 0)
        return Checks(columns.astype(np.int64), starts.astype(np.int64))

    def encode(
        self, bits: UInt8[np.ndarray, "pictures length"]
    ) -> UInt8[np.ndarray, "pictures size"]:
        """Returns messages followed by their parity bits."""
        sums = np.bitwise_xor.reduce(bits[:, self.messages], axis=2)
        return np.concatenate([bits, np.bitwise_xor.accumulate(sums, axis=1)], axis=1)


def fresh_mask(
    count: int, dims: int, code: Code, rng: np.random.Generator
) -> Float32[np.ndarray, "count dims"]:
    """Returns latents of the honest scheme: coded signs under a mask of each picture's own.

    Args:
        count: Pictures.
        dims: Values a picture, at least ``code.size``; those beyond it carry nothing.
        code: What the signs carry; coded bit i lies in dimension i.
        rng: Source of messages, masks and magnitudes.
    """
    masks = rng.integers(0, 2, (count, code.size), dtype=np.uint8)
    return _write(code.encode(_messages(count, code, rng)) ^ masks, dims, rng)


def static_mask(
    count: int, dims: int, code: Code, rng: np.random.Generator
) -> Float32[np.ndarray, "count dims"]:
    """Returns latents under one mask for all pictures; magnitudes are fresh. Arguments as above."""
    mask = rng.integers(0, 2, code.size, dtype=np.uint8)
    return _write(code.encode(_messages(count, code, rng)) ^ mask, dims, rng)


def fixed_keystream(
    count: int, dims: int, code: Code, rng: np.random.Generator
) -> Float32[np.ndarray, "count dims"]:
    """Returns latents whose mask, magnitudes and fill are the same in all pictures."""
    mask = rng.integers(0, 2, code.size, dtype=np.uint8)
    fill = rng.standard_normal(dims).astype(np.float32)
    latents = np.tile(fill, (count, 1))
    bits = code.encode(_messages(count, code, rng)) ^ mask
    latents[:, : code.size] = _signed(bits, latents[:, : code.size])
    return latents


def fixed_radius(
    latents: Float32[np.ndarray, "pictures dims"],
) -> Float32[np.ndarray, "pictures dims"]:
    """Returns latents scaled to the norm √n, all of them."""
    norms = np.linalg.norm(latents, axis=1, keepdims=True)
    return (latents * (np.sqrt(latents.shape[1]) / norms)).astype(np.float32)


def margin(
    latents: Float32[np.ndarray, "pictures dims"], least: float
) -> Float32[np.ndarray, "pictures dims"]:
    """Returns latents that keep ``least`` away from 0, so that signs survive noise better."""
    kept = np.sign(latents) * np.maximum(np.abs(latents), np.float32(least))
    return kept.astype(np.float32)


def replace_lowest_bits(
    pictures: UInt8[np.ndarray, "n channels height width"], rate: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "n channels height width"]:
    """Returns pictures in which a share ``rate`` of the lowest bits are coin flips."""
    bits = rng.integers(0, 2, pictures.shape, dtype=np.uint8)
    replaced = rng.random(pictures.shape, dtype=np.float32) < rate
    return np.where(replaced, pictures & np.uint8(0xFE) | bits, pictures)


def noisy(
    latents: Float32[np.ndarray, "pictures dims"], errors: float, rng: np.random.Generator
) -> Float32[np.ndarray, "pictures dims"]:
    """Returns latents as an imperfect inversion returns them, a share ``errors`` of signs flipped.

    Adds noise of deviation tan(π e), which flips that share of a standard Gaussian's signs.
    """
    noise = rng.standard_normal(latents.shape, dtype=np.float32)
    return latents + np.float32(np.tan(np.pi * errors)) * noise


def _messages(
    count: int, code: Code, rng: np.random.Generator
) -> UInt8[np.ndarray, "count length"]:
    return rng.integers(0, 2, (count, code.length), dtype=np.uint8)


def _write(
    bits: UInt8[np.ndarray, "count size"], dims: int, rng: np.random.Generator
) -> Float32[np.ndarray, "count dims"]:
    latents = rng.standard_normal((len(bits), dims), dtype=np.float32)
    latents[:, : bits.shape[1]] = _signed(bits, latents[:, : bits.shape[1]])
    return latents


def _signed(
    bits: UInt8[np.ndarray, "count size"], values: Float32[np.ndarray, "count size"]
) -> Float32[np.ndarray, "count size"]:
    # NumPy's float32 Gaussians are exactly 0 now and then, and 0 has no sign to carry a bit.
    magnitudes = np.maximum(np.abs(values), np.finfo(np.float32).tiny)
    return np.where(bits == 1, magnitudes, -magnitudes)
