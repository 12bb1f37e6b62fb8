"""Variants of lower precision: how fast they are, and what real networks still get right.

    python -m benchmarks.int8 [--folder FOLDER] [--rounds 15]

Three tables. ``speed``: the four networks of ``latebra.testing.networks``, one thread, CPU time in
rounds that take turns: ONNX Runtime in 32-bit floats, ONNX Runtime's own static quantisation (bytes
by channel, from the same samples) and the variants; errors are shares of the largest output.
``targets``: what bytes take of the time of 32-bit floats on each kind of processor, by Glow.
``tasks``: networks that packages carry, on inputs they were made for, none of them among the
samples: a watermark's bits in marked photographs, letters and the direction of lines of text.
What a variant gets right stands beside what 32-bit floats do.

Writes ``benchmarks/results/int8.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import latebra as lb
from benchmarks.machine import about
from benchmarks.zoo import ZOO, load, wheel
from latebra.compiling.backends.glow import steps_of
from latebra.compiling.contract import Model
from latebra.compiling.glow.bundle import compiled
from latebra.compiling.glow.quantising import quantised
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import AVX2, AVX512, AVX512_VNNI, SSE2, host, host_for_bytes
from latebra.compiling.opening import open_network
from latebra.compiling.shapes import fixed
from latebra.core.files import usual_folder
from latebra.testing.networks import NETWORKS

RESULT = Path(__file__).parent / "results" / "int8.json"
PLAIN = "onnxruntime"
TARGETS = (AVX512_VNNI, AVX512, AVX2, SSE2)
"""Kinds of x86 processors, from the most able to the least."""
VARIANTS = ("glow:int8", "ngraph:bf16")
SAMPLES = 8
PHOTOGRAPHS = "scikit-image==0.25.2"
SEEN = ("coffee.png", "rocket.jpg")
UNSEEN = ("astronaut.png", "chelsea.png", "hubble_deep_field.jpg", "ihc.png")
SIDE = 128
CROPS = 15
LINES = 60

Inputs = dict[str, NDArray[Any]]
Run = Callable[[Inputs], dict[str, NDArray[Any]]]


def main() -> None:
    """Measures both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=usual_folder() / "zoo")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    speed: dict[str, Any] = {}
    for name in NETWORKS:
        speed[name] = _speed(name, arguments.rounds)
        print(name, speed[name], flush=True)
    targets = {name: _targets(name, arguments.rounds) for name in ("resnet", "unet")}
    print(targets, flush=True)
    tasks: dict[str, Any] = {}
    for name, task in (("watermark", _watermark), ("letters", _letters), ("direction", _direction)):
        tasks[name] = task(arguments.folder)
        print(name, tasks[name], flush=True)
    told = {"rounds": arguments.rounds, "samples": SAMPLES}
    told |= {"speed": speed, "targets": targets, "tasks": tasks}
    RESULT.write_text(json.dumps({**about(), **told}, indent=1) + "\n")


def _speed(name: str, rounds: int) -> dict[str, Any]:
    """Returns times and errors of each precision on one network."""
    program = NETWORKS[name]()
    samples = [_like(program.inputs, seed) for seed in range(1, SAMPLES + 1)]
    model = replace(program.model, samples=tuple(samples))
    names = [PLAIN, *VARIANTS]
    quantised = _quantised(program.model.onnx, samples)
    runs: dict[str, Run] = {}
    for each in names:
        network = open_network(model, each, isolated=False, threads=1, cache=None)
        runs[each] = network.run
    theirs = replace(model, onnx=quantised)
    runs[f"{PLAIN} int8"] = open_network(theirs, PLAIN, isolated=False, threads=1, cache=None).run
    judge = open_network(program.model, "reference", isolated=False, threads=1, cache=None)
    exact = judge.run(program.inputs)
    inputs = dict(program.inputs)
    times = _timed(runs, inputs, rounds)
    rows: dict[str, Any] = {}
    for each, run in runs.items():
        found = run(inputs)
        apart = [np.abs(found[o] - y).max() / np.abs(y).max() for o, y in exact.items()]
        ratios = np.array(times[each]) / np.array(times[PLAIN])
        rows[each] = {
            "ms": 1e3 * float(np.median(times[each])),
            "ratio": float(np.median(ratios)),
            "ratio_quartiles": [float(q) for q in np.quantile(ratios, [0.25, 0.75])],
            "error": float(max(apart)),
        }
    return rows


