"""Write the picture model of 64 greys as the two networks that a carrier runs, with their cards.

    python -m training.exact.export_greys --run work/greys --data work/tiles256.npz

One takes a whole picture, the other a few pixels of one; both are proven exact.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from onnx.reference import ReferenceEvaluator

from latebra.core.network import ModelCard
from latebra.hiding.carriers.pixels import LEVELS, Pixels
from latebra.hiding.pixels.model import PixelModel
from latebra.models.exact.pixels import drafted_pixels, windows_of
from latebra.models.exact.proof import exported, prove
from latebra.models.exact.sequence import drafted
from latebra.models.exact.stored import stored
from latebra.models.learned import TILES, digest_of
from training.exact import pictures, tiles
from training.exact.export import greys
from training.exact.fitting import PHASES

AT_ONCE: Final = 8
"""Pixels at a time: no front of a picture of 32 by 32 has more."""


class Recorded:
    """A network as ONNX defines it, and what it was asked and said."""

    def __init__(self, file: bytes, about: Mapping[str, Any]) -> None:
        self.card = ModelCard("recorded", "", "T1", 0.0, about=about)
        self.told: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._network = ReferenceEvaluator(file)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the outputs by name."""
        found = self._network.run(None, dict(inputs))
        named = dict(zip(self._network.output_names, found, strict=True))
        self.told.append((dict(inputs), named))
        return named


def main() -> None:
    """Write ``NAME.onnx``, ``NAME.json`` and ``NAME.golden.npz``, for both networks."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="what pictures.py wrote")
    parser.add_argument("--data", type=Path, required=True, help="what tiles.py wrote")
    parser.add_argument("--out", type=Path, default=Path("src/latebra/models/data"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    told = greys(arguments.run, arguments.data, LEVELS)
    network, x = told["network"], told["golden"]
    step = drafted_pixels(network, AT_ONCE)
    scale = 256 // LEVELS
    about = {
        **told["about"],
        "side": tiles.SIDE,
        "greys": LEVELS,
        "nats": pictures.NATS,
        "scale": scale,
        "offset": -scale * (LEVELS - 1) // 2,
        "windows": windows_of(step),
        "at_once": AT_ONCE,
        "contrast": pictures.CONTRAST,
        "grain": pictures.GRAIN,
        "weights": sum(array.size for array in stored(network)[1]),
        "training": {
            "from": f"{TILES}, the bundled weights of 16 greys",
            "phases": {
                phase: json.loads((arguments.run / f"{phase}.json").read_text())
                for phase in PHASES[:2]
            },
        },
        "licence": "Apache-2.0",
    }
    files = {"step": exported(step), "whole": exported(drafted(network, x.shape))}
    y = network.apply(x).astype(np.int32)
    goldens = {"step": stepped(files["step"], about, x, y), "whole": ({"x": x}, {"y": y})}
    for role, file in files.items():
        name, bits = Pixels.roles[role], round(prove(file).bits, 2)
        card = {"name": name, "digest": digest_of(*stored(network)), "tier": "T1", "bound": 0.0}
        (arguments.out / f"{name}.onnx").write_bytes(file)
        written = json.dumps({**card, "about": {**about, "bits": bits}}, indent=1)
        (arguments.out / f"{name}.json").write_text(written + "\n")
        inputs, outputs = goldens[role]
        vector = {f"in.{key}": each for key, each in inputs.items()}
        vector |= {f"out.{key}": each for key, each in outputs.items()}
        np.savez_compressed(arguments.out / f"{name}.golden.npz", **vector)
        print(name, about["held_out_bits_per_pixel"], bits)


def stepped(
    file: bytes, about: Mapping[str, Any], x: np.ndarray, y: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a step from the middle of a picture, after all steps gave what the whole gives."""
    network = Recorded(file, about)
    model = PixelModel(network, network)
    greys = ((x.ravel() - about["offset"]) / about["scale"]).astype(np.int64)[model.order]
    logits = y[0].reshape(about["greys"], -1).T[model.order]
    at = 0

    def choose(found: np.ndarray) -> np.ndarray:
        nonlocal at
        assert np.array_equal(found, logits[at : at + len(found)])
        at += len(found)
        return greys[at - len(found) : at]

    model.paint(choose)
    return network.told[len(network.told) // 2]


if __name__ == "__main__":
    main()
