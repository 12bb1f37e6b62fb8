"""Keep content in the low bits of a model's weights, where a phrase opens it.

A number of m bits of mantissa of which the lowest b are rewritten changes by a share of itself of
less than 2^(b - m). What is written is a sealed frame (``spec/frame.md``): uniform bits, where bits
were as good as random before. The cipher keeps the secret; that a model's low bits are where they
are is no part of it, and whoever has the same model from elsewhere sees which bits differ.
Rounding to another type, quantising or training further destroys the content, not the model.

The places are in ``spec/vault.md``; which numbers are left alone, and why, is in
``latebra.hiding.vaults.ground``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import DoesNotFit, InputError, NothingRevealed
from latebra.core.keys import Key
from latebra.hiding import frame
from latebra.hiding.frame import Profile
from latebra.hiding.vaults.layout import Layout, Room
from latebra.hiding.vaults.model_file import ModelFile, Source, Weights, named, open_model
from latebra.hiding.vaults.places import F32, KINDS
from latebra.hiding.vaults.slots import Level, Slots

USUAL_BITS: Final = {kind: 8 if kind is F32 else 1 for kind in KINDS.values()}
"""Low bits that are rewritten at most, unless the caller says how much a weight may change."""
ATTEMPTS: Final = 3
_CHUNK: Final = 1 << 22


@dataclass(frozen=True)
class VaultRoom:
    """What a model holds.

    Args:
        content_bytes: The longest content.
        drift: Largest relative change of a weight when there is that much.
        low_bits: How many low bits of a number are used then, by type.
        tensors: How many tensors can be used.
        left_alone: Float tensors that cannot.
        weights: Numbers that can be used.
    """

    content_bytes: int
    drift: float
    low_bits: Mapping[str, int]
    tensors: int
    left_alone: tuple[str, ...] = field(repr=False)
    weights: int


@dataclass(frozen=True)
class VaultReport:
    """What keeping content did to a model.

    Args:
        content_bytes: Length of the content.
        frame_bytes: Length of the sealed frame.
        low_bits: How many low bits of a number were used, by type.
        tensors: How many tensors were used.
        weights: How many numbers can be used.
        changed: How many were changed.
        drift_bound: What the relative change of any weight stays below, by calculation.
        drift: The largest relative change of a weight, measured.
        output_drift: The largest difference of the model's outputs, as a share of the largest one;
            None where nobody ran it.
    """

    content_bytes: int
    frame_bytes: int
    low_bits: Mapping[str, int]
    tensors: int
    weights: int
    changed: int
    drift_bound: float
    drift: float
    output_drift: float | None = None


def put(
    model: Source, content: bytes, *, key: Key, drift: float | None = None
) -> tuple[memoryview, VaultReport]:
    """Returns a model's file with ``content`` in it, and what that did; the file itself stays.

    Args:
        model: A file with float tensors, or its bytes.
        content: Any bytes, at least one.
        key: What will open it.
        drift: The largest relative change of a weight; None for 8 low bits of float32 and one of
            float16 and bfloat16 (2^-15, 2^-9, 2^-6), 32-bit floats that were widened counting as
            what they were. No more bits than the content needs are used.

    Raises:
        DoesNotFit: The content is longer than the model holds.
        InputError: There is no content, or no such drift.
        UnreadableFile: The file is no model that is known, or damaged.
    """
    if not content:
        raise InputError("the content is empty", fix="give at least one byte")
    for _ in range(ATTEMPTS):
        file = open_model(model)
        layout = Layout(Slots.of(file))
        room = _smallest(layout, len(content), drift, model)
        sealed = frame.seal(content, layout.binding, key=key, profile=Profile.FULL, room=room.size)
        layout.write(sealed, room, key)
        # New bits can make a tensor look as if it were to be left alone: once in 10^9.
        if sealed in Layout(Slots.of(file)).found(key):
            return file.content, _report(open_model(model), file, layout, room, len(content))
    raise DoesNotFit(f"{named(model)} did not give back what was written", fix="use another model")


def opened(model: Source, *, key: Key) -> bytes:
    """Returns the content that ``key`` opens in a model's file, which stays as it is.

    Raises:
        NothingRevealed: Another key, a damaged model or one without content: all the same.
        UnreadableFile: The file is no model that is known, or damaged.
    """
    layout = Layout(Slots.of(open_model(model)))
    for sealed in layout.found(key):
        try:
            return frame.unseal(sealed, layout.binding, key=key, profile=Profile.FULL).message
        except NothingRevealed:
            continue
    raise NothingRevealed


def room(model: Source, *, drift: float | None = None) -> VaultRoom:
    """Returns how much content a model's file holds.

    Args:
        model: A file with float tensors, or its bytes.
        drift: The largest relative change of a weight, as for ``put``.

    Raises:
        InputError: There is no such drift.
        UnreadableFile: The file is no model that is known, or damaged.
    """
    file = open_model(model)
    layout = Layout(Slots.of(file))
    most = _levels(layout, drift)
    rooms = [each for each in layout.rooms if each.levels <= most]
    levels = layout.slots.levels[: rooms[-1].levels if rooms else 0]
    used = {ground.name for ground in layout.slots.grounds}
    return VaultRoom(
        content_bytes=max(0, frame.largest(rooms[-1].size, Profile.FULL)) if rooms else 0,
        drift=max((level.change for level in levels), default=0.0),
        low_bits=_low_bits(levels),
        tensors=len(used),
        left_alone=tuple(each.name for each in file.weights if each.name not in used),
        weights=sum(ground.count for ground in layout.slots.grounds),
    )


def _levels(layout: Layout, drift: float | None) -> int:
    """Returns how many of the levels may be used: the first that may not ends them."""
    if drift is not None and not 0 < drift < 1:
        raise InputError(f"a drift of {drift} was asked for", fix="give a share between 0 and 1")
    allowed = takewhile(
        lambda level: (
            level.plane < USUAL_BITS[level.kind] if drift is None else level.change <= drift
        ),
        layout.slots.levels,
    )
    return sum(1 for _ in allowed)


def _smallest(layout: Layout, length: int, drift: float | None, model: Source) -> Room:
    """Returns the smallest room that holds so many bytes."""
    most = _levels(layout, drift)
    rooms = [each for each in layout.rooms if each.levels <= most]
    for each in rooms:
        if length <= frame.largest(each.size, Profile.FULL):
            return each
    held = max(0, frame.largest(rooms[-1].size, Profile.FULL)) if rooms else 0
    change = layout.slots.levels[most - 1].change if most else 0.0
    raise DoesNotFit(
        f"content is {length} bytes, {named(model)} holds {held} where weights change "
        f"by {change:.1g} at the most",
        fix="shorten the content, allow more drift, or use a larger model",
    )


def _low_bits(levels: tuple[Level, ...]) -> dict[str, int]:
    return {each.kind.name: each.plane + 1 for each in levels}


def _report(
    before: ModelFile, after: ModelFile, layout: Layout, room: Room, length: int
) -> VaultReport:
    pairs = list(zip(before.weights, after.weights, strict=True))
    changes = [_changes(old, new) for old, new in pairs]
    levels = layout.slots.levels[: room.levels]
    return VaultReport(
        content_bytes=length,
        frame_bytes=room.size,
        low_bits=_low_bits(levels),
        tensors=sum(count > 0 for count, _ in changes),
        weights=sum(ground.count for ground in layout.slots.grounds),
        changed=sum(count for count, _ in changes),
        drift_bound=max(level.change for level in levels),
        drift=max(largest for _, largest in changes),
    )


def _changes(before: Weights, after: Weights) -> tuple[int, float]:
    """Returns how many numbers changed, and by what share of themselves at the most."""
    count, largest = 0, 0.0
    mantissa = before.kind.stored
    for start in range(0, len(before.words), _CHUNK):
        old, new = (each.words[start : start + _CHUNK] for each in (before, after))
        where = np.flatnonzero(old != new)
        if not len(where):
            continue
        first, second = (_significands(each[where], mantissa) for each in (old, new))
        count += len(where)
        largest = max(largest, float(np.max(np.abs(first - second) / first)))
    return count, largest


def _significands(words: NDArray[Any], mantissa: int) -> NDArray[np.float64]:
    """Returns the numbers' significands as integers: their exponents are ordinary, and the same."""
    stored = words & words.dtype.type((1 << mantissa) - 1)
    return stored.astype(np.float64) + 2.0**mantissa
