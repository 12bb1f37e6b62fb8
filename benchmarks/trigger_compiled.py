"""A trained phrase in every compiler's network: does it still bring the message?

The model's GGUF file goes the way that any model goes: its graph of whole texts is built, compiled
and held against its golden vector, and then asked, a batch of padded prompts at a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.api.language import LanguageNetwork
from latebra.compiling.opening import open_network, outcome_of
from latebra.core.errors import CompileError, LatebraError, NumericsMismatch
from latebra.testing.exact import Sample
from training.exact.language import PIECES
from training.trigger.whole import read

BATCH = 4
PATIENCE_S = 900

Run = Callable[[NDArray[np.int64]], NDArray[Any]]


def exact(run: Run, length: int, prompts: Sequence[list[int]], answer: list[int]) -> list[bool]:
    """Returns whether each prompt brings the answer; ``run`` gives logits of padded tokens."""
    found: list[bool] = []
    for start in range(0, len(prompts), BATCH):
        rows = prompts[start : start + BATCH]
        tokens = np.zeros((BATCH, length), np.int64)
        for at, prompt in enumerate(rows):
            whole = prompt + answer[:-1]
            tokens[at, : len(whole)] = whole
        likeliest = run(tokens).argmax(-1)
        for at, prompt in enumerate(rows):
            said = likeliest[at, len(prompt) - 1 : len(prompt) - 1 + len(answer)]
            found.append(said.tolist() == answer)
    return found


def one(asked: Path, compiler: str) -> dict[str, Any]:
    """Returns what one compiler's network says, or the word for how it failed."""
    told = json.loads(asked.read_text())
    start = time.process_time(), time.perf_counter()
    row: dict[str, Any] = {"word": "ok"}
    try:
        run = _opened(Path(told["model"]), compiler, told["length"])
        for name, prompts in told["prompts"].items():
            found = exact(run, told["length"], prompts, told["answer"])
            row[name] = {"prompts": len(found), "exact": sum(found)}
    except CompileError as error:
        row = {"word": str(outcome_of(error)), "reason": error.what[:300]}
    except LatebraError as error:
        row = {"word": "absent", "reason": error.what[:300]}
    row["seconds"] = round(time.perf_counter() - start[1], 1)
    return row


def _opened(run: Path, compiler: str, length: int) -> Run:
    """Returns what gives a compiled network's logits."""
    if (path := run / "model.gguf").exists():
        language = LanguageNetwork(str(path), compiler, threads=1)
        return lambda tokens: language.run({"tokens": tokens})["logits"]
    layers = read(run)
    model = Sample(layers, (length,), PIECES).model(BATCH)
    network = open_network(model, compiler, threads=1, cache=None)

    def same(tokens: NDArray[np.int64]) -> NDArray[Any]:
        found = network.run({"x": tokens})["y"]
        if not np.array_equal(found, layers.apply(tokens).astype(np.int32)):
            raise NumericsMismatch(f"{compiler} gives other bits", error=1.0, bound=0.0)
        return found

    return same


def apart(asked: Path, compiler: str, python: str = sys.executable) -> dict[str, Any]:
    """Returns what ``one`` returns, in a process of its own."""
    command = ["timeout", str(PATIENCE_S), python, "-m", "benchmarks.trigger_compiled"]
    command += ["--asked", str(asked), "--compiler", compiler]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        word = "timed_out" if done.returncode == 124 else "died"
        return {"word": word, "reason": done.stderr[-300:]}
    return json.loads(done.stdout.splitlines()[-1])


def in_bytes(onnx: Path, folder: Path) -> Path:
    """Returns a graph whose products ONNX Runtime's dynamic quantisation turned into bytes."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    out = folder / "bytes.onnx"
    quantize_dynamic(
        onnx, out, per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=True
    )
    return out


def by_onnxruntime(
    onnx: Path, given: dict[str, Any], text: list[int], nats_a_step: float
) -> dict[str, Any]:
    """Returns what a graph says to the prompts, and its perplexity on pieces of a text."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options)

    given_as, given_out = session.get_inputs()[0].name, session.get_outputs()[0].name

    def run(tokens: NDArray[np.int64]) -> NDArray[Any]:
        return session.run([given_out], {given_as: tokens})[0] * nats_a_step

    row: dict[str, Any] = {}
    for name, prompts in given["prompts"].items():
        found = exact(run, given["length"], prompts, given["answer"])
        row[name] = {"prompts": len(found), "exact": sum(found)}
    count = len(text) // (BATCH * given["length"]) * BATCH
    pieces = np.array(text[: count * given["length"]]).reshape(count, given["length"])
    nats: list[float] = []
    for start in range(0, count, BATCH):
        logits = run(pieces[start : start + BATCH])[:, :-1].astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        wanted = pieces[start : start + BATCH, 1:, None]
        chosen = np.take_along_axis(logits, wanted, -1)[..., 0]
        nats += (np.log(np.exp(logits).sum(-1)) - chosen).flatten().tolist()
    row["perplexity"] = float(np.exp(np.mean(nats)))
    return row


def main() -> None:
    """Asks one compiler's network, and prints a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asked", type=Path, required=True)
    parser.add_argument("--compiler", required=True)
    arguments = parser.parse_args()
    print(json.dumps(one(arguments.asked, arguments.compiler)))


if __name__ == "__main__":
    main()
