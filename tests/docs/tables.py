"""Tables of the documentation, made from measured results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"

_MADE = re.compile(r"(?<=<!-- made: )(\w+) -->\n(.*?)(?=<!-- end -->)", re.DOTALL)


def remade(text: str) -> str:
    """Returns a page with the tables between ``<!-- made: NAME -->`` and its end made again."""
    return _MADE.sub(lambda match: f"{match[1]} -->\n\n{MADE[match[1]]()}\n", text)


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
    return _table(head, rows)


def matrix() -> str:
    """Returns what one compiler wrote and another read."""
    cells = result("matrix")["cells"]
    rows = [
        (f"`{writer}`", *(f"{cell['exact']} of {cell['messages']}" for cell in row.values()))
        for writer, row in cells.items()
    ]
    return _table("wrote, read|" + "|".join(f"`{name}`" for name in cells), rows)


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
    return _table("compiler|hide|reveal|both|share inside the network", rows)


def profile() -> str:
    """Returns where the time of one picture goes."""
    rows = [
        (part, f"{100 * share:.1f} %")
        for part, share in result("speed")["profile"]["shares"].items()
    ]
    return _table("part|share of the time", rows)


def steps() -> str:
    """Returns what more Runge-Kutta steps bring."""
    rows = [
        (name, f"{100 * row['sign_errors']:.2f} %", f"{row['levels_from_16_steps']:.2f}")
        for name, row in sorted(result("steps")["steps"].items(), key=lambda item: int(item[0]))
    ]
    return _table("steps|sign errors|grey levels", rows)


def compilers() -> str:
    """Returns each compiler's time and error on the bundled network."""
    rows = [
        (f"`{name}`", f"{row['milliseconds']:.1f}", f"{row['ratio']:.2f}", f"{row['error']:.1e}")
        for name, row in result("compilers")["rows"].items()
    ]
    return _table("compiler|milliseconds|ratio to `onnxruntime`|largest error", rows)


def zoo() -> str:
    """Returns each network of the zoo with each compiler's CPU time against ONNX Runtime's."""
    found = result("zoo")
    names = list(found["summary"]["compilers"])
    rows = []
    for network, each in found["networks"].items():
        told = {row["compiler"]: row for row in each["rows"]}
        cells = [_zoo_cell(told.get(name)) for name in names]
        rows.append((f"`{network}`", each["kind"], *cells))
    return _table("network|what it is|" + "|".join(f"`{name}`" for name in names), rows)


def _zoo_cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["outcome"] != "ok":
        return row["outcome"].replace("_", " ")
    return "ok" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:.2f}"


def coverage() -> str:
    """Returns how many networks of the zoo each compiler gets right, and how fast."""
    rows = []
    found = result("zoo")
    for name, row in found["summary"]["compilers"].items():
        others = [
            f"{count} {word.replace('_', ' ')}"
            for word, count in row["outcomes"].items()
            if word != "ok"
        ]
        rows.append(
            (
                f"`{name}`",
                f"{row['ok']} of {row['of']}",
                ", ".join(others),
                *(_ratio(row[which]) for which in ("cpu_ratio", "wall_ratio")),
                "" if row["relative_error"] is None else f"{row['relative_error']:.0e}",
                f"{row['same_bits']} of {row['ok']}",
            )
        )
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    times = f"CPU time, 1 thread|wall time, {threads}"
    return _table(f"compiler|right|else|{times}|median error|same bits", rows)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


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
    return _table(head, rows)


def detection() -> str:
    """Returns what each detector made of pictures with a message, and of its control."""
    rows = [
        (row["attack"], row["scheme"]["text"], row["control_scheme"], row["control"]["text"])
        for row in result("detection")["attacks"]
    ]
    return _table("detector|Latebra|the bad scheme|the bad scheme, detected", rows)


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
    return _table("chi-square over|statistic|degrees of freedom|p|p of the control", rows)


MADE: dict[str, Callable[[], str]] = {
    make.__name__: make
    for make in (
        recovery,
        matrix,
        speed,
        profile,
        steps,
        compilers,
        zoo,
        coverage,
        codes,
        detection,
        uniformity,
    )
}


def _small(p_value: float) -> str:
    return f"{p_value:.1e}" if p_value else "below 1e-6"


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    columns = head.split("|")
    lines = [f"| {' | '.join(line)} |\n" for line in (columns, *rows)]
    return "".join([lines[0], "|---" * len(columns) + "|\n", *lines[1:]])
