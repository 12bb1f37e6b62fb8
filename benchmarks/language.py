"""A language model's graphs: right beside a second loader, fast, and in the floats they promise.

Run: ``python -m benchmarks.language agreement --peer PYTHON``, then ``steps``, ``floats``,
``speed``; each writes its part of results/language.json. PYTHON has transformers and torch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.machine import about
from latebra.compiling import external
from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network, outcome_of
from latebra.core.errors import CompileError, LatebraError, NumericsMismatch
from latebra.core.network import Golden, ModelCard
from latebra.hiding.carriers.language import AGREEMENTS
from latebra.hiding.tokens.tables import Quantiser
from latebra.models.language import graph, layout
from latebra.models.language.catalogue import find
from latebra.models.language.forward import Forward
from latebra.models.language.graph import Shape
from latebra.models.language.hyperparameters import Hyperparameters
from latebra.models.language.layout import Dtype
from latebra.models.language.model import LanguageModel
from latebra.models.language.weights import Block, ModelFile, Weights

RESULT = Path(__file__).parent / "results" / "language.json"
TEXT = Path("/usr/share/common-licenses/GPL-3")
LETTERS = 3_000
CAPACITY = 512
THREADS = 2
PATIENCE_S = 240
DTYPES: tuple[Dtype, ...] = ("float32", "float64")


def agreement(model: LanguageModel, file: ModelFile, peer: str) -> dict[str, Any]:
    """Logits and perplexity of one text, beside those of the second loader."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(model.card.about["tokenizer"])
    ids = tokenizer.encode(TEXT.read_text()[:LETTERS], add_special_tokens=False).ids
    tokens = np.array([ids])
    weights = file.weights()
    found = {
        f"numpy {dtype}": Forward(weights, np.dtype(dtype).type).full(tokens) for dtype in DTYPES
    }
    for dtype in DTYPES:
        path = model.onnx("full", dtype=dtype, length=len(ids))
        found[f"onnxruntime {dtype}"] = session(path).run(None, {"tokens": tokens})[0]
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "tokens.npy", Path(folder) / "logits.npy"
        np.save(given, tokens)
        command = [peer, "-m", "benchmarks.language_peer", file.path, given, made]
        subprocess.run(command, check=True)
        found["transformers float32"] = np.load(made)
    theirs, exact = found["transformers float32"], found["numpy float64"]
    return {
        "text": f"the first {LETTERS} letters of the GPL, version 3",
        "tokens": len(ids),
        "rows": {
            name: {
                "perplexity": round(perplexity(logits[0], ids), 6),
                "off transformers": float(np.abs(logits - theirs).max()),
                "off numpy float64": float(np.abs(logits - exact).max()),
            }
            for name, logits in found.items()
        },
        "largest between two in float32": float(
            max(
                np.abs(one - other).max()
                for name, one in found.items()
                for against, other in found.items()
                if name < against and name.endswith("32") and against.endswith("32")
            )
        ),
        "error on the card": model.card.about["error"],
    }


def steps(model: LanguageModel, file: ModelFile) -> dict[str, Any]:
    """Cached steps, after a chunk, against the full pass: logits, and tables made of them."""
    from tokenizers import Tokenizer

    chunk, count = 48, 208
    tokenizer = Tokenizer.from_str(model.card.about["tokenizer"])
    ids = tokenizer.encode(TEXT.read_text()[:LETTERS], add_special_tokens=False).ids
    tokens = np.array([ids[:count]])
    weights, rows = file.weights(), {}
    tables: dict[str, dict[str, float]] = {}
    for dtype in DTYPES:
        forward = Forward(weights, np.dtype(dtype).type)
        whole = {"numpy": forward.full(tokens)}
        full = session(model.onnx("full", dtype=dtype, length=count))
        whole["onnxruntime"] = full.run(None, {"tokens": tokens})[0]
        by_length = {
            length: session(model.onnx("step", dtype=dtype, length=length, capacity=CAPACITY))
            for length in (chunk, 1)
        }

        def stepped(tokens, at, keys, values, by_length=by_length):
            given = {"tokens": tokens, "position": np.array([at]), "keys": keys, "values": values}
            return by_length[tokens.shape[1]].run(None, given)

        for name, run in (("numpy", forward.step), ("onnxruntime", stepped)):
            caches, made = forward.cache(1, CAPACITY), []
            for start, end in [(0, chunk), *((at, at + 1) for at in range(chunk, count))]:
                logits, *new = run(tokens[:, start:end], start, *caches)
                for cache, array in zip(caches, new, strict=True):
                    cache[:, :, :, start:end] = array
                made.append(logits)
            both = np.concatenate(made, 1), whole[name]
            rows[f"{name} {dtype}"] = float(np.abs(both[0] - both[1]).max())
            both = both[0][:, chunk:], both[1][:, chunk:]
            quantiser = AGREEMENTS[dtype].quantiser
            tables[f"{name} {dtype}"] = {
                "chances in 16 bits": differing(both, partial(plain_table, 16)),
                "chances in 30 bits": differing(both, partial(plain_table, 30)),
                "dithered logits": differing(both, partial(dithered, quantiser)),
            }
    return {
        "tokens": count,
        "first chunk": chunk,
        "steps off the full pass": rows,
        "share of tables that differ": tables,
    }


