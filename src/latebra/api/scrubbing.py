"""The defender's verbs: see without a key that covers are marked, and take the marks away."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from latebra.api.opened import carriers
from latebra.api.stego import Ordinary, Stego, sources_of
from latebra.core.errors import InputError, UnreadableFile
from latebra.core.progress import Progress, silent
from latebra.hiding.audit import Row
from latebra.hiding.medium import Source

SHOWN: Final = 0.001
"""A p-value below this is called a trace; one cover in a thousand has it by chance."""


@dataclass(frozen=True)
class Trace:
    """What one cover shows, without a key, of one carrier.

    Args:
        cover: Which one, from 0.
        carrier: A carrier's id.
        row: The statistic, and how often chance shows as much.
    """

    cover: int
    carrier: str
    row: Row

    @property
    def is_seen(self) -> bool:
        """Whether chance rarely shows as much."""
        return self.row.p_value < SHOWN

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, ready for JSON."""
        return {
            "cover": self.cover,
            "carrier": self.carrier,
            "name": self.row.name,
            "statistic": round(self.row.statistic, 4),
            "p_value": float(f"{self.row.p_value:.2g}"),
            "verdict": self.row.meaning if self.is_seen else "nothing seen",
        }


def scan(source: Source | Stego | Sequence[Source], *, progress: Progress = silent) -> list[Trace]:
    """Returns what covers show to anyone of the carriers whose covers show something.

    No key and no network is needed. That nothing is seen means little: carriers that are not in
    the list leave nothing that this looks for.

    Args:
        source: A file, an array, what ``hide`` returned, or several of these.
        progress: Told how far the work is.

    Raises:
        UnreadableFile: A file is nothing that any of these carriers reads.
    """
    lookers = {name: each.create({}, {}) for name, each in carriers.items() if each.shows}
    found: list[Trace] = []
    covers = sources_of(source)
    for number, each in enumerate(covers):
        refused: UnreadableFile | None = None
        before = len(found)
        for name, carrier in lookers.items():
            try:
                row = carrier.trace(carrier.medium.take(each))
            except UnreadableFile as error:
                # The first one says best what is wrong: others want pictures of one size.
                refused = refused or error
                continue
            found.append(Trace(number, name, row))
        if refused is not None and len(found) == before:
            raise refused
        progress("covers", number + 1, len(covers))
    return found


def scrub(source: Source, *, carrier: str | None = None) -> Ordinary:
    """Returns a photograph in which nothing is left of what carriers may have hidden.

    It looks almost the same, and nobody reads it any more: neither who has the key, nor whoever
    made this. Whether there was anything, this does not say.

    Args:
        source: A file, or an array.
        carrier: The one carrier whose frames are taken away; None for all that hide in
            photographs.

    Raises:
        InputError: It is not known how to take this carrier's frames away.
    """
    able = [name for name, each in carriers.items() if each.scrubs]
    if carrier is not None and not carriers[carrier].scrubs:
        raise InputError(
            f"it is not known how to take away what {carrier} hides",
            fix=f"choose from {', '.join(able)}",
        )
    names = able if carrier is None else [carrier]
    rng = np.random.default_rng(int.from_bytes(os.urandom(32), "little"))
    medium = carriers[names[0]].create({}, {}).medium
    cover = medium.take(source)
    for name in names:
        cover = carriers[name].create({}, {}).scrubbed(cover, rng)
    return Ordinary(cover, medium.like(source))
