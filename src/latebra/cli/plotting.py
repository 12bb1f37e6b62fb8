"""A comparison of compilers, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np

from latebra.compiling.report import Report, Row
from latebra.core.errors import Unavailable

_INKS: Final = ("#33658a", "#86bbd8", "#758e4f", "#f6ae2d", "#f26419")
_FLOOR: Final = 1e-9
"""What no difference at all is drawn as: below a unit in the last place of a number near 1/100."""


def draw(report: Report) -> bytes:
    """Returns a PNG: bars of time, size and memory, and how far each pair is apart.

    Args:
        report: What was found. Compilers that did not run are left out.

    Raises:
        Unavailable: What draws is not installed, or nothing ran.
    """
    pyplot = _pyplot()
    rows = [row for row in report.rows if row.cpu is not None]
    if not rows:
        raise Unavailable(f"nothing ran {report.model}, so there is nothing to draw")
    names = [row.compiler for row in rows]
    paired = [name for name in report.apart if name in names]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 2.6 + 0.75 * len(rows)), layout="constrained")
    _times(axes[0, 0], rows, report.threads)
    _bars(axes[0, 1], names, [(row.peak_bytes or 0) / 1e6 for row in rows], "memory held, MB", 0)
    _bars(axes[1, 0], names, [(row.artifact_bytes or 0) / 1e6 for row in rows], "artifact, MB", 1)
    _matrix(axes[1, 1], report, paired)
    figure.suptitle(f"{report.model}: {report.verdict}")
    held = BytesIO()
    figure.savefig(held, format="png", dpi=120)
    pyplot.close(figure)
    return held.getvalue()


def _times(axes: Any, rows: Sequence[Row], threads: int) -> None:
    places = np.arange(len(rows))
    parts = {
        "one thread, CPU": [row.cpu_s for row in rows],
        f"{threads} thread{'s' if threads > 1 else ''}, wall": [row.wall_s for row in rows],
    }
    for number, (label, times) in enumerate(parts.items()):
        middle = [1e3 * float(np.median(each)) if each else 0.0 for each in times]
        spread = [_spread(each) for each in times]
        at = places + 0.2 - 0.4 * number
        axes.barh(at, middle, 0.38, label=label, color=_INKS[number], xerr=np.transpose(spread))
        for height, value, (_, above) in zip(at, middle, spread, strict=True):
            if value:
                axes.annotate(f" {value:.3g}", (value + above, height), va="center", fontsize=8)
    values = [1e3 * float(np.median(row.cpu_s)) for row in rows]
    if max(values) > 30 * min(values):
        axes.set_xscale("log")
    axes.set_yticks(places, [row.compiler for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_title("time of one run, ms: median, and the middle half of the rounds")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Any, names: Sequence[str], values: Sequence[float], title: str, ink: int) -> None:
    bars = axes.barh(names, values, 0.6, color=_INKS[2 + ink])
    axes.bar_label(bars, [f" {value:.3g}" for value in values], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)


def _matrix(axes: Any, report: Report, names: Sequence[str]) -> None:
    values = np.array([[report.apart[one][other] for other in names] for one in names])
    values = values.reshape(len(names), len(names))
    shown = np.log10(np.clip(np.nan_to_num(values, posinf=1e3), _FLOOR, 1e3))
    axes.imshow(shown, cmap="Blues", vmin=-9, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        text = "same" if row == column else f"{value:.0e}" if value else "0"
        ink = "white" if shown[row, column] > -3 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title("largest difference of each pair")


def _spread(times: Sequence[float]) -> tuple[float, float]:
    if not times:
        return 0.0, 0.0
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return 1e3 * float(middle - low), 1e3 * float(high - middle)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise Unavailable(
            "matplotlib is not installed", fix="pip install 'latebra[plot]'"
        ) from None
    vendor: Any = matplotlib
    vendor.use("Agg")
    from matplotlib import pyplot

    return pyplot
