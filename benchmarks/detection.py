"""What each steganalyser makes of real pictures, and of the bad scheme that it must catch.

    python -m benchmarks.detection pictures.npz [--cnn-seconds 240]

writes ``benchmarks/results/detection.json`` and ``docs/pictures/detection.png``. The archive holds,
for n stego pictures under one key and n covers of the same generator (latents as coefficients of
``latebra.hiding.channel.basis.forward``, not permuted; float16 will do):

    stego_latents, cover_latents    (n, dims)       read back from the pictures
    stego_noise, cover_noise        (n, dims)       what they were painted from
    stego_pictures, cover_pictures  (n, 3, 64, 64)  uint8; may be left out, and picture attacks are
    message_bits                    ()              k of the code, whose n is the length of the next
    coded_dims                      (coded,)        dimension of each coded bit, in the key's order
    coded_planes                    (coded,)        which bit of its dimension it is, 0 the sign
    coded_depths                    (coded,)        bits that its dimension carries
    stego_bits                      (m, coded / 8)  coded bits of one key as written, packed by
                                                    np.packbits(axis=1): the rank test wants m
                                                    above k + 1, and they need no painting; may be
                                                    left out, and are then read off stego_noise
    control_<name>_latents          (m, dims)       painted with a bad scheme and read back, for the
                                                    names margin, fixed_radius, fixed_keystream and
                                                    static_mask; each may be left out

A control that was not painted is put together: the bad scheme's latents, plus what reading back did
to as many covers. The report says which it was.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from attacks.suite import Evidence, evaluate
from benchmarks.machine import about

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Runs all attacks on an archive of pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--cnn-seconds", type=float, default=240.0, help="0 leaves the network out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path, default=ROOT / "benchmarks/results/detection.json")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/pictures/detection.png")
    args = parser.parse_args()
    with np.load(args.archive, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    report = about() | evaluate(Evidence(arrays, args.seed), args.cnn_seconds)
    for path in (args.result, args.picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    args.result.write_text(json.dumps(report, indent=2) + "\n")
    draw(report["attacks"], args.picture)
    for row in report["attacks"]:
        print(f"{row['attack']:<24} scheme {row['scheme']['text']:<24}", end=" ")
        print(f"control {row['control']['text']:<24} {row['control_scheme']}")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws areas with their intervals, the scheme's beside the control's.

    Args:
        rows: The report's attacks; those without an area are left out.
        path: Where the picture goes.
    """
    drawn = [row for row in rows if "auc" in row["scheme"] and "auc" in row["control"]]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.45 * len(drawn)), layout="constrained")
    for kind, colour, label, shift in (
        ("scheme", "#2a6f97", "Latebra against covers", -0.2),
        ("control", "#c1666b", "the bad scheme against covers", 0.2),
    ):
        values = np.array([row[kind]["auc"] for row in drawn])
        ends = np.array([row[kind]["interval"] for row in drawn])
        axes.barh(
            np.arange(len(drawn)) + shift,
            values,
            0.36,
            xerr=np.abs(ends.T - values),
            color=colour,
            label=label,
            error_kw={"ecolor": "#333333", "capsize": 2, "lw": 1},
        )
    axes.axvline(0.5, color="#333333", lw=1, ls=":")
    labels = [f"{row['attack']}\n({row['control_scheme']})" for row in drawn]
    axes.set_yticks(np.arange(len(drawn)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("area under the ROC curve, with 95 % interval; 0.5 sees nothing")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
