"""Write the trained autoencoder as three ONNX files with their cards and golden vectors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from training.autoencoder.network import FREQUENCIES, SIDE, STEP, Extractor, Painter, Refiner
from training.onnx_files import DATA, halved, traced, write

BOUND = 1e-3
"""Largest difference from the golden vectors, in grey levels and in log-likelihood ratios: some ten
times what 32-bit back ends show."""
CELLS = SIDE // 4


def main() -> None:
    """Write ``mark_painter``, ``mark_extractor`` and ``mark_refiner``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that train.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    painter, extractor = Painter(), Extractor()
    stored = torch.load(arguments.run / "autoencoder.pt", weights_only=True)
    painter.load_state_dict(stored["painter"])
    extractor.load_state_dict(stored["extractor"])
    painter, extractor = halved(painter), halved(extractor)
    record = json.loads((arguments.run / "autoencoder.json").read_text())
    rng = np.random.default_rng(2026)
    smooth = np.kron(rng.uniform(20, 235, (1, 3, 8, 8)), np.ones((1, 1, 8, 8)))
    picture = (smooth + rng.normal(0, 12, (1, 3, SIDE, SIDE))).astype(np.float32)
    bits = rng.integers(0, 2, (1, len(FREQUENCIES), CELLS, CELLS)).astype(np.float32) * 2 - 1
    margin = np.full(1, 3.0, np.float32)
    rough = rng.uniform(0, 12, (1, 1, SIDE, SIDE)).astype(np.float32)
    arguments.out.mkdir(parents=True, exist_ok=True)
    parts = {
        "mark_painter": (
            "paints the residual that hides bits in a photograph",
            painter,
            {"picture": picture, "texture": rough, "bits": bits},
            ["residual"],
        ),
        "mark_extractor": (
            "reads soft bits in a photograph",
            extractor,
            {"picture": picture},
            ["soft"],
        ),
        "mark_refiner": (
            "says how to change a photograph so that its soft bits get surer",
            Refiner(extractor),
            {"picture": picture, "bits": bits, "margin": margin},
            ["gradient", "soft"],
        ),
    }
    for name, (what, network, inputs, outputs) in parts.items():
        model = traced(network, inputs, outputs)
        about = {
            "what": what,
            "training": record,
            "recipe": "training/autoencoder: tiles.py, train.py, export.py",
            **DATA,
            "step": STEP,
        }
        write(arguments.out, name, model, inputs, BOUND, about)
        print(name, sorted({node.op_type for node in model.graph.node}))


if __name__ == "__main__":
    main()
