"""Pseudo-random bytes, uniforms and permutations from one secret, by purpose."""

from __future__ import annotations

import hashlib
import hmac
from typing import final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from jaxtyping import Float64, Int64, UInt8


@final
class Stream:
    """A keyed source of randomness that both ends can repeat.

    A carrier is handed one of these and never the key behind it. Children are independent of one
    another and of their parent: one label per purpose.

    Args:
        seed: 32 secret bytes.
    """

    __slots__ = ("_seed",)

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError(f"a stream's seed has 32 bytes, this one has {len(seed)}")
        self._seed = seed

    def __repr__(self) -> str:
        return "Stream(…)"

    def child(self, purpose: str, binding: bytes = b"") -> Stream:
        """Returns the stream for one purpose: HMAC-SHA256 over the label and ``binding``."""
        label = purpose.encode() + b"\0" + binding
        return Stream(hmac.new(self._seed, label, hashlib.sha256).digest())

    def bytes(self, count: int) -> bytes:
        """Returns the first ``count`` bytes of the ChaCha20 keystream."""
        encryptor = Cipher(ChaCha20(self._seed, bytes(16)), mode=None).encryptor()
        return encryptor.update(bytes(count))

    def tag(self, salt: bytes, count: int) -> bytes:
        """Returns ``count`` (at most 64) bytes that depend on ``salt``: keyed BLAKE2b."""
        return self.tags([salt], count)

    def tags(self, salts: list[bytes], count: int) -> bytes:
        """Returns the tag of each salt, one after another."""
        keyed = hashlib.blake2b(digest_size=count, key=self._seed)
        found = bytearray()
        for salt in salts:
            each = keyed.copy()
            each.update(salt)
            found += each.digest()
        return bytes(found)

    def bits(self, count: int) -> UInt8[np.ndarray, " count"]:
        """Returns ``count`` coin flips, zeros and ones."""
        packed = np.frombuffer(self.bytes(-(-count // 8)), np.uint8)
        return np.unpackbits(packed)[:count]

    def uniform(self, count: int) -> Float64[np.ndarray, " count"]:
        """Returns ``count`` numbers strictly between 0 and 1, on a grid of 2^-53."""
        words = np.frombuffer(self.bytes(8 * count), "<u8") >> np.uint64(12)
        return (words.astype(np.float64) + 0.5) * 2.0**-52

    def permutation(self, count: int) -> Int64[np.ndarray, " count"]:
        """Returns a permutation of ``range(count)``: the order of ``count`` 64-bit words.

        Two equal words would bias it; for 2^14 entries that has probability 2^-37.
        """
        return np.argsort(np.frombuffer(self.bytes(8 * count), "<u8"), kind="stable")
