"""Run an object file inside this process, with threads that wait in its own code."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.glow.llvm import binding, ready
from latebra.compiling.glow.memory import ALIGN
from latebra.compiling.glow.target import Target
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
