"""The verbs of vaults that a voice, a picture or a text opens, with a second factor."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from latebra.api.register import Register
from latebra.api.samples import embedded
from latebra.core.errors import (
    DoesNotFit,
    InputError,
    NothingRevealed,
    UnreadableFile,
    UnwritableFile,
)
from latebra.core.files import replacing
from latebra.core.keys import Key
from latebra.core.progress import Progress, silent
from latebra.hiding.identity import locked
from latebra.hiding.identity.locked import Embedded, Unlocked
from latebra.hiding.identity.strength import RAW_KEY_BITS, Measured, Strength
from latebra.hiding.medium import Sample
from latebra.models.embedders.catalogue import facts

FilePath = str | os.PathLike[str]
LARGEST: Final = 2**28
"""Most bytes of a vault that is opened."""
_SMALLEST: Final = 128
"""Fewer bytes are no vault; they are tried all the same."""


@dataclass(frozen=True)
class VaultFacts:
    """What a vault says of itself to who opens it.

    Args:
        kind: What opens it: ``voice``, ``picture`` or ``text``.
        samples: How many it was enrolled with.
        strength: What somebody who has the file must guess.
        has_share: Whether a machine keeps a share of it, so that it can be revoked.
    """

    kind: str
    samples: int
    strength: Strength
    has_share: bool


def vault_enrol(
    samples: Sequence[Sample],
    content: bytes,
    *,
    key: Key,
    out: FilePath,
    register: Register | None = None,
    factor_bits: float | None = None,
    compiler: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> VaultFacts:
    """Writes a vault that opens for samples like these, and the key; returns how strong it is.

    Each sample has opened what the others lock, and all of them the vault, before it is written.

    Args:
        samples: Recordings of one voice, copies of one picture, or wordings of one text; three
            recordings of six seconds are a good start.
        content: Any bytes, at least one.
        key: The second factor: a passphrase, which goes through Argon2id, or a drawn key.
        out: The file to write.
        register: Where this machine keeps a share, without which the vault is dead; None for
            none: the vault can be opened on any machine, and never be revoked.
        factor_bits: With how many bits of chance the passphrase was drawn; None counts it as
            nothing, and a drawn key as 256.
        compiler: An id from ``latebra.compilers``, or "auto".
        force: Whether ``out`` may be there already.
        progress: Told how far the work is.

    Raises:
        InputError: There is no content, no sample, too little in one, or they are of two kinds.
        DoesNotFit: The samples are too unlike one another.
        UnreadableFile: A sample cannot be read.
        UnwritableFile: The file is there already, or cannot be written.
        Unavailable: The network's weights cannot be fetched.
    """
    target = Path(out)
    if factor_bits is not None and not 0 <= factor_bits < math.inf:
        raise InputError(f"a passphrase of {factor_bits} bits was told of", fix="give 0 or more")
    if target.exists() and not force:
        raise UnwritableFile(f"{target} exists", fix="choose another name, or force it")
    taken = embedded(samples, compiler=compiler, progress=progress)
    _refuse_unlike(taken)
    name = os.urandom(locked.NAME)
    share = register.add(name) if register else b""
    try:
        told = _facts(taken, key, factor_bits, has_share=bool(share))
        file = locked.lock(content, taken, factor=key, share=share, name=name, facts=told)
        locked.unlock(file, taken, factor=key, share=share)  # Before anything is written.
        with replacing(target, private=True) as writer:
            writer.write(file)
    except BaseException as error:
        if register:
            register.forget(name)
        if isinstance(error, OSError):
            raise UnwritableFile(
                f"{target} cannot be written: {error.strerror}",
                fix="choose a folder that you can write to",
            ) from None
        raise
    return _read(told)


def opened(
    file: FilePath,
    samples: Sequence[Sample],
    *,
    key: Key,
    register: Register | None,
    compiler: str,
    progress: Progress,
) -> Unlocked:
    """Returns what is in a vault that ``vault_enrol`` wrote; see ``vault_open``."""
    content = read_vault(file)
    name = locked.name_of(content)
    if register:
        register.check(name)
    taken = embedded(samples, compiler=compiler, progress=progress)
    share = register.share(name) if register else b""
    if register:
        register.note(name, opened=False)  # Before it is known: two tries at once count as two.
    found = locked.unlock(content, taken, factor=key, share=share)
    if register:
        register.note(name, opened=True)
    return found


def vault_revoke(file: FilePath, *, register: Register) -> None:
    """Forgets this machine's share of a vault: no copy of it opens ever again.

    Enrol anew for a new vault of the same voice: nothing in it tells that it is.

    Args:
        file: The vault, or a copy of it.
        register: Where the share is.

    Raises:
        UnreadableFile: There is no such file, or this machine keeps no share of it.
    """
    if not register.forget(locked.name_of(read_vault(file))):
        raise UnreadableFile(
            f"{register.path} keeps no share of {file}",
            fix="revoke it where it was enrolled; without a share, destroy all copies instead",
        )


def vault_info(
    file: FilePath,
    samples: Sequence[Sample],
    *,
    key: Key,
    register: Register | None = None,
    compiler: str = "auto",
    progress: Progress = silent,
) -> VaultFacts:
    """Returns what opens a vault, and how strong it is, to who can open it.

    Nobody else can be told anything: nothing in the file can be read with the key alone.

    Args:
        file: What ``vault_enrol`` wrote.
        samples: As for ``vault_open``.
        key: The second factor.
        register: Where this machine's shares are; it also counts the tries.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        LatebraError: As for ``vault_open``.
    """
    found = opened(file, samples, key=key, register=register, compiler=compiler, progress=progress)
    return _read(found.facts)


def read_vault(file: FilePath) -> bytes:
    """Returns the bytes of a vault.

    Raises:
        UnreadableFile: There is no such file, or it is too large.
    """
    path = Path(file)
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UnreadableFile(f"{path} has more than {LARGEST} bytes", fix="check the path")
    return content.ljust(_SMALLEST, b"\0")


def _facts(
    taken: Embedded, key: Key, factor_bits: float | None, *, has_share: bool
) -> dict[str, Any]:
    """Returns what is kept in the vault for ``vault_info``."""
    drawn = not key.is_passphrase
    bits = (RAW_KEY_BITS if drawn else 0.0) if factor_bits is None else factor_bits
    factor = "a drawn key" if drawn else "a passphrase, through Argon2id"
    if not drawn and factor_bits is None:
        factor = "a passphrase nobody vouches for, through Argon2id"
    return {
        "kind": taken.kind,
        "samples": len(taken.samples),
        "secret_bits": taken.shape.secret_bits,
        "measured": dict(facts(taken.kind)["measured"]),
        "factor": factor,
        "factor_bits": bits,
        "has_share": has_share,
    }


def _read(told: Mapping[str, Any]) -> VaultFacts:
    strength = Strength(
        int(told["secret_bits"]),
        Measured.read(told["measured"]),
        float(told["factor_bits"]),
        str(told["factor"]),
    )
    return VaultFacts(
        str(told["kind"]), int(told["samples"]), strength, has_share=bool(told["has_share"])
    )


def as_row(found: VaultFacts) -> dict[str, Any]:
    """Returns everything, ready for JSON."""
    return {
        "kind": found.kind,
        "samples": found.samples,
        "bits": found.strength.bits,
        "sample_bits": found.strength.sample_bits,
        "factor_bits": found.strength.factor_bits,
        "factor": found.strength.factor,
        "secret_bits": found.strength.secret_bits,
        "measured": asdict(found.strength.measured),
        "has_share": found.has_share,
    }


def _refuse_unlike(taken: Embedded) -> None:
    """Raises unless each sample opens what the others alone would have enrolled."""
    if len(taken.samples) < 2:
        return
    key = Key.generate()
    for number, sample in enumerate(taken.samples):
        others = [*taken.samples[:number], *taken.samples[number + 1 :]]
        vault = locked.lock(b"a try", replace(taken, samples=others), factor=key)
        try:
            locked.unlock(vault, replace(taken, samples=[sample]), factor=key)
        except NothingRevealed:
            raise DoesNotFit(
                f"sample {number + 1} of {len(taken.samples)} does not open what the others lock: "
                "they are too unlike",
                fix="leave out the odd one, or give longer and cleaner ones",
            ) from None
