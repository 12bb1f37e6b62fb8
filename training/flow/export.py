"""Write the trained flow as an ONNX file with its card and golden vector."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator

from training.flow.network import Velocity
from training.flow.photos import KINDS, SOURCES
from training.onnx_files import OPSET, digest, in_double, traced

NAME = "small_photographs"
BOUND = 2e-4
"""Largest difference from the golden vector: some ten times what 32-bit back ends show."""


def load(path: Path) -> Velocity:
    """Returns the network with weights rounded to half precision, computed in single."""
    network = Velocity(len(KINDS))
    weights = torch.load(path, weights_only=True)
    network.load_state_dict({name: value.half().float() for name, value in weights.items()})
    return network.eval()


def main() -> None:
    """Write ``small_photographs.onnx``, ``.json`` and ``.golden.npz``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that train.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rng = np.random.default_rng(2026)
    inputs = {
        "x": rng.standard_normal((1, 3, 64, 64)),
        "t": np.asarray([0.375]),
        "kind": np.eye(len(KINDS))[2:3],
    }
    inputs = {name: value.astype(np.float32) for name, value in inputs.items()}
    model = traced(load(arguments.run / "flow.pt"), inputs, ["velocity"])
    feed = {name: value.astype(np.float64) for name, value in inputs.items()}
    (velocity,) = ReferenceEvaluator(in_double(model)).run(None, feed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, arguments.out / f"{NAME}.onnx")
    golden = {f"in.{name}": value for name, value in inputs.items()}
    np.savez(
        arguments.out / f"{NAME}.golden.npz",
        **golden,
        **{"out.velocity": velocity.astype(np.float32)},
    )
    record = json.loads((arguments.run / "flow.json").read_text())
    card = {
        "name": NAME,
        "digest": digest(model),
        "tier": "T3",
        "bound": BOUND,
        "about": {
            "what": "velocity of a rectified flow that paints photographs of 64 by 64 pixels",
            "kinds": list(KINDS),
            "training": record,
            "recipe": "training/flow: photos.py, train.py, export.py, calibrate.py",
            "data": {
                package: sorted(s.name for s in SOURCES if s.package == package)
                for package in sorted({s.package for s in SOURCES})
            },
            "data_licence": "GPL-2+ and CC-BY-SA-4.0 photographs as the Debian packages state; "
            "the photographs themselves are not distributed here",
            "licence": "Apache-2.0",
            "opset": OPSET,
        },
    }
    (arguments.out / f"{NAME}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(json.dumps(card["about"]["training"]))


if __name__ == "__main__":
    main()
