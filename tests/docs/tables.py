"""Tables of the documentation on hiding, made from measured results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from latebra.models.learned import LEARNED, learned

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def result(file: str) -> Any:
    """Returns one file of results."""
    return json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))


def recovery() -> str:
    """Returns what came through each channel."""
    head = "channel, kind|pictures|message, bits|read exactly|failed|95 % interval"
    rows = []
    for name, row in result("recovery")["channels"].items():
        low, high = row["failure_rate_95"]
        rows.append(
            (
                name.replace("-", ", "),
                f"{row['pictures']:,}",
                f"{row['message_bits']:,}",
                f"{row['exact']:,}",
                f"{100 * row['failure_rate']:.2f} %",
                f"{100 * low:.2f} to {100 * high:.2f} %",
            )
        )
    return table(head, rows)


def matrix(file: str = "matrix") -> str:
    """Returns what one compiler wrote and another read."""
    cells = result(file)["cells"]
    rows = [
        (f"`{writer}`", *(f"{cell['exact']} of {cell['messages']}" for cell in row.values()))
        for writer, row in cells.items()
    ]
    return table("wrote, read|" + "|".join(f"`{name}`" for name in cells), rows)


def matrix_pixels() -> str:
    """Returns the same of pictures whose greys an exact network chose."""
    return matrix("matrix_pixels")


def speed() -> str:
    """Returns how long one picture takes with each compiler."""
    rows = [
        (
            f"`{name}`",
            *(f"{row[what]['median']:.2f} s" for what in ("hide", "reveal", "both")),
            f"{100 * row['share']['median']:.1f} %",
        )
        for name, row in result("speed")["seconds"].items()
    ]
    return table("compiler|hide|reveal|both|share inside the network", rows)


def profile() -> str:
    """Returns where the time of one picture goes."""
    rows = [
        (part, f"{100 * share:.1f} %")
        for part, share in result("speed")["profile"]["shares"].items()
    ]
    return table("part|share of the time", rows)


def steps() -> str:
    """Returns what more Runge-Kutta steps bring."""
    rows = [
        (name, f"{100 * row['sign_errors']:.2f} %", f"{row['levels_from_16_steps']:.2f}")
        for name, row in sorted(result("steps")["steps"].items(), key=lambda item: int(item[0]))
    ]
    return table("steps|sign errors|grey levels", rows)


def codes() -> str:
    """Returns how far each code is from the finite-length bound, and how fast it is."""
    rows = [
        (
            f"{row['k']:,} in {row['n']:,}",
            row["code"],
            f"{row['bound_db']:.2f}",
            "beyond" if row["code_db"] is None else f"{row['code_db']:.2f}",
            "" if row["gap_db"] is None else f"{row['gap_db']:.2f}",
            f"{row['decode_ms']:.2f}",
        )
        for row in result("codes")["curves"]
    ]
    head = "bits|code|bound, dB|reached, dB|gap, dB|decoding, ms"
    return table(head, rows)


def detection() -> str:
    """Returns what each detector made of pictures with a message, and of its control."""
    rows = [
        (row["attack"], row["scheme"]["text"], row["control_scheme"], row["control"]["text"])
        for row in result("detection")["attacks"]
    ]
    return table("detector|Latebra|the bad scheme|the bad scheme, detected", rows)


def uniformity() -> str:
    """Returns the chi-square tests of frames' bytes, beside those of a bad source."""
    found = result("frame")["uniformity"]
    rows = [
        (
            name,
            f"{test['statistic']:,.0f}",
            f"{test['freedom']:,}",
            f"{test['p_value']:.2f}",
            _small(found["control"]["tests"][name]["p_value"]),
        )
        for name, test in found["tests"].items()
    ]
    return table("chi-square over|statistic|degrees of freedom|p|p of the control", rows)


def exact() -> str:
    """Returns how many outputs of exact networks differ anywhere, and of their twins in floats."""
    rows = []
    for name, row in result("exact")["networks"].items():
        twins = [100 * share for share in row["twin"].values()]
        rows.append(
            (
                name,
                f"{len(row['exact'])}",
                f"{row['outputs']:,}",
                f"{sum(row['exact'].values())}",
                _between(min(twins), max(twins)),
                f"2^{row['bits']:.2f}",
            )
        )
    head = "network|compilers|outputs with each|differing|of twins in floats, differing"
    return table(f"{head}|largest sum, of 2^24", rows)


def trained_exact() -> str:
    """Returns what the bundled exact networks say of held-out data, beside their twins."""
    rows = []
    for name in LEARNED:
        about = learned(name).card.about
        per = next(key for key in about if key.startswith("held_out_bits_per_"))
        count = about.get("held_out_bytes") or about["held_out_pictures"]
        minutes = sum(phase["seconds"] for phase in about["training"]["phases"].values()) / 60
        rows.append(
            (
                f"`{name}`",
                f"{about['weights']:,}",
                f"{count:,} {'bytes' if per.endswith('byte') else 'pictures'}",
                f"{about[per]['exact']:.3f} a {per.rpartition('_')[2]}",
                f"{about[per]['twin']:.3f}",
                f"2^{about['bits']:.2f}",
                f"{minutes:.0f} min",
            )
        )
    head = "network|weights|held out|bits, exact|bits, twin in floats|largest sum, of 2^24"
    return table(f"{head}|training of both, one core", rows)


def vault() -> str:
    """Returns what keeping content in a model's weights does to it."""
    rows = [
        (
            name,
            f"{row['content_bytes']:,}",
            ", ".join(f"{count} of {kind}" for kind, count in row["low_bits"].items()),
            f"{row['weight_drift']:.1e}",
            f"{row['weight_drift_bound']:.1e}",
            f"{row['output_drift']:.1e}",
            f"{row['put_s']:.1f} s",
            f"{row['open_s']:.1f} s",
        )
        for name, each in result("vault")["drift"].items()
        for row in each
    ]
    head = "weights|bytes of content|low bits|largest change of a weight|its bound|outputs moved"
    return table(f"{head}|put|open", rows)


def vault_detection() -> str:
    """Returns what each detector says of plain text, honest bits and a vault."""
    rows = [
        (name, detector, row["plain"], row["honest"], row["vault"])
        for name, each in result("vault")["detection"].items()
        for detector, row in each.items()
    ]
    return table("weights|detector|plain text|honest against honest|vault", rows)


HIDING_TABLES = (
    recovery,
    matrix,
    matrix_pixels,
    speed,
    profile,
    steps,
    codes,
    detection,
    uniformity,
    exact,
    trained_exact,
    vault,
    vault_detection,
)


def _between(low: float, high: float) -> str:
    """Returns two percentages, or one where they are printed alike."""
    first, last = f"{low:.0f}", f"{high:.0f}"
    return f"{first} %" if first == last else f"{first}-{last} %"


def _small(p_value: float) -> str:
    return f"{p_value:.1e}" if p_value else "below 1e-6"


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """Returns a table; ``head`` has its columns' names, with ``|`` between them."""
    columns = head.split("|")
    lines = [f"| {' | '.join(line)} |\n" for line in (columns, *rows)]
    return "".join([lines[0], "|---" * len(columns) + "|\n", *lines[1:]])
