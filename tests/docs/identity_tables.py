"""Tables of the documentation on vaults behind samples, made from measured results."""

from __future__ import annotations

from typing import Any

from tests.docs.tables import result, table

KINDS = ("voice", "text", "picture")


def identity() -> str:
    """Returns who opened whose vaults, of each kind."""
    found = result("identity")
    rows = []
    for kind in KINDS:
        row = found[kind]
        over = row.get("over_subjects")
        rows.append(
            (
                kind,
                f"{row['genuine']:,}",
                f"{row['impostor']:,}",
                f"{100 * row['equal_error_rate']:.2f} %",
                *(
                    _rate(row["accepted_at"][rate], over["accepted"] if over and at else None)
                    for at, rate in enumerate(("0.01", "0.001"))
                ),
                _rate(row["vault"]["opened"], over and over["opened"]),
                _small(row["vault"]["false_match"], over and over["false_match"]),
            )
        )
    head = "kind|right ones|strangers|equal error|accepted at 1 % false matches|at 0.1 %"
    return table(f"{head}|vaults opened|false matches of vaults", rows)


def identity_changes() -> str:
    """Returns how many vaults opened for changed texts and pictures."""
    found = result("identity")
    rows = [
        (kind, name, f"{row['count']} of {row['of']}")
        for kind, part in (("text", "wordings"), ("picture", "copies"))
        for name, row in found[kind][part].items()
    ]
    return table("kind|changed by|opened", rows)


def identity_attacks() -> str:
    """Returns how far each attack gets, on its control and on vaults."""
    found = result("identity")["attacks"]
    words = result("identity")["dictionary"]
    rows = [
        (
            f"regression, {count} of one person",
            f"cosine {row['clear']['cosine']:.2f}, opened {row['clear']['opened']} of "
            f"{row['clear']['people']}",
            f"cosine {row['vault']['cosine']:.2f}, opened {row['vault']['opened']} of "
            f"{row['vault']['people']}",
        )
        for count, row in found["regression"].items()
    ]
    linking, factor = found["linking"], found["second_factor"]
    rows += [
        (
            "linking two sets of six, D_sys",
            f"{linking['clear']['linkability']:.2f}",
            f"{linking['vault']['linkability']:.2f}",
        ),
        ("linking two files by their bits, D_sys", "", f"{linking['bits']['linkability']:.2f}"),
        (
            "right passphrase from a wrong one, by the sizes' spread, AUC",
            factor["control"],
            factor["energy"],
        ),
        *(
            (f"right passphrase by the spread, {kind}, AUC", "", row["text"])
            for kind, row in result("identity")["telling"].items()
        ),
        (
            f"{words['words']:,} words with a stranger's voice",
            f"with the right voice {words['control_opened']} of {words['control_words']} words",
            f"{words['opened_by_stranger']} opened",
        ),
    ]
    return table("attack|control|vaults", rows)


def identity_compilers() -> str:
    """Returns how far compilers are apart, and which opened what others enrolled."""
    found = result("identity_compilers")
    rows = [(kind, *row) for kind in KINDS if kind in found for row in compiled(found[kind])]
    head = "kind|compiler|embedding off the first one's|opened, of all that each enrolled"
    return table(head, rows)


def compiled(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns for each compiler how far off it is, and how much it opened; or why it is absent."""
    count = found["samples"] * len(found["opened"])
    rows = []
    for name, drift in found["drift"].items():
        opened = sum(row[name] for row in found["opened"].values())
        rows.append((f"`{name}`", f"{drift:.0e}", f"{opened} of {count}"))
    return rows + [(f"`{name}`", why, "") for name, why in found["absent"].items()]


def library() -> str:
    """Returns what a search finds, by how many candidates are opened."""
    rows = [
        (name, f"{100 * row['recall']:.1f} %", f"{row['ms']:.1f} ms")
        for name, row in result("library")["search"]["candidates"].items()
    ]
    return table("candidates opened|recall at 10|a search, without the network", rows)


def library_learned() -> str:
    """Returns what sketches tell of likeness."""
    return table("pairs|area", list(result("library")["learned"].items()))


IDENTITY_TABLES = (
    identity,
    identity_changes,
    identity_attacks,
    identity_compilers,
    library,
    library_learned,
)


def _rate(found: dict[str, Any], interval: list[float] | None) -> str:
    low, high = interval or found["interval_95"]
    return f"{100 * found['share']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _small(found: dict[str, Any], interval: list[float] | None) -> str:
    low, high = interval or found["interval_95"]
    return f"{found['share']:.1e} ({low:.0e} to {high:.0e})"
