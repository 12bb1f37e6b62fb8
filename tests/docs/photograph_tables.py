"""Tables of the documentation on photographs, made from measured results."""

from __future__ import annotations

from typing import Any

from tests.docs.tables import result, table


def _set(name: str) -> Any:
    return result("robustness")["sets"][name]


def _share(row: Any) -> str:
    low, high = (100 * x for x in row["share_95"])
    return f"{100 * row['share']:.1f} % ({low:.1f} to {high:.1f})"


def marks_promised() -> str:
    """Returns how many marks were read after the edits that they should survive."""
    small, large = (_set(name)["schemes"]["latebra"] for name in ("small", "large"))
    rows = [
        (name, _share(row), f"{1000 * row['read_s']:.0f} ms", _share(large["edits"][name]))
        for name, row in small["edits"].items()
    ]
    head = (
        f"edit|read, {small['pictures']} of 128 × 128|time to read|"
        f"read, {large['pictures']} of 512 × 512"
    )
    return table(head, rows)


def marks_other() -> str:
    """Returns how many marks were read after edits that nobody promised."""
    held = _set("other")["schemes"]["latebra"]
    rows = [
        (name, _share(row), f"{100 * row['wrong_bits']:.1f} %")
        for name, row in held["edits"].items()
    ]
    return table(f"edit|read, {held['pictures']} of 256 × 256|bits not told", rows)


def marks_beside() -> str:
    """Returns other marks beside ours, on the same tiles."""
    schemes = {n: s for n, s in _set("rivals")["schemes"].items() if "absent" not in s}
    authentic = {"latebra": "128, authenticated"}
    rows = [
        ("message, bits", *(authentic.get(n, str(s["bits"])) for n, s in schemes.items())),
        ("tiles", *(str(s["pictures"]) for s in schemes.values())),
        ("PSNR, dB", *(f"{s['psnr']['mean']:.1f}" for s in schemes.values())),
        ("SSIM", *(f"{s['ssim']['mean']:.4f}" for s in schemes.values())),
        (
            "seconds for a megapixel",
            *(f"{s['mark_s'] / 512**2 * 1e6:.2f}" for s in schemes.values()),
        ),
    ]
    edits = next(iter(schemes.values()))["edits"]
    rows += [
        (edit, *(f"{100 * s['edits'][edit]['share']:.0f} %" for s in schemes.values()))
        for edit in edits
    ]
    return table("|" + "|".join(schemes), rows)


PHOTOGRAPH_TABLES = (marks_promised, marks_other, marks_beside)
