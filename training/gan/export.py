"""Write the trained generator and extractor as ONNX files with their cards and golden vectors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.flow.train import CENTRE, SCALE
from training.gan.network import DIMS, KINDS, SIDE, Extractor, Generator
from training.onnx_files import DATA, halved, traced, write

BOUNDS = {"small_textures": 1e-3, "small_textures_extractor": 1e-4}
"""Largest differences from the golden vectors, in grey levels and in units of the latent: some ten
times what 32-bit back ends show."""

LOOKS = (
    "farther from photographs than the diffusion model's pictures (benchmarks/looks.py), leaves "
    "most: grainier, and with fewer whole things; by eye bark is nearest"
)
"""Where the pictures fall short."""


class InGreyLevels(nn.Module):
    """The generator with a picture of grey levels."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, kind: Tensor) -> Tensor:
        return CENTRE + SCALE * self.generator(latent, kind)


class OfGreyLevels(nn.Module):
    """The extractor of a picture of grey levels."""

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        return self.extractor((picture - CENTRE) / SCALE)


def main() -> None:
    """Write ``small_textures`` and ``small_textures_extractor``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder of settle.py")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    stored = torch.load(arguments.run / "settled.pt", weights_only=True)
    generator, extractor = Generator(), Extractor()
    generator.load_state_dict(stored["generator"])
    extractor.load_state_dict(stored["extractor"])
    generator, extractor = halved(generator), halved(extractor)
    record = json.loads((arguments.run / "settled.json").read_text())
    rng = np.random.default_rng(2026)
    latent = rng.standard_normal((1, DIMS)).astype(np.float32)
    kind = np.eye(len(KINDS), dtype=np.float32)[1:2]
    painter = InGreyLevels(generator).eval()
    with torch.no_grad():
        levels = painter(torch.from_numpy(latent), torch.from_numpy(kind)).numpy()
    parts = {
        "small_textures": (
            f"paints textures of {SIDE} by {SIDE} pixels of latent vectors",
            painter,
            {"latent": latent, "kind": kind},
            ["picture"],
        ),
        "small_textures_extractor": (
            "says of a picture which latent vector it came from, and how sure each number is",
            OfGreyLevels(extractor).eval(),
            {"picture": np.clip(np.rint(levels), 0, 255).astype(np.float32)},
            ["mean", "log_variance"],
        ),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, (what, network, inputs, outputs) in parts.items():
        model = traced(network, inputs, outputs)
        about = {
            "what": what,
            "kinds": list(KINDS),
            "looks": LOOKS,
            "training": record,
            "parameters": sum(value.numel() for value in network.parameters()),
            "recipe": "training/gan: train.py, settle.py, export.py, calibrate.py",
            **DATA,
        }
        write(arguments.out, name, model, inputs, BOUNDS[name], about)
        print(name, about["parameters"], sorted({node.op_type for node in model.graph.node}))


if __name__ == "__main__":
    main()
