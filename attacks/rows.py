"""The rows of a report: a detector's area under the ROC curve, beside that of its control."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from latebra.hiding.audit import Area, area, error_at

Scores = Float64[np.ndarray, " units"]
Row = dict[str, Any]


def row_of(
    attack: str, control: str, scheme: tuple[Scores, Scores], bad: tuple[Scores, Scores]
) -> Row:
    """Returns one detector's row.

    Args:
        attack: What looked.
        control: The bad scheme that it must catch.
        scheme: Scores of what carries something, and of ordinary covers.
        bad: Scores of the bad scheme, and of ordinary covers.
    """
    row: Row = {"attack": attack, "control_scheme": control}
    for name, (suspect, usual) in (("scheme", scheme), ("control", bad)):
        if min(suspect.size, usual.size) < 2:
            row[name] = {"text": "too few pools", "stego": suspect.size, "cover": usual.size}
            continue
        # 1 % of false alarms means something from a hundred covers up.
        error = error_at(suspect, usual) if usual.size >= 100 else None
        row[name] = {**figures(area(suspect, usual)), "error_at_1_percent": error}
    return row


def figures(found: Area) -> Row:
    """Returns an area, ready for JSON."""
    return {
        "text": str(found),
        "auc": found.value,
        "interval": [found.low, found.high],
        "stego": found.stego,
        "cover": found.cover,
    }
