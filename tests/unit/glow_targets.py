"""Glow in a process of its own: checking types as it compiles would take minutes."""

from __future__ import annotations

import atexit
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from latebra.compiling.glow.target import AVX2, AVX512, NEON, SSE2, host, host_for_bytes
from latebra.testing.networks import gpt, gpt_step, resnet, unet

HERE = {
    AVX512: [AVX512, AVX2, SSE2],
    AVX2: [AVX2, SSE2],
    SSE2: [SSE2],
    NEON: [NEON],
}[host()]
"""The targets that this machine can run."""
FOR_BYTES = list(dict.fromkeys([host_for_bytes(), *HERE]))
"""Those, and the one that has instructions of its own for bytes."""

SMALL: dict[str, Any] = {
    "resnet": lambda batch=1: resnet(size=24, width=10, classes=10, batch=batch),
    "unet": lambda batch=1: unet(size=8, width=24, batch=batch),
    "gpt": lambda: gpt(tokens=19, width=64, layers=1, words=50),
    "gpt_step": lambda: gpt_step(past=18, width=64, layers=1, words=50),
}
"""Networks small enough for every target, by name."""


def elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a function of this module's returns in another process."""
    return _pool().submit(function, *arguments).result(timeout=120)


def require_one_answer(run: Callable[[str, int], Any], targets: Any, times: int = 1) -> None:
    """Checks that every processor and any number of threads give the same bits.

    Args:
        run: Returns a network's outputs, given the name of a target and a number of threads.
        targets: Kinds of processors.
        times: How often each is run.
    """
    first: dict[str, bytes] = {}
    for target in targets:
        for threads in (1, 2, 4):
            for _ in range(times):
                got = {name: array.tobytes() for name, array in run(target.name, threads).items()}
                first = first or got
                assert got == first, f"{target.name}, {threads} threads"


def require_parts(name: str, run: Callable[[Any, int], Any]) -> None:
    """Checks that a batch of three gives the bits of its parts.

    Args:
        name: The network's, which takes ``x`` and gives ``y``.
        run: Returns a program's outputs, on so many threads.
    """
    whole, one = SMALL[name](batch=3), SMALL[name](batch=1)
    together = run(whole, 2)["y"]
    for i in range(3):
        part = replace(one, inputs={"x": whole.inputs["x"][i : i + 1]})
        assert run(part, 1)["y"].tobytes() == together[i : i + 1].tobytes()


def others(program: Any, count: int = 4) -> list[dict[str, Any]]:
    """Returns inputs like a program's own, which it is not judged on."""
    rng = np.random.default_rng(11)
    return [
        {
            name: rng.permutation(array.reshape(-1)).reshape(array.shape)
            for name, array in program.inputs.items()
        }
        for _ in range(count)
    ]


@cache
def scales(name: str) -> dict[str, Any]:
    """Returns which bytes stand for which numbers in a small network, seen on other inputs."""
    program = SMALL[name]()
    return elsewhere(scales_of, program.model.onnx, others(program))


def ran(program: Any, target: str = "", threads: int = 1) -> dict[str, Any]:
    """Returns a program's outputs, compiled for a target, the best unless told."""
    return _runner(program.model.onnx, target or host().name, threads)(program.inputs)


def computed(graph: Any, inputs: Any, target: str = "") -> dict[str, Any]:
    """Returns the outputs of a graph of steps."""
    from latebra.compiling.glow.bundle import compiled
    from latebra.compiling.glow.running import Runner
    from latebra.compiling.glow.target import TARGETS

    return Runner(compiled(graph, TARGETS[target or host().name]), 1)(inputs)


def computed_in_bytes(graph: Any, samples: Any, inputs: Any) -> dict[str, Any]:
    """Returns the outputs of a graph of steps whose products are those of bytes."""
    from latebra.compiling.glow.quantising import quantised

    return computed(quantised(graph, samples, host()), inputs, host_for_bytes().name)


def scales_of(written: bytes, samples: Any) -> dict[str, Any]:
    """Returns which bytes stand for which numbers in a network, seen on samples."""
    from latebra.compiling.backends.glow import steps_of
    from latebra.compiling.glow.profiling import profiled
    from latebra.compiling.glow.quantising import read_as_bytes

    graph = steps_of(written)
    return profiled(graph, read_as_bytes(graph), samples, host())


def ran_in_bytes(
    written: bytes, scales: Any, inputs: Any, target: str, threads: int
) -> dict[str, Any]:
    """Returns a network's outputs, its products those of bytes."""
    from latebra.compiling.backends.glow import steps_of
    from latebra.compiling.glow.bundle import compiled
    from latebra.compiling.glow.quantising import with_bytes
    from latebra.compiling.glow.running import Runner
    from latebra.compiling.glow.target import TARGETS

    key = written, repr(scales), target
    if key not in _in_bytes:
        _in_bytes[key] = compiled(with_bytes(steps_of(written), scales), TARGETS[target])
    return Runner(_in_bytes[key], threads)(inputs)


_in_bytes: dict[Any, Any] = {}


def planned(written: bytes) -> tuple[str, int, int, list[tuple[int, int, int, int]]]:
    """Returns a network's listing, its arena, what it holds, and each buffer's place and life."""
    from latebra.compiling.backends.glow import steps_of
    from latebra.compiling.glow.low import Space, reads
    from latebra.compiling.glow.lowering import lowered
    from latebra.compiling.glow.memory import plan
    from latebra.compiling.glow.printing import listing

    program = lowered(steps_of(written), AVX2)
    sizes = plan(program)
    lives: dict[Any, tuple[int, int]] = {}
    for number, instruction in enumerate(program.instructions):
        for view in (instruction.out, *reads(instruction)):
            if view.buffer.space is Space.ACTIVATIONS:
                lives[view.buffer] = lives.get(view.buffer, (number, number))[0], number
    held = sum(buffer.size_bytes for buffer in lives)
    places = [(b.start, b.start + b.size_bytes, *life) for b, life in lives.items()]
    return listing(program), sizes.activations, held, places


@cache
def _runner(written: bytes, target: str, threads: int) -> Any:
    from latebra.compiling.backends.glow import steps_of
    from latebra.compiling.glow.running import Runner
    from latebra.compiling.glow.target import TARGETS

    return Runner(_bundle(steps_of, written, TARGETS[target]), threads)


@cache
def _bundle(steps_of: Any, written: bytes, target: Any) -> Any:
    from latebra.compiling.glow.bundle import compiled

    return compiled(steps_of(written), target)


@cache
def _pool() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    atexit.register(pool.shutdown, cancel_futures=True)
    return pool
