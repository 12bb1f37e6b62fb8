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


PHOTOGRAPH_TABLES = (marks_promised, dense_rates, dense_speed, dense_compilers, dense_detection)
