"""Any compiler, timed from inside its own process."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support
from latebra.compiling.sharing import PLUS
from latebra.compiling.worker import compilers, make
from latebra.core.network import Arrays, ModelCard

_OURS: Final = "latebra/"
RUNS: Final = "latebra/runs"
"""An input beside the model's own: how often to run, as one whole number."""
CPU: Final = "latebra/cpu_s"
"""An output beside the model's own: CPU seconds of the whole process, one for each run."""
WALL: Final = "latebra/wall_s"
"""An output beside the model's own: wall-clock seconds, one for each run."""
LOAD: Final = "latebra/load_s"
"""An output beside the model's own: wall-clock seconds that loading took."""
PEAK: Final = "latebra/peak_bytes"
"""An output beside the model's own: the most memory the process has held; 0 where none can say."""


@dataclass(frozen=True)
class Timed(Compiler):
    """Another compiler, whose executables also say how long they took and how much they held.

    The clocks are read next to the run, so that nothing of what crosses between processes counts.

    Args:
        inner: The id of the other compiler.
    """

    title: ClassVar[str] = "Timed"
    about: ClassVar[str] = "Another compiler, timed from inside its own process."
    rank: ClassVar[int] = 99

    inner: str = "null"

    @override
    def probe(self) -> Support:
        return self._other().probe()

    @override
    def supports(self, model: Model) -> Support:
        return self._other().supports(model)

    @override
    def build(self, model: Model) -> bytes:
        return self._other().build(model)

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        start = time.perf_counter()
        loaded = self._other().load(artifact, card)
        return _Timed(loaded, time.perf_counter() - start)

    def _other(self) -> Compiler:
        return make(self.inner, self.threads)


class _Timed(Executable):
    def __init__(self, inner: Executable, load_s: float) -> None:
        self._inner = inner
        self._load_s = load_s

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        own = {name: array for name, array in inputs.items() if name != RUNS}
        runs = int(inputs[RUNS]) if RUNS in inputs else 1
        cpu_s, wall_s = np.zeros(runs), np.zeros(runs)
        found: dict[str, NDArray[Any]] = {}
        for run in range(runs):
            wall, cpu = time.perf_counter(), time.process_time()
            found = self._inner.run(own)
            wall_s[run], cpu_s[run] = time.perf_counter() - wall, time.process_time() - cpu
        told = {
            CPU: cpu_s,
            WALL: wall_s,
            LOAD: np.array(self._load_s),
            PEAK: np.array(peak_bytes()),
        }
        return {**found, **told}


@dataclass(frozen=True)
class Reading:
    """What one request to a timed executable brought.

    Args:
        outputs: The model's own outputs by name.
        cpu_s: CPU seconds of the whole process, one for each run.
        wall_s: Wall-clock seconds, one for each run.
        load_s: Wall-clock seconds that loading took, imports included.
        peak_bytes: The most memory the process has held; 0 where the system cannot say.
    """

    outputs: dict[str, NDArray[Any]]
    cpu_s: tuple[float, ...]
    wall_s: tuple[float, ...]
    load_s: float
    peak_bytes: int


def read(executable: Executable, inputs: Arrays, runs: int = 1) -> Reading:
    """Returns what a timed executable did with ``inputs``, ``runs`` times.

    Raises:
        RunFailed: The model failed, or its process died.
        TimedOut: It took longer than it was given.
    """
    found = executable.run({**inputs, RUNS: np.array(runs)})
    return Reading(
        outputs={name: array for name, array in found.items() if not name.startswith(_OURS)},
        cpu_s=tuple(float(each) for each in found[CPU]),
        wall_s=tuple(float(each) for each in found[WALL]),
        load_s=float(found[LOAD]),
        peak_bytes=int(found[PEAK]),
    )


def peak_bytes() -> int:
    """Returns the most memory that this process has held at once; 0 where the system cannot say."""
    try:
        # What getrusage says on Linux includes the parent before the child became itself.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told if sys.platform == "darwin" else 1024 * told


def timed(name: str) -> str:
    """Returns the name by which ``make`` knows the compiler ``name``, timed."""
    return f"{__name__}:{name}"


def __getattr__(name: str) -> partial[Timed]:
    """Returns what makes the timed compiler ``name``: it is how a worker finds it."""
    if not {":", PLUS} & set(name) and name not in compilers:
        raise AttributeError(name)
    return partial(Timed, inner=name)
