"""Draw a contact sheet: a row for each kind, the GAN's pictures and, beside them, the flow's."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from latebra.api.opened import open_reader
from latebra.hiding.carriers.gan import KINDS, SIDE

COLUMNS = {"gan": 8, "diffusion": 4}
GAP = 8
SCALE = 2


def main() -> None:
    """Write one PNG file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows: list[np.ndarray] = []
    for number, kind in enumerate(KINDS):
        row: list[np.ndarray] = []
        for carrier, columns in COLUMNS.items():
            reader = open_reader(carrier, "onnxruntime", {"kind": kind}, threads=1)
            rng = np.random.default_rng([arguments.seed, number])
            row += [np.asarray(reader.carrier.sample(rng)) for _ in range(columns)]
            row.append(np.full((SIDE, GAP, 3), 255, np.uint8))
        rows.append(np.concatenate(row[:-1], axis=1))
    sheet = Image.fromarray(np.concatenate(rows, axis=0))
    sheet.resize((sheet.width * SCALE, sheet.height * SCALE), Image.Resampling.NEAREST).save(
        arguments.out, optimize=True
    )


if __name__ == "__main__":
    main()
