"""Content behind a class: for who shows it in pictures, or describes it, and has the code word.

    file     vault of pictures | vault of a description | frame (FULL) under content key
    vault    as ``identity.locked`` writes them, each with the content key in it

``spec/classes.md`` has the bytes. A vault that is not used is coin flips, which is what one that is
used looks like: nobody sees how a lock opens. All that fails, fails alike. A code word is not
claimed to be worth more for the class beside it: who knows how looks are spread may be able to tell
a right one (``docs/identity.md``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from latebra.core.errors import InputError, NothingRevealed
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.frame import Binding, Profile
from latebra.hiding.identity import locked
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import Embedded
from latebra.hiding.slots import Random

KEY: Final = 32
KINDS: Final = ("thing", "text")
"""What opens the two vaults: pictures of a thing, a description of it."""
NO_WORD: Final = Key(bytes(KEY))
"""Stands for the code word where there is none: everybody has it."""
_BINDING: Final = Binding("classes", "")
_SMALL: Final = Shape(dims=32, bits=32, secret_bits=8)


def lock(
    content: bytes,
    shown: Sequence[Embedded],
    *,
    code_word: Key | None = None,
    random: Random = os.urandom,
) -> bytes:
    """Returns a lock that holds ``content``.

    Args:
        content: Any bytes, one at least.
        shown: What opens it: pictures, a description, or one of each.
        code_word: What else it takes, or nothing.
        random: Returns so many random bytes; another than the operating system's is for vectors.

    Raises:
        InputError: There is no content, or nothing is shown.
    """
    if not content:
        raise InputError("the content is empty", fix="give at least one byte")
    by_kind = {each.kind: each for each in shown}
    if not by_kind or len(by_kind) < len(shown) or not by_kind.keys() <= set(KINDS):
        raise InputError("nothing opens the lock", fix="give pictures, a description, or both")
    key, factor = random(KEY), code_word or NO_WORD
    vaults = [
        locked.lock(key, by_kind[kind], factor=factor, random=random)
        if kind in by_kind
        else random(vault_bytes())
        for kind in KINDS
    ]
    sealed = frame.seal(content, _BINDING, key=Key(key), profile=Profile.FULL, random=random)
    return b"".join(vaults) + sealed


def unlock(file: bytes, shown: Embedded, *, code_word: Key | None = None) -> bytes:
    """Returns the content.

    Args:
        file: A lock.
        shown: Pictures or a description.
        code_word: As it was locked.

    Raises:
        NothingRevealed: For every cause, after the same work.
    """
    size = vault_bytes()
    file = file.ljust(len(KINDS) * size, b"\0")
    start = KINDS.index(shown.kind) * size
    vault, sealed = file[start : start + size], file[len(KINDS) * size :]
    try:
        key = locked.unlock(vault, shown, factor=code_word or NO_WORD).content
    except NothingRevealed:
        key = b""
    tried = Key(key if len(key) == KEY else bytes(KEY))
    return frame.unseal(sealed, _BINDING, key=tried, profile=Profile.FULL).message


def opens(file: bytes, shown: Embedded, *, code_word: Key | None = None) -> bool:
    """Returns whether the lock opens."""
    try:
        unlock(file, shown, code_word=code_word)
    except NothingRevealed:
        return False
    return True


@cache
def vault_bytes() -> int:
    """Returns how long each of the two vaults is, whatever opens it."""
    nothing = Embedded(KINDS[0], "", _SMALL, [np.ones(_SMALL.dims, np.float32)])
    return len(locked.lock(bytes(KEY), nothing, factor=NO_WORD))
