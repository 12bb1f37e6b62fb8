"""Tables of the documentation on classes, made from measured results."""

from __future__ import annotations

from tests.docs.identity_tables import compiled
from tests.docs.tables import result, table

ENOUGH = 20
"""Units without which an area says nothing."""


def class_rooms() -> str:
    """Returns what came back through each channel."""
    rows = []
    for row in result("zeroshot")["rooms"]["channels"].values():
        low, high = row["failure_rate_95"]
        rows.append(
            (
                row["channel"],
                f"{row['frame_bits']:,}",
                f"{row['tables']}",
                f"{row['exact']}",
                f"{100 * low:.1f} to {100 * high:.1f} %",
            )
        )
    return table("channel|frame, bits|tables|read exactly|failed, 95 % interval", rows)


def class_cost() -> str:
    """Returns what jitter costs a classifier."""
    rows = [
        (
            f"{row['jitter']:g}",
            row["saved as"],
            f"{100 * row['top1']:.2f} %",
            f"{100 * row['top1_lost']:+.2f} ± {100 * row['top1_lost_95']:.2f}",
            f"{100 * row['same']:.1f} %",
        )
        for row in result("zeroshot")["cost"]["rows"]
    ]
    head = "jitter|table saved as|top-1 of unseen classes|points lost|named the same"
    return table(head, rows)


def class_detection() -> str:
    """Returns what each attack makes of tables with frames, and of its control."""
    rows = [
        (row["attack"], row["scheme"]["text"], row["control_scheme"], row["control"]["text"])
        for row in result("zeroshot")["detection"]["attacks"]
        if row["scheme"].get("stego", 0) >= ENOUGH
    ]
    return table("attack|tables with a frame|control|of the control", rows)


def class_matrix() -> str:
    """Returns what one compiler's text tower wrote and another's read."""
    cells = result("zeroshot")["matrix"]["cells"]
    rows = [
        (f"`{writer}`", *(f"{cell['exact']} of {cell['frames']}" for cell in row.values()))
        for writer, row in cells.items()
    ]
    return table("wrote, read|" + "|".join(f"`{name}`" for name in cells), rows)


def class_names() -> str:
    """Returns how often the classifier names unseen things right."""
    rows = [
        (
            row["method"],
            f"{100 * row['top1']:.1f} %",
            f"{100 * row['top5']:.1f} %",
            f"{100 * row['seen']:.1f} %",
            f"{100 * row['unseen']:.1f} %",
            f"{100 * row['harmonic']:.1f} %",
        )
        for row in result("zeroshot")["classifier"]["rows"]
    ]
    head = "method|unseen, top-1|top-5|among all names: seen|unseen|harmonic mean"
    return table(head, rows)


def class_locks() -> str:
    """Returns how often locks open for whom."""
    rows = []
    for row in result("zeroshot")["locks"]["rows"]:
        low, high = row["open_rate_95"]
        rows.append(
            (
                row["shown"],
                f"{row['locks']}",
                f"{100 * row['open_rate']:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
                f"{row['others']:,}",
                f"{row['false_match_rate']:.1e} (at most {row['false_match_rate_95']:.1e})",
            )
        )
    return table("shown|locks|opened for their class|other classes tried|opened for those", rows)


def class_compilers() -> str:
    """Returns what each compiler's encoder opened of what each one's locked."""
    head = "compiler|looks off the first one's|opened, of all that each locked"
    return table(head, compiled(result("identity_compilers")["thing"]))


CLASSES_TABLES = (
    class_rooms,
    class_cost,
    class_detection,
    class_matrix,
    class_names,
    class_locks,
    class_compilers,
)
