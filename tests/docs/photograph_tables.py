"""Tables of the documentation on photographs, made from measured results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attacks.edits import PROMISED
from tests.docs.tables import result, table


def _sets() -> dict[str, Any]:
    """Returns the sets of tiles that the autoencoder carrier marked."""
    sets = result("robustness")["sets"]
    return {name: each for name, each in sets.items() if each["carrier"] == "autoencoder"}


def _share(row: Any) -> str:
    """Returns how many were read exactly, with the interval, and how many bits were wrong."""
    low, high = (100 * x for x in row["share_95"])
    return f"{100 * row['share']:.0f} % ({low:.0f} to {high:.0f}), {100 * row['wrong_bits']:.0f} %"


def _quality(ours: list[Any]) -> list[tuple[str, ...]]:
    return [
        (
            "PSNR, dB",
            *(f"{x['psnr']['mean']:.1f}, least {x['psnr']['least']:.1f}" for x in ours),
        ),
        ("SSIM", *(f"{x['ssim']['mean']:.4f}, least {x['ssim']['least']:.4f}" for x in ours)),
    ]


def marks_promised() -> str:
    """Returns how many marks were read after the edits that they should survive."""
    ours = [each["schemes"]["latebra"] for each in _sets().values()]
    times = [
        ("time to mark", *(f"{1000 * x['mark_s']:.0f} ms" for x in ours)),
        (
            "time to read, unchanged",
            *(f"{1000 * x['edits']['nothing']['read_s']:.0f} ms" for x in ours),
        ),
    ]
    rows = [(edit, *(_share(x["edits"][edit]) for x in ours)) for edit in PROMISED]
    return table(_columns(PROMISED), [*_quality(ours), *times, *rows])


def marks_other() -> str:
    """Returns how many were read after what nobody promised."""
    ours = [each["schemes"]["latebra"] for each in _sets().values()]
    edits = [edit for edit in ours[0]["edits"] if edit not in PROMISED]
    return table(
        _columns(edits), [(edit, *(_share(x["edits"][edit]) for x in ours)) for edit in edits]
    )


def _columns(edits: Iterable[str]) -> str:
    """Returns the head of a table, with how many tiles went through these edits."""
    names: list[str] = []
    for each in _sets().values():
        (count,) = {each["schemes"]["latebra"]["edits"][edit]["pictures"] for edit in edits}
        names.append(f"{each['side']} × {each['side']}, for {each['channel']}: {count} tiles")
    return "|" + "|".join(names)


def marks_beside() -> str:
    """Returns what other packages' marks came to beside ours."""
    schemes = result("marks")["schemes"]
    each = list(schemes.values())
    rows = [
        ("tiles", *(str(x["pictures"]) for x in each)),
        (
            "bits",
            *(f"{x['bits']}{', authenticated' if x['authenticated'] else ''}" for x in each),
        ),
        *_quality(each),
        (
            "mark, read a megapixel",
            *(f"{x['megapixel']['mark_s']:.2f} s, {x['megapixel']['read_s']:.2f} s" for x in each),
        ),
        *((edit, *(_share(x["edits"][edit]) for x in each)) for edit in each[0]["edits"]),
    ]
    return table("|" + "|".join(schemes), rows)


def marks_blind() -> str:
    """Returns how well a look without a key sees marks."""
    rows = [
        (
            kind,
            edit,
            row["text"],
            f"{row['called_marked']} of {row['stego']}",
            f"{row['false_alarms']} of {row['cover']}",
        )
        for kind, each in result("scrub")["kinds"].items()
        for edit, row in each.get("seen", {}).items()
    ]
    return table("marks|after|area under the ROC curve|called marked|false alarms", rows)


def marks_scrubbed() -> str:
    """Returns what is read after scrubbing, and what that costs."""
    rows = [
        (
            kind,
            f"{row['read_before']} of {row['pictures']}",
            f"{row['read_after']} of {row['pictures']}",
            f"{row['psnr']:.1f}",
            f"{row['ssim']:.4f}",
            f"{row['psnr_of_unmarked']:.1f}",
        )
        for kind, row in result("scrub")["kinds"].items()
    ]
    head = "marks|read before|read after|PSNR to the marked, dB|SSIM to it"
    return table(f"{head}|PSNR where nothing was marked, dB", rows)


def dense_rates() -> str:
    """Returns what a photograph holds and what that costs it."""
    rows = [
        (
            f"{row['bits_a_pixel']:.2f}",
            f"{row['exact']} of {row['pictures']}",
            "{:.1f} to {:.1f} %".format(*(100 * x for x in row["share_95"])),
            f"{row['psnr']['mean']:.1f}, least {row['psnr']['least']:.1f}",
            f"{row['ssim']['mean']:.4f}, least {row['ssim']['least']:.4f}",
            f"{100 * row['changed']:.1f} %",
        )
        for row in result("dense")["rates"]["rates"].values()
    ]
    return table("bits a pixel|read exactly|95 % interval|PSNR, dB|SSIM|samples changed", rows)


def dense_speed() -> str:
    """Returns how long a megapixel takes."""
    rows = [
        (
            rate,
            " and ".join(row["verified_with"]),
            *(f"{row[name]['median']:.2f} s" for name in ("hide_s", "reveal_s")),
        )
        for rate, row in result("dense")["speed"]["rates"].items()
    ]
    return table("bits a pixel|verified with|hide and verify|reveal", rows)


def dense_compilers() -> str:
    """Returns what one compiler wrote and another read."""
    found = result("dense")["compilers"]
    rows = [
        (f"`{one}`", *(f"{count} of {found['pictures']}" for count in row.values()))
        for one, row in found["cells"].items()
    ]
    return table("wrote, read|" + "|".join(f"`{name}`" for name in found["cells"]), rows)


def dense_detection() -> str:
    """Returns what detectors see, and what they see of replaced lowest bits."""
    rows = [
        (
            f"{row['bits_a_pixel']:.2f}",
            row["attack"],
            row["scheme"]["text"],
            row["control"]["text"],
            row["control_scheme"].split(",")[0],
        )
        for row in result("dense")["detection"]["attacks"]
    ]
    return table("bits a pixel|detector|Latebra|laid badly|how", rows)


PHOTOGRAPH_TABLES = (
    marks_promised,
    marks_other,
    marks_beside,
    marks_blind,
    marks_scrubbed,
    dense_rates,
    dense_speed,
    dense_compilers,
    dense_detection,
)
