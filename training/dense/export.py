"""Search the columns of the dense carrier's extractor, and write its two networks with their cards.

    python -m training.dense.export --out src/latebra/models/data [--tries 150]

Nothing is trained on data. The extractor is a convolution with weights 0 and 1 whose submatrix is
the best of random ones: the one whose trellis changes least, on costs drawn evenly (Filler, Judas,
Fridrich 2011, section IV-C, "linear profile"). The costs are those of HILL (Li, Wang, Huang, Li
2014, A new cost function for spatial image steganography, ICIP) as a network. Two minutes of one
processor core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from latebra.hiding.dense.layout import DEEPEST, WIDEST, Layout
from latebra.hiding.dense.trellis import flips
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.exact.proof import exported, prove
from training.onnx_files import digest, in_double

HEIGHT: Final = 8
"""Blocks that one sample has a part in. Two more would change 3 % less, and take four times as
long."""
COLUMNS: Final = 32768
"""Blocks that are read at a time."""
TOP: Final = 65535
"""The largest value of a sample: of grey pictures with 16 bits."""
SIDE: Final = 256
"""Pixels of a side whose costs are told at a time."""
MARGIN: Final = 1 + 1 + 7
"""Pixels around them that have a part in it: of the three filters."""
FLATTEST: Final = 0.1
"""What is added to HILL's filtered residual: a sample where it is zero costs ten, not infinity,
because a large message needs those too."""
OPSET: Final = 17
LICENCE: Final = "Apache-2.0"


def distortion(columns: list[int], rng: np.random.Generator) -> float:
    """Returns what the trellis costs a sample, in parts of the least possible, over some rates."""
    found = []
    for width in (2, 3, 5, 8):
        layout = Layout(3000 * width, 3000)
        costs = rng.uniform(0, 1, layout.samples).astype(np.float32)
        wanted = rng.integers(0, 2, layout.blocks, dtype=np.uint8)
        spent = float(costs @ flips(layout, costs, wanted, columns, HEIGHT)) / layout.samples
        found.append(spent / least(1 / width))
    return float(np.mean(found))


def least(rate: float) -> float:
    """Returns the least mean cost at which so many bits a sample can be told, by bisection.

    Costs are even over (0, 1); a sample of cost c is changed with probability 1 / (1 + e^(s c)).
    """
    costs = (np.arange(4096) + 0.5) / 4096
    low, high = 1e-3, 1e4
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        p = 1 / (1 + np.exp(np.minimum(middle * costs, 700)))
        with np.errstate(all="ignore"):
            entropy = -np.nan_to_num(p * np.log2(p)) - (1 - p) * np.log2(1 - p)
        low, high = (middle, high) if entropy.mean() > rate else (low, middle)
    return float(np.mean(costs / (1 + np.exp(np.minimum(low * costs, 700)))))


def searched(tries: int) -> tuple[list[int], float]:
    """Returns the best columns of ``tries``, and what they cost in parts of the least possible."""
    rng = np.random.default_rng(2011)
    ends = 1 | 1 << (HEIGHT - 1)
    best, score = [], np.inf
    for _ in range(tries):
        inner = rng.choice(1 << (HEIGHT - 2), WIDEST, replace=False)
        columns = [int(each) << 1 | ends for each in inner]
        spent = distortion(columns, np.random.default_rng(7))
        if spent < score:
            best, score = columns, spent
            print(f"{score:.4f} {best}", flush=True)
    return best, distortion(best, np.random.default_rng(8))


def extractor(columns: list[int]) -> Graph:
    """Returns the network that tells what samples say: sums of whole numbers, modulo 8."""
    weights = np.zeros((1, WIDEST, 1, HEIGHT), np.float32)
    for slot, column in enumerate(columns):
        for later in range(HEIGHT):
            weights[0, slot, 0, HEIGHT - 1 - later] = column >> later & 1
    draft = Draft()
    given = Tensor("samples", (1, WIDEST, 1, COLUMNS + HEIGHT - 1))
    whole = draft.do("Floor", given.name, shape=given.shape)
    bounded = draft.do("Clip", whole.name, draft.scalar(0), draft.scalar(TOP), shape=given.shape)
    shape = (1, 1, 1, COLUMNS)
    sums = draft.do("Conv", bounded.name, draft.constant(weights), shape=shape)
    size = 1 << DEEPEST
    share = draft.do("Mul", sums.name, draft.scalar(1 / size), shape=shape)
    times = draft.do("Floor", share.name, shape=shape)
    rest = draft.do("Mul", times.name, draft.scalar(size), shape=shape)
    symbols = draft.do("Sub", sums.name, rest.name, shape=shape, name="symbols")
    return draft.done((given,), (symbols,))


def costs() -> onnx.ModelProto:
    """Returns the network that tells how much a change of each sample is seen."""
    high = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], np.float32) / 4
    mean = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    line = np.full(15, 1 / 15, np.float32)
    held = {
        "high": high[None, None],
        "mean": mean,
        "flattest": np.array(FLATTEST, np.float32),
        "down": line.reshape(1, 1, 15, 1),
        "across": line.reshape(1, 1, 1, 15),
    }
    nodes = [
        helper.make_node("Conv", ["plane", "high"], ["residual"]),
        helper.make_node("Abs", ["residual"], ["energy"]),
        helper.make_node("Conv", ["energy", "mean"], ["smooth"]),
        helper.make_node("Add", ["smooth", "flattest"], ["above"]),
        helper.make_node("Reciprocal", ["above"], ["sharp"]),
        helper.make_node("Conv", ["sharp", "down"], ["halfway"]),
        helper.make_node("Conv", ["halfway", "across"], ["costs"]),
    ]
    wide = SIDE + 2 * MARGIN
    kind = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "costs",
            [helper.make_tensor_value_info("plane", kind, [1, 1, wide, wide])],
            [helper.make_tensor_value_info("costs", kind, [1, 1, SIDE, SIDE])],
            [numpy_helper.from_array(each, name) for name, each in held.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def write(folder: Path, model: onnx.ModelProto, card: dict[str, Any], given: dict[str, Any]):
    """Writes one network, its card and its golden vector."""
    feed = {key: value.astype(np.float64) for key, value in given.items()}
    found = ReferenceEvaluator(in_double(model)).run(None, feed)
    named = {f"in.{key}": value for key, value in given.items()}
    names = [each.name for each in model.graph.output]
    named |= {f"out.{key}": v.astype(np.float32) for key, v in zip(names, found, strict=True)}
    name = card["name"]
    onnx.save(model, folder / f"{name}.onnx")
    np.savez_compressed(folder / f"{name}.golden.npz", **named)
    written = {"name": name, "digest": digest(model), **card}
    (folder / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")


def main() -> None:
    """Write ``dense_extractor`` and ``dense_costs``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tries", type=int, default=150)
    arguments = parser.parse_args()
    columns, spent = searched(arguments.tries)
    file = exported(extractor(columns))
    rng = np.random.default_rng(2026)
    about = {"recipe": "training/dense/export.py", "data": "none", "licence": LICENCE}
    # Repeated, so that the file is small.
    at = np.arange(COLUMNS + HEIGHT - 1, dtype=np.int64)
    rows = [(at * at * (slot + 1) + 7 * at) % 251 for slot in range(WIDEST)]
    samples = np.stack(rows).astype(np.float32)[None, :, None]
    write(
        arguments.out,
        onnx.load_from_string(file),
        {
            "name": "dense_extractor",
            "tier": "T1",
            "bound": 0.0,
            "about": {
                "what": "says what samples of a picture tell: sums of whole numbers, modulo 8",
                "columns": columns,
                "height": HEIGHT,
                "at_once": COLUMNS,
                "bits": round(prove(file).bits, 2),
                "tries": arguments.tries,
                "cost_of_the_least": round(spent, 4),
                **about,
            },
        },
        {"samples": samples},
    )
    rough = rng.uniform(20, 235, (40, 1)) + rng.normal(0, 12, (40, 40))
    wide = SIDE + 2 * MARGIN
    plane = np.tile(np.rint(rough).clip(0, 255), (7, 7))[:wide, :wide].astype(np.float32)[
        None, None
    ]
    write(
        arguments.out,
        costs(),
        {
            "name": "dense_costs",
            "tier": "T3",
            "bound": 1e-3,
            "about": {
                "what": "says how much a change of each sample of a picture is seen: HILL",
                "side": SIDE,
                "margin": MARGIN,
                **about,
            },
        },
        {"plane": plane},
    )
    print(f"{spent:.4f} of the least cost, {prove(file)}")


if __name__ == "__main__":
    main()