def differing(pair: tuple[np.ndarray, np.ndarray], table: Callable[..., np.ndarray]) -> float:
    """Returns the share of tokens whose tables of two sets of logits are not the same."""
    dithers = (np.arange(pair[0].shape[1]) + 0.5) * 0.6180339887 % 1
    rows = zip(*(logits[0] for logits in pair), dithers, strict=True)
    return float(
        np.mean([not np.array_equal(table(one, u), table(other, u)) for one, other, u in rows])
    )


def plain_table(bits: int, logits: np.ndarray, dither: float) -> np.ndarray:
    """Returns chances as integers, as those make them who trust that both ends compute alike."""
    likely = np.exp(logits - logits.max(), dtype=logits.dtype)
    return np.rint(likely / likely.sum() * 2.0**bits)


def dithered(quantiser: Quantiser, logits: np.ndarray, dither: float) -> np.ndarray:
    """Returns the table of the language carrier."""
    levels, table = quantiser.round(logits, dither), np.zeros(logits.size, np.int64)
    table[levels.tokens] = levels.weights()
    return table


def floats() -> dict[str, Any]:
    """Which compilers keep 64-bit floats: a tiny random Llama, against NumPy."""
    return {name: told(name, "float64", tiny=True) for name in installed()}


def speed(names: list[str], rounds: int) -> dict[str, Any]:
    """Tokens a second of the cached step; compilers take turns, each in a process of its own."""
    rows, running = {}, {}
    for name in names:
        compiler, _, dtype = name.partition(":")
        child = started(compiler, dtype, tiny=False)
        rows[name] = heard(child)
        print(name, rows[name], flush=True)
        if rows[name]["word"] == "ok":
            running[name] = child
        else:
            ended(child)
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, child in running.items():
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
            times[name] += heard(child)["seconds"]
    for name, child in running.items():
        ended(child)
        rows[name]["tokens_per_second"] = round(1 / statistics.median(times[name]), 1)
        rows[name]["best_tokens_per_second"] = round(1 / min(times[name]), 1)
    return rows


def told(compiler: str, dtype: str, *, tiny: bool) -> dict[str, Any]:
    child = started(compiler, dtype, tiny=tiny)
    row = heard(child)
    ended(child)
    print(compiler, dtype, row, flush=True)
    return row


def started(compiler: str, dtype: str, *, tiny: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.language", "one"]
    command += ["--compiler", compiler, "--dtype", dtype, *(["--tiny"] if tiny else [])]
    return subprocess.Popen(
        ["timeout", str(PATIENCE_S), *command], stdin=-1, stdout=-1, text=True, bufsize=1
    )


def heard(child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdout
    for line in child.stdout:
        if line.startswith("{"):
            return json.loads(line)
    code = child.wait()
    return {"word": "timed_out" if code == 124 else "died", "seconds": PATIENCE_S, "code": code}


def ended(child: subprocess.Popen[str]) -> None:
    assert child.stdin
    child.stdin.close()
    child.wait()


def one(compiler: str, dtype: Dtype, *, tiny: bool) -> None:
    """Builds the step with one compiler, says how that went, then runs when it is told to."""
    model = small(dtype) if tiny else whole_step(dtype)
    start = time.perf_counter()
    row: dict[str, Any] = {"word": "ok"}
    network = None
    try:
        network = open_network(model, compiler, isolated=False, threads=THREADS, cache=None)
        golden = model.card.golden
        assert golden
        found = network.run(golden.inputs)
        row["dtype"] = str(found["logits"].dtype)
        row["off numpy float64"] = float(
            max(np.abs(found[name] - wanted).max() for name, wanted in golden.outputs.items())
        )
    except NumericsMismatch as error:
        row = {"word": "wrong", "off numpy float64": error.error}
    except CompileError as error:
        row = {"word": str(outcome_of(error)), "reason": error.what[:300]}
    except LatebraError as error:
        row = {"word": "absent", "reason": error.what[:300]}
    row["build_s"] = round(time.perf_counter() - start, 1)
    row["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(row), flush=True)
    for _ in sys.stdin:
        assert network
        assert model.card.golden
        inputs, seconds = model.card.golden.inputs, []
        for _ in range(6):
            start = time.perf_counter()
            network.run(inputs)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds[1:]}), flush=True)