def _targets(name: str, rounds: int) -> dict[str, float]:
    """Returns the median share that bytes take of the time of floats, by kind of processor."""
    program = NETWORKS[name]()
    floats = steps_of(program.model.onnx)
    bytes_ = quantised(floats, [_like(program.inputs, 1)], host())
    found: dict[str, float] = {}
    best = host_for_bytes()
    for target in TARGETS[TARGETS.index(best) :] if best in TARGETS else (best,):
        runs = {
            "floats": Runner(compiled(floats, target), 1),
            "bytes": Runner(compiled(bytes_, target), 1),
        }
        times = _timed(runs, dict(program.inputs), rounds)
        found[target.name] = float(np.median(np.array(times["bytes"]) / np.array(times["floats"])))
    return found


def _timed(runs: Mapping[str, Run], inputs: Inputs, rounds: int) -> dict[str, list[float]]:
    """Returns CPU seconds of each run, in rounds that take turns, after one that does not count."""
    times: dict[str, list[float]] = {each: [] for each in runs}
    for number in range(rounds + 1):
        for each, run in runs.items():
            start = time.thread_time()
            run(inputs)
            if number:
                times[each].append(time.thread_time() - start)
    return times


def _like(inputs: Mapping[str, NDArray[Any]], seed: int) -> Inputs:
    """Returns other inputs of the same kind: normal numbers, and whole ones in another order."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(array.shape).astype(array.dtype)
        if array.dtype.kind == "f"
        else rng.permutation(array.reshape(-1)).reshape(array.shape)
        for name, array in inputs.items()
    }


def _quantised(onnx: bytes, samples: Sequence[Inputs]) -> bytes:
    """Returns a model as ONNX Runtime's own tool quantises it."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[Inputs] = iter(samples)

        def get_next(self) -> Inputs | None:
            return next(self._left, None)

    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "m.onnx", Path(folder) / "q.onnx"
        source.write_bytes(onnx)
        quantize_static(
            source,
            made,
            Reader(),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        return made.read_bytes()


def _watermark(folder: Path) -> dict[str, Any]:
    """The bits that rivaGAN's decoder reads in photographs that its encoder marked."""
    rng = np.random.default_rng(0)
    shape = (1, 3, 1, SIDE, SIDE)
    encoder = fixed(load("watermark_encoder", folder), {"frame": shape, "data": (1, 32)})
    mark = open_network(encoder, PLAIN, threads=1).run
    marked: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {"seen": [], "unseen": []}
    for which, names in (("seen", SEEN), ("unseen", UNSEEN)):
        for name in names:
            picture = _photograph(folder, name)
            for _ in range(CROPS):
                y, x = (int(rng.integers(0, n - SIDE + 1)) for n in picture.shape[:2])
                crop = picture[y : y + SIDE, x : x + SIDE].astype(np.float32) / 127.5 - 1
                bits = rng.integers(0, 2, (1, 32)).astype(np.float32)
                frame = np.ascontiguousarray(crop.transpose(2, 0, 1).reshape(shape))
                marked[which].append((mark({"frame": frame, "data": bits})["output"], bits))
    picked = marked["seen"][:: len(marked["seen"]) // SAMPLES][:SAMPLES]
    model = _fitted("watermark_decoder", folder, {"frame": shape}, [m for m, _ in picked])

    def right(run: Run) -> float:
        read = [run({"frame": picture})["output"] > 0.5 for picture, _ in marked["unseen"]]
        wanted = [bits > 0.5 for _, bits in marked["unseen"]]
        return float(np.mean(np.array(read) == np.array(wanted)))

    return _by_all(model, right, f"bits of 32 in {len(marked['unseen'])} photographs' parts")


def _letters(folder: Path) -> dict[str, Any]:
    """Lines of text that a reader reads letter for letter as it does in 32-bit floats."""
    shape = (1, 3, 48, 320)
    lines = [_line(seed, 48, 320) for seed in range(SAMPLES + LINES)]
    model = _fitted("ocr_reader_6", folder, {"x": shape}, lines[:SAMPLES])
    plain = open_network(model, PLAIN, threads=1).run
    wanted = [_read(plain, line) for line in lines[SAMPLES:]]

    def right(run: Run) -> float:
        read = [_read(run, line) for line in lines[SAMPLES:]]
        return float(np.mean([a == b for a, b in zip(read, wanted, strict=True)]))

    letters = sum(map(len, wanted))
    return _by_all(model, right, f"lines of {LINES}, {letters} letters, as in 32-bit floats")


def _direction(folder: Path) -> dict[str, Any]:
    """Lines of text, half of them upside down, that a classifier tells apart."""
    shape = (1, 3, 48, 192)
    lines = [_line(seed, 48, 192) for seed in range(SAMPLES + LINES)]
    turned = [line[:, :, ::-1, ::-1] if i % 2 else line for i, line in enumerate(lines)]
    lines = [np.ascontiguousarray(line) for line in turned]
    model = _fitted("ocr_direction", folder, {"x": shape}, lines[:SAMPLES])

    def right(run: Run) -> float:
        told = [int(next(iter(run({"x": x}).values())).argmax()) for x in lines[SAMPLES:]]
        return float(np.mean([a == i % 2 for i, a in enumerate(told, SAMPLES)]))

    return _by_all(model, right, f"lines of {LINES}")


def _fitted(
    name: str, folder: Path, shapes: Mapping[str, tuple[int, ...]], arrays: Sequence[NDArray[Any]]
) -> Model:
    """Returns a network of the zoo with its axes fixed, and samples for its one input."""
    (given,) = shapes
    model = fixed(load(name, folder), shapes)
    return lb.load_model(model, samples=[{given: array} for array in arrays])


def _by_all(model: Model, right: Callable[[Run], float], of: str) -> dict[str, Any]:
    """Returns the share that each precision gets right."""
    found = {
        name: right(open_network(model, name, threads=1, cache=None).run)
        for name in (PLAIN, *VARIANTS)
    }
    return {"of": of, "right": found}


def _read(run: Run, line: NDArray[Any]) -> list[int]:
    """Returns a line's letters as numbers: the best of each step, repeats and blanks left out."""
    steps = next(iter(run({"x": line}).values()))[0].argmax(-1)
    changed = np.append(True, steps[1:] != steps[:-1])
    return [int(step) for step, new in zip(steps, changed, strict=True) if new and step]


def _line(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Returns a line of words as a picture: shape ``(1, 3, height, width)``, from -1 to 1."""
    rng = np.random.default_rng(seed)
    words = sorted({word for entry in ZOO.values() for word in entry.kind.split()})
    paper, ink = (int(n) for n in (rng.integers(170, 256), rng.integers(0, 90)))
    picture = Image.new("L", (width, height), paper)
    text = " ".join(str(each) for each in rng.choice(words, 3)) + f" {rng.integers(1000)}"
    font = ImageFont.load_default(float(rng.integers(22, 30)))
    ImageDraw.Draw(picture).text((6, int(rng.integers(4, 14))), text, ink, font)
    grey = np.asarray(picture, np.float32) + rng.normal(0, 6, (height, width))
    grey = np.clip(grey, 0, 255) / 127.5 - 1
    return np.broadcast_to(grey.astype(np.float32), (1, 3, height, width)).copy()


def _photograph(folder: Path, name: str) -> NDArray[np.uint8]:
    with zipfile.ZipFile(wheel(PHOTOGRAPHS, folder)) as held:
        picture = Image.open(BytesIO(held.read(f"skimage/data/{name}")))
        return np.asarray(picture.convert("RGB"))


if __name__ == "__main__":
    main()
