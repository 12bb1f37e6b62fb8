"""Painting as a pipeline over two workers, and as one program: what each brings.

    python -m benchmarks.chains [--pictures 12] [--rounds 5] [--compilers ID ...]

A picture is 16 evaluations of the bundled network, four Runge-Kutta steps. *Pipeline*: the first
two steps in one worker with one thread, the last two in another, while the first has begun the next
picture; against the same two one by one, and against one worker with two threads. *One program*:
all 16 evaluations as one ONNX graph with the weights once, against 16 calls, with one thread.
*Three networks*: a transformer that reads a line, four evaluations of a U-Net that what it read
shifts, a larger U-Net that paints the result; a worker each, against one by one. All take turns;
medians of ratios in the same round. Writes ``benchmarks/results/chains.json`` after each compiler.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

import latebra as lb
from benchmarks.machine import about
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.likeness import difference
from latebra.compiling.opening import installed
from latebra.compiling.pipeline import Pipeline
from latebra.core.errors import LatebraError
from latebra.testing.networks import gpt, unet

RESULT = Path(__file__).parent / "results" / "chains.json"
NAME = "small_photographs"
STEPS = 4
SLOW = "reference"
WEIGHTS = (1.0, 2.0, 2.0, 1.0)
"""Of the four slopes of a step: the classical fourth-order Runge-Kutta method."""

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def steps(run: Run, first: int, last: int) -> Run:
    """Returns a stage of a pipeline: the steps from ``first`` to ``last - 1``."""
    size = np.float32(1 / STEPS)

    def velocity(x: np.ndarray, t: float, kind: np.ndarray) -> np.ndarray:
        return run({"x": x, "t": np.full(1, t, np.float32), "kind": kind})["velocity"]

    def stage(item: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        x, kind = item["x"], item["kind"]
        for number in range(first, last):
            t = number * float(size)
            k1 = velocity(x, t, kind)
            k2 = velocity(x + size / 2 * k1, t + float(size) / 2, kind)
            k3 = velocity(x + size / 2 * k2, t + float(size) / 2, kind)
            k4 = velocity(x + size * k3, t + float(size), kind)
            x = x + size / np.float32(6) * (k1 + 2 * k2 + 2 * k3 + k4)
        return {"x": x, "kind": kind}

    return stage


def whole(model: Model) -> Model:
    """Returns the network that paints: 16 evaluations in one graph, each weight held once."""
    proto = onnx.load_model_from_string(model.onnx)
    held, nodes = list(proto.graph.initializer), []
    inner = {each.name for each in held}

    def number(value: float) -> str:
        name = f"number{len(held)}"
        held.append(onnx.numpy_helper.from_array(np.array([value], np.float32), name))
        return name

    def do(operator: str, *inputs: str) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"{operator}{len(nodes)}"]))
        return nodes[-1].output[0]

    def evaluate(x: str, t: float, prefix: str) -> str:
        names = {"x": x, "t": number(t), "kind": "kind"}
        for node in proto.graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = prefix + node.name
            copy.input[:] = [
                names.get(each, each if each in inner or not each else prefix + each)
                for each in node.input
            ]
            copy.output[:] = [prefix + each if each else each for each in node.output]
            nodes.append(copy)
        return prefix + proto.graph.output[0].name

    x, size = "x", 1 / STEPS
    for step in range(STEPS):
        slopes: list[str] = []
        for part, moved in enumerate((0.0, 0.5, 0.5, 1.0)):
            at = do("Add", x, do("Mul", slopes[-1], number(moved * size))) if part else x
            slopes.append(evaluate(at, (step + moved) * size, f"s{step}p{part}/"))
        for slope, weight in zip(slopes, WEIGHTS, strict=True):
            x = do("Add", x, do("Mul", slope, number(weight * size / 6)))
    nodes.append(helper.make_node("Identity", [x], ["painted"]))
    inputs = [each for each in proto.graph.input if each.name in ("x", "kind")]
    output = helper.make_tensor_value_info("painted", TensorProto.FLOAT, [1, 3, 64, 64])
    graph = helper.make_graph(nodes, "whole", inputs, [output], held)
    made = helper.make_model(graph, opset_imports=proto.opset_import, ir_version=proto.ir_version)
    onnx.checker.check_model(made, full_check=True)
    return lb.load_model(made.SerializeToString(), name="whole")


def loaded(name: str, model: Model, threads: int) -> tuple[Isolated, Run]:
    worker = Isolated(threads=threads, name=name)
    return worker, worker.load(worker.build(model), model.card).run


def turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:  # The first round warms up.
                found[name].append(time.perf_counter() - start)
    return found


def ratio(times: Mapping[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(times[one], times[other], strict=True))


def pipelined(name: str, model: Model, items: list[Any], rounds: int) -> dict[str, float]:
    """Returns pictures a second each way, and the ratios of times."""
    one, run_one = loaded(name, model, 1)
    two, run_two = loaded(name, model, 1)
    both, run_both = loaded(name, model, 2)
    with one, two, both:
        pipeline = Pipeline((steps(run_one, 0, STEPS // 2), steps(run_two, STEPS // 2, STEPS)))
        alone = Pipeline((steps(run_both, 0, STEPS),))

        def all_of(found: Iterator[Any]) -> list[Any]:
            return list(found)

        times = turns(
            {
                "pipeline": lambda: all_of(pipeline.run(items)),
                "one_by_one": lambda: all_of(pipeline.one_by_one(items)),
                "two_threads": lambda: all_of(alone.one_by_one(items)),
            },
            rounds,
        )
    return {
        **{f"{way}_s": len(items) / median(each) for way, each in times.items()},
        "gain_over_one_by_one": 1 / ratio(times, "pipeline", "one_by_one"),
        "gain_over_two_threads": 1 / ratio(times, "pipeline", "two_threads"),
    }


def three_networks(name: str, count: int, rounds: int) -> dict[str, float]:
    """Returns items a second of text encoder, denoiser and decoder, both ways."""
    programs = (gpt(tokens=32, width=256, layers=3, words=1000), unet(size=32), unet(size=64))
    (one, encode), (two, denoise), (three, decode) = (
        loaded(name, program.model, 1) for program in programs
    )

    def read(item: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"x": item["x"] + encode({"ids": item["ids"]})["y"].mean(keepdims=True)[..., None]}

    def evaluate(item: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        x = item["x"]
        for _ in range(STEPS):
            x = x - np.float32(1 / STEPS) * denoise({"x": x})["y"]
        return {"x": x}

    def paint(item: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return decode({"x": item["x"].repeat(2, 2).repeat(2, 3)})

    rng = np.random.default_rng(2)
    items = [
        {
            "ids": rng.integers(0, 1000, (1, 32)),
            "x": rng.standard_normal((1, 3, 32, 32), np.float32),
        }
        for _ in range(count)
    ]
    with one, two, three:
        pipeline = Pipeline((read, evaluate, paint))
        times = turns(
            {
                "pipeline": lambda: list(pipeline.run(items)),
                "one_by_one": lambda: list(pipeline.one_by_one(items)),
            },
            rounds,
        )
    return {
        **{f"{way}_s": count / median(each) for way, each in times.items()},
        "gain_over_one_by_one": 1 / ratio(times, "pipeline", "one_by_one"),
    }


def as_one_program(name: str, model: Model, item: Any, rounds: int) -> dict[str, Any]:
    """Returns the time of one program against 16 calls; or the word for why there is none."""
    many, run_many = loaded(name, model, 1)
    try:
        single, run_single = loaded(name, whole(model), 1)
    except LatebraError as error:
        many.close()
        return {"failed": error.what.splitlines()[0]}
    stage = steps(run_many, 0, STEPS)
    with many, single:
        apart = difference({"x": run_single(item)["painted"]}, {"x": stage(item)["x"]})
        times = turns({"program": lambda: run_single(item), "calls": lambda: stage(item)}, rounds)
    return {
        "program_ms": 1e3 * median(times["program"]),
        "calls_ms": 1e3 * median(times["calls"]),
        "ratio": ratio(times, "program", "calls"),
        "apart": apart.relative,
    }


def main() -> None:
    """Measures both for each compiler that is installed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compilers", nargs="+")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    model = lb.load_model(NAME)
    rng = np.random.default_rng(1)
    kind = np.eye(6, dtype=np.float32)[:1]
    items = [
        {"x": rng.standard_normal((1, 3, 64, 64), np.float32), "kind": kind}
        for _ in range(arguments.pictures)
    ]
    rows: dict[str, Any] = {}
    for name in arguments.compilers or [each for each in installed() if each != SLOW]:
        rows[name] = {
            "pipeline": pipelined(name, model, items, arguments.rounds),
            "three_networks": three_networks(name, arguments.pictures, arguments.rounds),
            "one_program": as_one_program(name, model, items[0], arguments.rounds),
        }
        print(name, json.dumps(rows[name]), flush=True)
        told = {"pictures": arguments.pictures, "rounds": arguments.rounds, "rows": rows}
        arguments.result.write_text(json.dumps({**about(), **told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