def whole_step(dtype: Dtype) -> Model:
    model = find("smollm2")
    path = model.onnx("step", dtype=dtype, capacity=CAPACITY)
    card = model.card_for("step", dtype=dtype, capacity=CAPACITY)
    return Model(external.taken_in(path.read_bytes(), path), card)


def small(dtype: Dtype) -> Model:
    """A step of a random Llama: two layers, 64 wide, four heads on two, 300 tokens."""
    hyper = Hyperparameters(2, 64, 96, 4, 2, 16, 300, 128, 10_000.0, 1e-5)
    rng = np.random.default_rng(7)

    def drawn(*shape: int) -> np.ndarray:
        return (0.2 * rng.standard_normal(shape)).astype(np.float32)

    blocks = [
        Block(
            norm=1 + drawn(64),
            query=drawn(64, 64),
            key=drawn(32, 64),
            value=drawn(32, 64),
            output=drawn(64, 64),
            forward_norm=1 + drawn(64),
            gate=drawn(96, 64),
            up=drawn(96, 64),
            down=drawn(64, 96),
        )
        for _ in range(hyper.layers)
    ]
    embedding = drawn(300, 64)
    weights = Weights(hyper, embedding, tuple(blocks), 1 + drawn(64), embedding, "0" * 64)
    forward = Forward(weights, np.float64)
    tokens = rng.integers(0, 300, (2, 11))
    keys, values = forward.cache(2, 24)
    _, new_keys, new_values = forward.step(tokens[:, :8], 0, keys, values)
    keys[:, :, :, :8], values[:, :, :, :8] = new_keys, new_values
    result = forward.step(tokens[:, 8:], 8, keys, values)
    inputs = {"tokens": tokens[:, 8:], "position": np.array([8])}
    inputs |= {"keys": keys.astype(dtype), "values": values.astype(dtype)}
    outputs = dict(zip(("logits", "new_keys", "new_values"), result, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.onnx"
        with (path.parent / "weights").open("wb") as file:
            layout.write_weights(weights, dtype, file)
        built = graph.build(hyper, Shape("step", dtype, 2, 3, 24), "weights", tied=True)
        onnx = external.taken_in(built, path)
    bound = 1e-10 if dtype == "float64" else 1e-3
    return Model(onnx, ModelCard("tiny", "0" * 64, "T2", bound, Golden(inputs, outputs)))


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(path, options)


def perplexity(logits: np.ndarray, ids: list[int]) -> float:
    rows = logits[:-1].astype(np.float64)
    rows -= rows.max(-1, keepdims=True)
    chosen = np.take_along_axis(rows, np.array(ids[1:])[:, None], -1)[:, 0]
    return float(np.exp(np.mean(np.log(np.exp(rows).sum(-1)) - chosen)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["agreement", "steps", "floats", "speed", "one"])
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--compiler", default="onnxruntime")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--rows", nargs="+", default=["onnxruntime:float32", "ngraph:float32"], metavar="ID:DTYPE"
    )
    options = parser.parse_args()
    if options.part == "one":
        one(options.compiler, options.dtype, tiny=options.tiny)
        return
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    result |= about()
    if options.part == "floats":
        result["floats"] = floats()
    elif options.part == "speed":
        result["speed"] = result.get("speed", {}) | speed(options.rows, options.rounds)
    else:
        model = find("smollm2")
        file = ModelFile(model.path)
        if options.part == "steps":
            result["steps"] = steps(model, file)
        else:
            result["agreement"] = agreement(model, file, options.peer)
    RESULT.write_text(json.dumps(result, indent=1) + os.linesep)
    print(json.dumps({options.part: result[options.part]}, indent=1))


if __name__ == "__main__":
    main()
