"""The verbs that look: at covers as a steganalyst would, at this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from latebra.api.opened import (
    carriers,
    check_fetched,
    check_ordinary,
    chosen,
    models,
    open_reader,
)
from latebra.api.stego import Stego, sources_of
from latebra.compiling.opening import doctor_rows
from latebra.core.errors import LatebraError
from latebra.core.progress import Progress, silent
from latebra.hiding.audit import Row, compare, statistics
from latebra.hiding.medium import Cover, Source

COVERS: Final = 12
"""Ordinary covers that an audit makes to compare with."""
ODD: Final = 0.01
"""A p-value below this is called odd; one cover in a hundred is so by chance, in each row."""


@dataclass(frozen=True)
class Audit:
    """What a steganalyst who has the same networks, but no key, sees in pictures or texts.

    Args:
        suspects: How many were looked at.
        ordinary: How many ordinary ones, made for the purpose, they were compared with.
        statistics: Tests against independent standard Gaussians, then against the ordinary ones.
    """

    suspects: int
    ordinary: int
    statistics: tuple[Row, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a statistic: name, statistic, p_value, verdict."""
        return [
            {
                "name": row.name,
                "statistic": round(row.statistic, 4),
                "p_value": round(row.p_value, 4),
                "verdict": f"odd: {row.meaning}" if row.p_value < ODD else "ordinary",
            }
            for row in self.statistics
        ]

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, ready for JSON."""
        return {"suspects": self.suspects, "ordinary": self.ordinary, "rows": self.rows}


@dataclass(frozen=True)
class Check:
    """One line of what ``doctor`` found.

    Args:
        kind: "carrier", "compiler" or "model".
        id: Its id.
        ok: Whether it works here.
        reason: Why it does not, or what it runs on.
        fix: What would mend it.
    """

    kind: str
    id: str
    ok: bool
    reason: str = ""
    fix: str = ""


def audit(
    source: Source | Stego | Sequence[Source],
    *,
    carrier: str = "diffusion",
    compiler: str = "auto",
    progress: Progress = silent,
    **options: str,
) -> Audit:
    """Returns what a steganalyst would see: no key is needed, and none is used.

    The latents that pictures come back to, or the places of a text's words in their tables, are
    tested against standard Gaussians, and against those of ordinary covers of the same model, which
    are made for the purpose.

    Args:
        source: A file, an array, a ``Text``, what ``hide`` returned, or several of these.
        carrier: The carrier that may have been used.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.
        **options: Of the carrier, such as ``kind="stone"``.

    Raises:
        InputError: The carrier makes no ordinary covers to compare with.
    """
    check_ordinary(carrier, options)
    reader = open_reader(carrier, chosen(compiler)[0], options)
    suspects = [reader.carrier.medium.take(each) for each in sources_of(source)]
    rng = np.random.default_rng(int.from_bytes(os.urandom(16), "little"))
    covers: list[Cover] = []
    for number in range(COVERS):
        covers.append(reader.carrier.sample(rng))
        progress("covers", number + 1, COVERS)
    latents = reader.carrier.latents(suspects)
    ordinary = reader.carrier.latents(covers)
    rows = (*statistics(latents), *compare(latents, ordinary))
    return Audit(len(suspects), COVERS, rows)


def doctor() -> list[Check]:
    """Returns what works on this machine, and what would mend the rest.

    Bundled networks are opened with the first compiler that works, and so checked against their
    golden vectors.
    """
    checks: list[Check] = []
    for row in doctor_rows():
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        ok = row.outcome == "ok"
        checks.append(Check("compiler", row.compiler, ok, versions if ok else row.reason, row.fix))
    for name in carriers:
        try:
            checks.append(Check("carrier", name, True, _opens(name)))
        except LatebraError as error:
            checks.append(Check("carrier", name, False, error.what, error.fix))
    checks += [Check("model", name, True, models[name].digest[:16]) for name in models]
    return checks


def _opens(carrier: str) -> str:
    """Returns how a carrier's networks do here: those that are bundled are opened."""
    roles = list(carriers[carrier].roles.values())
    if all(role in models for role in roles):
        reader = open_reader(carrier, chosen("auto")[0], {})
        return f"{', '.join(roles)} opened by {reader.compiler}"
    return ", ".join(map(check_fetched, roles))
