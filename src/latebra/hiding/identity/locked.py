"""Content behind a sample and a second factor, in a file whose every byte looks like a coin flip.

    file     name 16 | frame (FULL), under  factor = HKDF(Argon2id(passphrase) | share, name)
    frame    seed, directions, reliabilities, masked codeword | frame (FULL), under  data
    data     HKDF(factor | k, name), where k comes back for a sample like those that enrolled

``spec/identity.md`` has the bytes. Without the second factor there is nothing to test a guess at
the sample on. A wrong factor, a wrong sample and a damaged file fail alike, after the same work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from latebra.core import tensors
from latebra.core.errors import InputError, NothingRevealed
from latebra.core.keys import Key, derive
from latebra.hiding import frame
from latebra.hiding.channel.stream import Stream
from latebra.hiding.frame import Binding, Profile
from latebra.hiding.identity.commitment import Helper, Shape, commit, recover
from latebra.hiding.slots import Random

NAME: Final = 16
SEED: Final = 32
SHARE: Final = 32
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
        facts: What else is told to who has the second factor.
        random: Returns so many random bytes; another than the operating system's is for vectors.
    """
    if not content:
        raise InputError("the content is empty", fix="give at least one byte")
    name = name or random(NAME)
    seed = random(SEED)
    secret_size = embedded.shape.secret_bits
    secret = np.unpackbits(np.frombuffer(random(-(-secret_size // 8)), np.uint8))[:secret_size]
    helper = commit(embedded.samples, secret, embedded.shape, Stream(seed))
    second = _second(factor, share, name)
    inner = frame.seal(
        content,
        Binding("identity", embedded.digest, salt=name),
        key=_data_key(second, secret, name),
        profile=Profile.FULL,
        random=random,
    )
    told = {
        **(facts or {}),
        "version": VERSION,
        "kind": embedded.kind,
        "embedder": embedded.digest,
        "samples": len(embedded.samples),
        "shape": asdict(embedded.shape),
    }
    arrays = {
        "facts": np.frombuffer(json.dumps(told, sort_keys=True).encode(), np.uint8),
        "seed": np.frombuffer(seed, np.uint8),
        "chosen": helper.chosen,
        "weights": helper.weights,
        "masked": np.packbits(helper.masked),
        "content": np.frombuffer(inner, np.uint8),
    }
    packed, _ = tensors.written(tensors.from_arrays(arrays))
    outer = Binding("identity", "", salt=name)
    return name + frame.seal(packed, outer, key=second, profile=Profile.FULL, random=random)


def unlock(file: bytes, embedded: Embedded, *, factor: Key, share: bytes = b"") -> bytes:
    """Returns the content.

    Args:
        file: A vault.
        embedded: Samples of who or what opens it.
        factor: The second factor.
        share: As it was locked.

    Raises:
        NothingRevealed: For every cause, after the same work.
    """
    name = name_of(file)
    second = _second(factor, share, name)
    opened = _inside(file, second)
    fits = opened is not None and (opened.kind, opened.digest) == (embedded.kind, embedded.digest)
    inside = opened if opened is not None and fits else _decoy(embedded.shape)
    secret = recover(embedded.samples, inside.helper, inside.shape, Stream(inside.seed))
    tried = np.zeros(inside.shape.secret_bits, np.uint8) if secret is None else secret
    return frame.unseal(
        inside.content,
        Binding("identity", embedded.digest, salt=name),
        key=_data_key(second, tried, name),
        profile=Profile.FULL,
    ).message


def facts_of(file: bytes, *, factor: Key, share: bytes = b"") -> dict[str, Any]:
    """Returns what a vault says of itself to who has its second factor.

    Raises:
        NothingRevealed: Another factor, another share, a damaged file: all the same.
    """
    opened = _inside(file, _second(factor, share, name_of(file)))
    if opened is None:
        raise NothingRevealed
    return dict(opened.facts)


@dataclass(frozen=True)
class _Inside:
    """What lies under the second factor."""

    facts: Mapping[str, Any]
    seed: bytes
    helper: Helper
    shape: Shape
    content: bytes

    @property
    def kind(self) -> str:
        return str(self.facts["kind"])

    @property
    def digest(self) -> str:
        return str(self.facts["embedder"])


def _inside(file: bytes, second: Key) -> _Inside | None:
    outer = Binding("identity", "", salt=name_of(file))
    try:
        packed = frame.unseal(file[NAME:], outer, key=second, profile=Profile.FULL).message
    except NothingRevealed:
        return None
    arrays = tensors.to_arrays(tensors.read(packed))
    facts: dict[str, Any] = json.loads(arrays["facts"].tobytes())
    if facts["version"] != VERSION:
        return None
    shape = Shape(**facts["shape"])
    masked = np.unpackbits(arrays["masked"])[: shape.bits]
    helper = Helper(arrays["chosen"], arrays["weights"], masked)
    return _Inside(facts, arrays["seed"].tobytes(), helper, shape, arrays["content"].tobytes())


def _decoy(shape: Shape) -> _Inside:
    """Returns what nothing opens, so that a wrong second factor takes no less time."""
    helper = Helper(
        np.arange(shape.bits, dtype=np.uint16),
        np.ones(shape.bits, np.uint8),
        np.zeros(shape.bits, np.uint8),
    )
    return _Inside({}, bytes(SEED), helper, shape, bytes(128))


def _second(factor: Key, share: bytes, name: bytes) -> Key:
    """Returns the key that the second factor and a machine's share make."""
    return Key(derive(factor.root(name) + share, "identity/factor", name))


def _data_key(second: Key, secret: UInt8[np.ndarray, " k"], name: bytes) -> Key:
    root = second.root(name) + np.packbits(secret).tobytes()
    return Key(derive(root, "identity/data", name))
