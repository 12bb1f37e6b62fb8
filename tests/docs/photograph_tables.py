"""Tables of the documentation on photographs, made from measured results."""

from __future__ import annotations

from typing import Any

from tests.docs.tables import result, table


def _sets() -> Any:
    return result("robustness")["sets"]


def _share(row: Any) -> str:
    low, high = (100 * x for x in row["share_95"])
    return f"{100 * row['share']:.1f} % ({low:.1f} to {high:.1f})"


def marks_promised() -> str:
    """Returns how many marks were read after the edits that they should survive."""
    held = {name: _sets()[name] for name in ("small", "hard", "large") if name in _sets()}
    ours = {name: each["schemes"]["latebra"] for name, each in held.items()}
    columns = [
        f"{each['side']} × {each['side']}, for {each['channel']}: {ours[name]['pictures']} tiles"
        for name, each in held.items()
    ]
    rows = [
        (
            "PSNR, dB",
            *(f"{x['psnr']['mean']:.1f}, least {x['psnr']['least']:.1f}" for x in ours.values()),
        ),
        (
            "SSIM",
            *(f"{x['ssim']['mean']:.4f}, least {x['ssim']['least']:.4f}" for x in ours.values()),
        ),
        ("time to mark", *(f"{1000 * x['mark_s']:.0f} ms" for x in ours.values())),
        (
            "time to read, unchanged",
            *(f"{1000 * x['edits']['nothing']['read_s']:.0f} ms" for x in ours.values()),
        ),
    ]
    rows += [
        (edit, *(_share(x["edits"][edit]) for x in ours.values()))
        for edit in next(iter(ours.values()))["edits"]
    ]
    return table("|" + "|".join(columns), rows)


PHOTOGRAPH_TABLES = (marks_promised,)
