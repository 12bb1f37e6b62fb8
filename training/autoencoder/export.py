"""Write the trained autoencoder as three ONNX files with their cards and golden vectors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator

from training.autoencoder.network import FREQUENCIES, SIDE, STEP, Extractor, Painter, Refiner
from training.onnx_files import OPSET, digest, in_double, traced

BOUND = 1e-3
"""Largest difference from the golden vectors, in grey levels and in log-likelihood ratios: some ten
times what 32-bit back ends show."""
CELLS = SIDE // 4


def halved(module: torch.nn.Module) -> torch.nn.Module:
    """Returns the network with weights rounded to half precision, computed in single."""
    for weight in module.parameters():
        weight.data = weight.data.half().float()
        weight.requires_grad_(False)
    return module.eval()


def write(folder: Path, name: str, what: str, model: onnx.ModelProto, inputs: dict, record: dict):
    """Writes one network's file, card and golden vector."""
    feed = {key: value.astype(np.float64) for key, value in inputs.items()}
    outputs = ReferenceEvaluator(in_double(model)).run(None, feed)
    names = [output.name for output in model.graph.output]
    onnx.save(model, folder / f"{name}.onnx")
    golden = {f"in.{key}": value for key, value in inputs.items()}
    golden |= {f"out.{key}": v.astype(np.float32) for key, v in zip(names, outputs, strict=True)}
    np.savez_compressed(folder / f"{name}.golden.npz", **golden)
    card = {
        "name": name,
        "digest": digest(model),
        "tier": "T3",
        "bound": BOUND,
        "about": {
            "what": what,
            "training": record,
            "recipe": "training/autoencoder: tiles.py, train.py, export.py",
            "data": "photographs of the Debian packages mate-backgrounds and tuxpaint-data",
            "data_licence": "GPL-2+ and CC-BY-SA-4.0 photographs as the Debian packages state; "
            "the photographs themselves are not distributed here",
            "licence": "Apache-2.0",
            "opset": OPSET,
            "step": STEP,
        },
    }
    (folder / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")


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
        write(arguments.out, name, what, model, inputs, record)
        print(name, sorted({node.op_type for node in model.graph.node}))


if __name__ == "__main__":
    main()
