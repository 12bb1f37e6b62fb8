"""Tables of the documentation on signed photographs, made from measured results."""

from __future__ import annotations

from typing import Any

from tests.docs.tables import result, table


def _share(row: Any) -> str:
    low, high = (100 * x for x in row["share_95"])
    return f"{100 * row['count'] / row['of']:.1f} % ({low:.1f} to {high:.1f})"


def _of(row: Any) -> str:
    return f"{row['count']:,} of {row['of']:,}"


def _bounded(row: Any) -> str:
    return f"{_of(row)} (at most {100 * row['share_95'][1]:.2g} %)"


def provenance_kept() -> str:
    """Returns how many signed photographs their hashes know again after each edit."""
    held = result("provenance")["kept"]
    kinds = {"alike": "hash", "short": "short hash"}
    head = [
        f"{side} × {side}, {name}: {found['pictures']} pictures"
        for side, found in held.items()
        for name in kinds.values()
    ]
    rows = [
        (edit, *(_share(found["edits"][edit][kind]) for found in held.values() for kind in kinds))
        for edit in next(iter(held.values()))["edits"]
    ]
    return table("|" + "|".join(head), rows)


def provenance_forged() -> str:
    """Returns what of each forgery is accepted, and what would be if nothing bound the mark."""
    found = result("provenance")
    kinds = {
        "bits of one, painted again": found["copied"],
        f"bits of {found['averaged']['averaged']}, painted again": found["averaged"],
        "residual of one, added": found["residual"]["of one"],
        "mean residual, added": found["residual"]["mean"],
    }
    rows = [
        (
            name,
            _bounded(row["accepted"]),
            _bounded(row["accepted_without_record"]),
            _of(row["accepted_without_binding"]),
        )
        for name, row in kinds.items()
    ]
    return table("forgery|accepted|with the short hash alone|if nothing bound the mark", rows)


def provenance_changed() -> str:
    """Returns how often a square that was pasted in is noticed."""
    found = result("provenance")["pasted"]
    sides = list(found)
    rows = [
        (f"{float(share):.4g} of the side", *(_share(found[side][share]) for side in sides))
        for share in found[sides[0]]
    ]
    return table("square pasted in|" + "|".join(f"{side} × {side}" for side in sides), rows)


def provenance_scenes() -> str:
    """Returns how two pictures of one scene compare."""
    rows = [
        (
            name,
            f"{100 * row['distance']:.1f} %",
            f"{100 * row['window']:.0f} %",
            "taken for each other" if row["alike"] else "told apart",
        )
        for name, row in result("provenance")["scenes"].items()
    ]
    return table("one scene|wrong in all|in the worst window|", rows)


def provenance_times() -> str:
    """Returns how long a picture takes."""
    rows = [
        (f"{side} × {side}", *(f"{1000 * row[name]:.0f} ms" for name in row))
        for side, row in result("provenance")["times"].items()
    ]
    return table("picture|sign|check|check, unmarked", rows)


PROVENANCE_TABLES = (
    provenance_kept,
    provenance_forged,
    provenance_changed,
    provenance_scenes,
    provenance_times,
)
