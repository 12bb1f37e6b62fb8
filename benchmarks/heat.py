"""Draw how many marks were read after each edit: a row an edit, a column a set of tiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def draw(sets: Mapping[str, Any]) -> None:
    """Draws a heat map for each carrier, in ``docs/pictures``.

    Args:
        sets: Those of ``benchmarks/results/robustness.json``.
    """
    for carrier in {each["carrier"]: None for each in sets.values()}:
        mine = [each for each in sets.values() if each["carrier"] == carrier]
        names = [
            f"{each['side']} x {each['side']}\nfor {each['channel']}\n"
            f"n = {_counts(each['schemes']['latebra']['edits'])}"
            for each in mine
        ]
        heat(
            [each["schemes"]["latebra"]["edits"] for each in mine],
            names,
            PICTURES / f"robustness_{carrier}.png",
        )


def _counts(edits: Mapping[str, Any]) -> str:
    """Returns how many tiles went through edits: the most, and the fewest where they differ."""
    counts = {row["pictures"] for row in edits.values()}
    return " or ".join(map(str, sorted(counts, reverse=True)))


def heat(columns: list[Mapping[str, Any]], names: list[str], path: Path) -> None:
    """Draws one heat map.

    Args:
        columns: For each, from an edit's name to its row: ``share`` and ``share_95``.
        names: Of the columns.
        path: Where the picture goes.
    """
    edits = list(columns[0])
    shares = np.array([[100 * each[name]["share"] for each in columns] for name in edits])
    figure, axes = plt.subplots(
        figsize=(2.9 + 1.25 * len(columns), 1.3 + 0.235 * len(edits)), layout="constrained"
    )
    image = axes.imshow(shares, aspect="auto", cmap="cividis", vmin=0, vmax=100)
    for row, name in enumerate(edits):
        for column, each in enumerate(columns):
            low, high = (100 * end for end in each[name]["share_95"])
            text = f"{shares[row, column]:.0f}  ({low:.0f}-{high:.0f})"
            ink = "white" if shares[row, column] < 50 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=ink)
    axes.set_yticks(np.arange(len(edits)), edits, fontsize=7)
    axes.set_xticks(np.arange(len(columns)), names, fontsize=7)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.35, pad=0.02)
    bar.set_label("read exactly, % (95 % interval)", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    figure.savefig(path, dpi=120)
    plt.close(figure)
