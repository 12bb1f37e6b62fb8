"""Write the trained encoder as an ONNX file with its card and golden vector."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from latebra.models.named import named
from latebra.models.thing import NETWORK, SIDE
from training.emoji_network.hands import HANDS
from training.emoji_network.icons import SETS
from training.emoji_network.network import MEANING, Encoder, Folded
from training.onnx_files import OPSET, traced, write
from training.zeroshot.emoji import NAMES
from training.zeroshot.export import BOUND, SCALE, SHAPES, halved


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with weights that 16 bits hold."""
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            near = array.astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(near, tensor.name))
    return model


def example() -> np.ndarray:
    """Returns the picture of the golden vector: waves of drawn strength, -1 to 1."""
    places = np.arange(3 * SIDE * SIDE)
    waves = np.sin(places * 0.37 + 1e-5 * places**2).reshape(1, 3, SIDE, SIDE)
    strength = np.random.default_rng(2026).uniform(0.2, 1, waves.shape)
    return (waves * strength).astype(np.float32)


def main() -> None:
    """Write ``small_emoji.onnx``, ``.json`` and ``.golden.npz``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that fit.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    arguments = parser.parse_args()
    encoder = Encoder()
    encoder.load_state_dict(torch.load(arguments.run / "fitted.pt", weights_only=True))
    picture = example()
    model = rounded(traced(Folded(encoder.eval()), {"picture": picture}, ["meaning", "looks"]))
    weights = [numpy_helper.to_array(each) for each in model.graph.initializer]
    styles = {
        style.package: f"{style.licence}{'' if style.trained else ', judged on alone'}"
        for style in HANDS.values()
    }
    icons = {each.style.package: each.style.licence for each in SETS.values()}
    about = {
        "what": "what a small picture shows: a vector beside those of names, and one of looks",
        "parameters": sum(each.size for each in weights if each.dtype == np.float32),
        "fit": json.loads((arguments.run / "fitted.json").read_text()),
        "names": named().digest,
        "meaning_dims": MEANING,
        "scale": SCALE,
        **SHAPES,
        "recipe": "training/emoji_network: hands.py, icons.py, learn.py, fit.py, export.py",
        "data": styles | icons,
        "words": NAMES,
        "data_licence": "as said beside each package; the pictures are not distributed here",
        "licence": "Apache-2.0",
        "opset": OPSET,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    write(arguments.out, NETWORK, model, {"picture": picture}, BOUND, about)
    onnx.save(halved(model), arguments.out / f"{NETWORK}.onnx")
    print(json.dumps(about["fit"]))


if __name__ == "__main__":
    main()
