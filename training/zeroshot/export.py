"""Write the fitted encoder as an ONNX file with its card and golden vector."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from latebra.models.named import named
from latebra.models.thing import NETWORK, SIDE
from training.onnx_files import OPSET, digest, in_double
from training.zeroshot.emoji import NAMES, STYLES

SCALE = 20.0
"""What a cosine between a picture and a name is worth, in nats, when shares are shown."""
SHAPES = {
    "shape": {"dims": 256, "bits": 256, "secret_bits": 72},
    "description_shape": {"dims": 384, "bits": 384, "secret_bits": 128},
}
"""How secrets are spread over looks and over descriptions: chosen on the classes for choosing."""
POOL, STRIDE = 8, 2
"""As in ``patches.py``, which needs torch."""
BOUND = 1e-4
"""Largest difference from the golden vector: some hundred times what 32-bit back ends show."""


def to_onnx(fitted: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Returns the model for one picture: ``picture`` to ``meaning`` and ``looks``."""
    count = len(fitted["bias"])
    flat = 9 * count
    constants = {
        "patches": fitted["weight"],
        "patches.bias": fitted["bias"],
        "looks.weight": fitted["discriminants"],
        "looks.bias": -(fitted["mean"] @ fitted["discriminants"]),
        "meaning.weight": fitted["regression"],
    }
    node = helper.make_node
    nodes = [
        node(
            "Conv",
            ["picture", "patches", "patches.bias"],
            ["met"],
            strides=[STRIDE, STRIDE],
            pads=[2, 2, 2, 2],
        ),
        node("Relu", ["met"], ["above"]),
        node("AveragePool", ["above"], ["pooled"], kernel_shape=[POOL] * 2, strides=[POOL] * 2),
        node("Sqrt", ["pooled"], ["roots"]),
        node("Reshape", ["roots", "shape"], ["features"]),
        node("Gemm", ["features", "looks.weight", "looks.bias"], ["seen"]),
        *unit("seen", "looks"),
        node("MatMul", ["looks", "meaning.weight"], ["said"]),
        *unit("said", "meaning"),
    ]
    kept = [
        numpy_helper.from_array(np.asarray([1, flat], np.int64), "shape"),
        numpy_helper.from_array(np.asarray([1], np.int64), "last"),
    ]
    kept += [
        numpy_helper.from_array(np.asarray(array, np.float16).astype(np.float32), name)
        for name, array in constants.items()
    ]
    dims = {"meaning": fitted["regression"].shape[1], "looks": fitted["regression"].shape[0]}
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    made = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in dims.items()
    ]
    graph = helper.make_graph(nodes, NETWORK, [given], made, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def unit(given: str, name: str) -> list[onnx.NodeProto]:
    """Returns what makes a vector's length one."""
    node = helper.make_node
    return [
        node("Mul", [given, given], [f"{name}.square"]),
        node("ReduceSum", [f"{name}.square", "last"], [f"{name}.sum"], keepdims=1),
        node("Sqrt", [f"{name}.sum"], [f"{name}.length"]),
        node("Div", [given, f"{name}.length"], [name]),
    ]


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the same model in half the bytes: weights are widened where they are used."""
    small = onnx.ModelProto()
    small.CopyFrom(model)
    widened = []
    for tensor in small.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}.half"))
            widened.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*widened, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    onnx.checker.check_model(small, full_check=True)
    return small


def main() -> None:
    """Write ``small_emoji.onnx``, ``.json`` and ``.golden.npz``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder that fit.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    fitted = dict(np.load(arguments.run / "fitted.npz"))
    model = to_onnx(fitted)
    rng = np.random.default_rng(2026)
    waves = np.sin(np.arange(3 * SIDE * SIDE) * 0.37 + 1e-5 * np.arange(3 * SIDE * SIDE) ** 2)
    picture = (waves.reshape(1, 3, SIDE, SIDE) * rng.uniform(0.2, 1, (1, 3, SIDE, SIDE))).astype(
        np.float32
    )
    feed = {"picture": picture.astype(np.float64)}
    meaning, looks = ReferenceEvaluator(in_double(model)).run(None, feed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    onnx.save(halved(model), arguments.out / f"{NETWORK}.onnx")
    np.savez(
        arguments.out / f"{NETWORK}.golden.npz",
        **{"in.picture": picture},
        **{"out.meaning": meaning.astype(np.float32), "out.looks": looks.astype(np.float32)},
    )
    record = json.loads((arguments.run / "fitted.json").read_text())
    card = {
        "name": NETWORK,
        "digest": digest(model),
        "tier": "T3",
        "bound": BOUND,
        "about": {
            "what": "what a small picture shows: a vector beside those of names, and one of looks",
            "parameters": int(sum(array.size for array in fitted.values())),
            "fit": record,
            "names": named().digest,
            "meaning_dims": int(fitted["regression"].shape[1]),
            "scale": SCALE,
            **SHAPES,
            "recipe": "training/zeroshot: emoji.py, fit.py, export.py",
            "data": {
                style.package: f"{style.licence}{'' if style.trained else ', judged on alone'}"
                for style in STYLES.values()
            },
            "words": NAMES,
            "data_licence": "as said beside each package; the pictures are not distributed here",
            "licence": "Apache-2.0",
            "opset": OPSET,
        },
    }
    (arguments.out / f"{NETWORK}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(json.dumps(card["about"]["fit"]))


if __name__ == "__main__":
    main()
