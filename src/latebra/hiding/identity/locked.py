"""Content behind a sample and a second factor, in a file whose every byte looks like a coin flip.

    factor   HKDF(Argon2id(passphrase, name) | share)
    file     name 16 | helper 480 xor ChaCha20(factor) | frame (FULL) under data
    helper   seed 32 | sizes dims | masked dims / 8 | coin flips
    data     HKDF(factor | k), where k comes back for a sample like those that enrolled

``spec/identity.md`` has the bytes. The helper is encrypted and not authenticated, on purpose: a
wrong second factor gives another helper, as even as the right one, and only both together can be
tested on the frame (``strength`` says where that is not enough). A wrong factor, a wrong sample and
a damaged file fail alike, after the same work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from latebra.core.errors import InputError
from latebra.core.keys import Key, derive
from latebra.hiding import frame, padding
from latebra.hiding.channel.stream import Stream
from latebra.hiding.frame import Binding, Profile
from latebra.hiding.identity.commitment import Helper, Shape, commit, recover
from latebra.hiding.slots import Random

NAME: Final = 16
SEED: Final = 32
SHARE: Final = 32
HELPER: Final = 480
"""Bytes: room for embeddings of 398 dimensions; the same for all kinds, so that none shows."""
VERSION: Final = 1


@dataclass(frozen=True)
class Embedded:
    """Samples of one kind, as embeddings.

    Args:
        kind: What they are: ``voice``, ``text`` or ``picture``.
        digest: Of what embedded them.
        shape: How secrets are spread over such.
        samples: Whitened embeddings, one at least.
    """

    kind: str
    digest: str
    shape: Shape
    samples: Sequence[Float32[np.ndarray, " dims"]] = field(repr=False)


@dataclass(frozen=True)
class Unlocked:
    """What is in a vault.

    Args:
        content: What was put in.
        facts: What was told with it.
    """

    content: bytes = field(repr=False)
    facts: Mapping[str, Any]


def name_of(file: bytes) -> bytes:
    """Returns what a vault is called: its first bytes, which are random."""
    return file[:NAME]


def lock(
    content: bytes,
    embedded: Embedded,
    *,
    factor: Key,
    share: bytes = b"",
    name: bytes | None = None,
    facts: Mapping[str, Any] | None = None,
    random: Random = os.urandom,
) -> bytes:
    """Returns a vault that holds ``content``.

    Args:
        content: Any bytes, one at least.
        embedded: Samples of who or what opens it.
        factor: The second factor: a passphrase, or a key that was drawn.
        share: 32 bytes that a machine keeps, or nothing: without them the vault is dead.
        name: 16 random bytes; drawn unless told.
        facts: What is told to who opens it.
        random: Returns so many random bytes; another than the operating system's is for vectors.
    """
    if not content:
        raise InputError("the content is empty", fix="give at least one byte")
    name = name or random(NAME)
    seed, fresh = random(SEED), Stream(random(SEED))
    shape = embedded.shape
    secret = fresh.child("secret").bits(shape.secret_bits)
    helper = commit(embedded.samples, secret, shape, Stream(seed), fresh)
    told = seed + helper.sizes.tobytes() + np.packbits(helper.masked).tobytes()
    told += fresh.child("filling").bytes(HELPER - len(told))
    second = _second(factor, share, name)
    said = json.dumps({**(facts or {}), "version": VERSION}, sort_keys=True).encode()
    sealed = frame.seal(
        padding.varint(len(said)) + said + content,
        Binding("identity", embedded.digest, salt=name),
        key=_data_key(second, secret, name),
        profile=Profile.FULL,
        random=random,
    )
    return name + _hidden(told, second, name) + sealed


def unlock(file: bytes, embedded: Embedded, *, factor: Key, share: bytes = b"") -> Unlocked:
    """Returns the content.

    Args:
        file: A vault.
        embedded: Samples of who or what opens it.
        factor: The second factor.
        share: As it was locked.

    Raises:
        NothingRevealed: For every cause, after the same work.
    """
    name, shape = name_of(file), embedded.shape
    second = _second(factor, share, name)
    helper, seed = helper_in(_hidden(_helper_of(file), second, name), shape)
    secret = recover(embedded.samples, helper, shape, Stream(seed))
    tried = np.zeros(shape.secret_bits, np.uint8) if secret is None else secret
    message = frame.unseal(
        file[NAME + HELPER :],
        Binding("identity", embedded.digest, salt=name),
        key=_data_key(second, tried, name),
        profile=Profile.FULL,
    ).message
    length, rest_of_it = padding.unpack(message) or (0, b"{}")
    return Unlocked(rest_of_it[length:], json.loads(rest_of_it[:length]))


def helper_under(
    file: bytes, shape: Shape, *, factor: Key, share: bytes = b""
) -> tuple[Helper, bytes]:
    """Returns what a second factor, right or wrong, makes of a vault's helper, and its seed."""
    name = name_of(file)
    return helper_in(_hidden(_helper_of(file), _second(factor, share, name), name), shape)


def helper_in(told: bytes, shape: Shape) -> tuple[Helper, bytes]:
    """Returns the helper and the seed that so many bytes stand for."""
    seed, rest = told[:SEED], np.frombuffer(told[SEED:], np.uint8)
    masked = np.unpackbits(rest[shape.dims :])[: shape.dims]
    return Helper(rest[: shape.dims], masked), seed


def _helper_of(file: bytes) -> bytes:
    return file[NAME : NAME + HELPER].ljust(HELPER, b"\0")


def _hidden(told: bytes, second: bytes, name: bytes) -> bytes:
    """Returns the helper xor a keystream, which is its own inverse."""
    stream = Stream(derive(second, "identity/helper", name)).bytes(len(told))
    return (np.frombuffer(told, np.uint8) ^ np.frombuffer(stream, np.uint8)).tobytes()


def _second(factor: Key, share: bytes, name: bytes) -> bytes:
    """Returns what the second factor and a machine's share make, 32 bytes."""
    return derive(factor.root(name) + share, "identity/factor", name)


def _data_key(second: bytes, secret: UInt8[np.ndarray, " k"], name: bytes) -> Key:
    return Key(derive(second + np.packbits(secret).tobytes(), "identity/data", name))
