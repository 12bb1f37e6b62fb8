"""Wrap one file key for several recipients, none of whom can be told from noise.

    ephemeral 32 | slot 48 × 2^j

The ephemeral X25519 key is sent as its Elligator2 representative, so that it is uniform too. Slots
are shuffled, and filled up to a power of two with random bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import monocypher
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as aead_seal,
)
from nacl.exceptions import CryptoError

from latebra.core.errors import InputError
from latebra.core.keys import Identity, Recipient, derive

EPHEMERAL: Final = 32
FILE_KEY: Final = 32
ONCE: Final = bytes(24)
"""The nonce of a key that is used once."""
SLOT: Final = FILE_KEY + 16
MOST: Final = 32
"""Recipients of one frame: a reader tries as many slots."""

Random = Callable[[int], bytes]

# Monocypher's wrapper has no type stubs: these say what its documentation says.
_exchange: Callable[[bytes, bytes], bytes] = monocypher.x25519  # pyright: ignore
_hidden_pair: Callable[[bytes], tuple[bytes, bytes]] = monocypher.elligator_key_pair  # pyright: ignore
_point_of: Callable[[bytes], bytes] = monocypher.elligator_map  # pyright: ignore


def size(recipients: int) -> int:
    """Returns the length in bytes of the head for so many recipients.

    Raises:
        InputError: There are more than 32.
    """
    if not 0 < recipients <= MOST:
        raise InputError(f"{recipients} recipients were given, a frame has 1 to {MOST}")
    return EPHEMERAL + SLOT * _slots(recipients)


def wrap(recipients: Sequence[Recipient], binding: bytes, random: Random) -> tuple[bytes, bytes]:
    """Returns a head and the file key that each of ``recipients`` finds in it.

    Args:
        recipients: At most 32. One who is named twice gets one slot: two would be equal bytes.
        binding: 32 bytes, the digest of what the frame is bound to.
        random: Returns so many random bytes.
    """
    count = _slots(len(recipients))
    hidden, ephemeral = _hidden_pair(random(32))
    file_key = random(FILE_KEY)
    slots: list[bytes] = []
    for recipient in dict.fromkeys(recipients):
        shared = _exchange(ephemeral, recipient.exchange_key)
        slots.append(aead_seal(file_key, b"", ONCE, _slot_key(shared, hidden, recipient, binding)))
    slots += [random(SLOT) for _ in range(count - len(slots))]
    shuffled = sorted(slots, key=lambda _: random(16))
    return b"".join([hidden, *shuffled]), file_key


def unwrap(head: bytes, identity: Identity, binding: bytes) -> tuple[bytes, list[int]]:
    """Returns the file key, and the lengths that the head may have.

    Args:
        head: At least 80 bytes that start with a head.
        identity: Whose slot to look for.
        binding: 32 bytes, the digest of what the frame is bound to.

    Every slot there is room for is tried, whether or not one has opened; when none does, the file
    key is one that opens nothing, so that a stranger does the same work as a recipient.
    """
    hidden = head[:EPHEMERAL]
    shared = identity.exchange(_point_of(hidden))
    secret = _slot_key(shared or bytes(32), hidden, identity.public(), binding)
    found = derive(secret, "frame/no slot")
    room = min(MOST, (len(head) - EPHEMERAL) // SLOT)
    for index in range(room):
        start = EPHEMERAL + SLOT * index
        try:
            opened = aead_open(head[start : start + SLOT], b"", ONCE, secret)
        except CryptoError:
            continue
        if shared is not None:  # A point of low order: anyone could have sealed this for anyone.
            found = opened
    counts = [2**j for j in range(MOST.bit_length()) if 2**j <= room]
    return found, [size(count) for count in counts]


def _slots(recipients: int) -> int:
    return 1 << (recipients - 1).bit_length()


def _slot_key(shared: bytes, hidden: bytes, recipient: Recipient, binding: bytes) -> bytes:
    return derive(shared, "frame/slot", hidden + recipient.exchange_key + binding)
