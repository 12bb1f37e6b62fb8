"""Run an object file inside this process, with threads that wait in its own code."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.bundle import Bundle, End
from latebra.compiling.glow.llvm import binding, ready
from latebra.compiling.glow.memory import ALIGN
from latebra.compiling.glow.target import TARGETS, Target
from latebra.compiling.glow.team import MOST_THREADS, SLEEPS, TEAM_BYTES


def aligned(size: int) -> NDArray[np.uint8]:
    """Returns ``size`` zero bytes at a multiple of 64."""
    raw = np.zeros(size + ALIGN, np.uint8)
    return raw[-raw.ctypes.data % ALIGN :][:size]


class Loaded:
    """The functions of an object file.

    Args:
        code: The object file.
        name: What its functions are called.
        target: What it was made for.
        threads: How many run it; one where threads cannot sleep in its code.
    """

    def __init__(self, code: bytes, name: str, target: Target, threads: int) -> None:
        ready()
        machine = target.machine()
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._alone = self._function(name, 3)
        self._lock = threading.Lock()
        self.threads = min(threads, MOST_THREADS) if SLEEPS else 1
        if self.threads > 1:
            self._team = aligned(TEAM_BYTES)
            self._together = self._function(f"{name}_run", 4)
            place = self._team.ctypes.data
            self._function(f"{name}_open", 2)(place, self.threads)
            worker = self._function(f"{name}_worker", 2)
            crew = [
                threading.Thread(target=worker, args=(place, i), daemon=True)
                for i in range(1, self.threads)
            ]
            for each in crew:
                each.start()
            end = self._function(f"{name}_close", 1)
            weakref.finalize(self, _close, end, crew, self._team, self._engine)

    def __call__(self, constants: int, mutable: int, activations: int) -> None:
        """Runs the program once on three addresses."""
        with self._lock:
            if self.threads > 1:
                self._together(self._team.ctypes.data, constants, mutable, activations)
            else:
                self._alone(constants, mutable, activations)

    def _function(self, name: str, arguments: int) -> Callable[..., Any]:
        address: int = self._engine.get_function_address(name)
        if not address:
            raise ValueError(f"the object file has no function {name}")
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * arguments)
        return kind(address)


def _close(
    end: Callable[..., Any], crew: list[threading.Thread], team: NDArray[np.uint8], _engine: Any
) -> None:
    """Ends the threads before their code and their team go away."""
    end(team.ctypes.data)
    for each in crew:
        each.join()


class Runner:
    """A bundle that runs, with memory of its own.

    Args:
        bundle: What to run.
        threads: How many threads run it.
    """

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self.bundle = bundle
        sizes = bundle.sizes
        self._constants, self._mutable, self._activations = (
            aligned(size) for size in (sizes.constants, sizes.mutable, sizes.activations)
        )
        self._constants[: len(bundle.weights)] = np.frombuffer(bundle.weights, np.uint8)
        self._loaded = Loaded(bundle.code, bundle.name, TARGETS[bundle.target], threads)
        self._lock = threading.Lock()
        self._places = [each.ctypes.data for each in (
            self._constants, self._mutable, self._activations
        )]  # fmt: skip

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name; they belong to the caller.

        Raises:
            ValueError: An input is missing, or of another type or shape.
        """
        with self._lock:
            for end in self.bundle.inputs:
                array = inputs.get(end.name)
                if array is None or array.shape != end.shape or array.dtype != end.dtype:
                    got = "missing" if array is None else f"{array.dtype} {array.shape}"
                    raise ValueError(f"input {end.name!r} is {got}, not {end.dtype} {end.shape}")
                self._view(end)[...] = array
            self._loaded(*self._places)
            return {end.name: self._view(end).copy() for end in self.bundle.outputs}

    def _view(self, end: End) -> NDArray[Any]:
        raw = self._mutable[end.start : end.start + end.size_bytes]
        return raw.view(end.dtype).reshape(end.shape)
