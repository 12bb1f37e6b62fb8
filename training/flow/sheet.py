"""Draw a contact sheet: a row of painted pictures for each kind."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from latebra.api.opened import open_reader
from latebra.hiding.carriers.diffusion import KINDS

SCALE = 2


def main() -> None:
    """Write one PNG file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows: list[np.ndarray] = []
    for kind in KINDS:
        carrier = open_reader("diffusion", "onnxruntime", {"kind": kind}).carrier
        rng = np.random.default_rng([arguments.seed, KINDS.index(kind)])
        pictures = [carrier.sample(rng) for _ in range(arguments.columns)]
        rows.append(np.concatenate(pictures, axis=1))
    sheet = Image.fromarray(np.concatenate(rows, axis=0))
    sheet.resize((sheet.width * SCALE, sheet.height * SCALE), Image.Resampling.NEAREST).save(
        arguments.out, optimize=True
    )


if __name__ == "__main__":
    main()
