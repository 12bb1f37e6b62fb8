"""Open a network: build it or find it built, load it, check it against its golden vector."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from latebra.compiling.cache import USUAL_CACHE, Cache
from latebra.compiling.contract import (
    Compiler,
    Executable,
    Model,
    Outcome,
    failing_as,
    usual_threads,
)
from latebra.compiling.facts import Facts
from latebra.compiling.isolated import worker_of
from latebra.compiling.worker import compilers, make
from latebra.core.errors import (
    BrokenPlugin,
    BuildFailed,
    CompileError,
    LatebraError,
    LoadFailed,
    NumericsMismatch,
    RunFailed,
    TimedOut,
    Unavailable,
    Unsupported,
)
from latebra.core.network import Arrays, ModelCard, check_golden

log = logging.getLogger(__name__)


class OpenNetwork:
    """A network that one compiler opened.

    Args:
        executable: What runs.
        card: What is known about the network.
        facts: What it takes.
        compiler: The compiler's id.
    """

    def __init__(
        self, executable: Executable, card: ModelCard, facts: Facts, compiler: str
    ) -> None:
        self._executable = executable
        self._facts = facts
        self.card = card
        self.compiler = compiler
        self.seconds_inside = 0.0
        """Wall-clock time spent inside ``run`` so far, the golden vector left out."""
        self.calls = 0
        """How often ``run`` was called, the golden vector left out."""

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name, of the model's types; they belong to the caller.

        Args:
            inputs: One array for each input of the model, of its type and shape.

        Raises:
            RunFailed: An input does not fit, the network failed, or its process died.
            TimedOut: It took longer than it was given.
        """
        self._facts.check(inputs)
        start = time.perf_counter()
        with failing_as(RunFailed, f"compiler {self.compiler!r} could not run {self.card.name}"):
            found = self._executable.run(inputs)
        self.seconds_inside += time.perf_counter() - start
        self.calls += 1
        return found

    def checked(self) -> OpenNetwork:
        """Returns this network, once it agrees with its golden vector.

        Raises:
            NumericsMismatch: It does not.
        """
        check_golden(self, self.compiler)
        self.seconds_inside, self.calls = 0.0, 0
        return self


def open_network(
    model: Model,
    compiler: str,
    *,
    isolated: bool = True,
    threads: int | None = None,
    cache: Path | None = USUAL_CACHE,
) -> OpenNetwork:
    """Returns ``model`` compiled by ``compiler``, ready to run, checked against its golden vector.

    Args:
        model: The network before it is compiled.
        compiler: An id from ``compilers``, or ``id:variant``.
        isolated: Whether it runs in a process of its own, so that a crash is an error here.
        threads: How many it may use; None for one each processor, at most four.
        cache: Where artifacts are kept; None keeps nothing.

    Raises:
        UnknownPlugin: No compiler has that id.
        Unavailable: The compiler is not installed.
        Unsupported: It cannot take this model.
        BuildFailed: It failed while building.
        LoadFailed: What it built does not load.
        RunFailed: The model failed on its golden vector.
        TimedOut: It took longer than it was given.
        NumericsMismatch: It disagrees with the golden vector.
    """
    plain = make(compiler, threads or usual_threads())
    if not (found := plain.probe()):
        raise Unavailable(f"compiler {compiler!r} cannot run here: {found}", fix=found.fix)
    if not (takes := plain.supports(model)):
        raise Unsupported(f"{compiler!r} cannot take {model.card.name}: {takes}", fix=takes.fix)
    doer = worker_of(compiler, plain.threads) if isolated else plain
    if cache is None:
        executable = _load(doer, compiler, _build(doer, compiler, model), model.card)
    else:
        executable = _through(Cache.at(cache), doer, plain, compiler, model)
    return OpenNetwork(executable, model.card, model.facts, compiler).checked()


def installed() -> list[str]:
    """Returns the ids of the compilers that run here, the one to prefer first."""
    here = [name for name, plugin in compilers.items() if plugin().probe()]
    return sorted(here, key=lambda name: (compilers[name].rank, name))


@dataclass(frozen=True)
class Row:
    """What is known of one compiler on this machine.

    Args:
        compiler: Its id.
        title: Its name for people.
        outcome: ``ok`` or ``absent``.
        versions: Versions of what it needs, by distribution.
        reason: Why it is absent, or nothing.
        fix: What would change that, or nothing.
    """

    compiler: str
    title: str
    outcome: Outcome
    versions: dict[str, str]
    reason: str = ""
    fix: str = ""


def doctor_rows() -> list[Row]:
    """Returns one row for each compiler, in the order of preference."""
    rows: list[Row] = []
    for name in sorted(compilers, key=lambda name: (compilers[name].rank, name)):
        plugin = compilers[name]()
        found = plugin.probe()
        row = Row(name, plugin.title, Outcome.OK, plugin.versions())
        if not found:
            row = replace(row, outcome=Outcome.ABSENT, reason=str(found), fix=found.fix)
        rows.append(row)
    return rows


def outcome_of(error: LatebraError) -> Outcome:
    """Returns the word for what ``open_network`` or ``run`` raised.

    Raises:
        BrokenPlugin: It is none of a compiler's errors.
    """
    for kind, word in _WORDS.items():
        if isinstance(error, kind):
            return word
    raise BrokenPlugin(f"{type(error).__name__} is no outcome of a compiler") from error


_WORDS: Final[dict[type[LatebraError], Outcome]] = {
    Unavailable: Outcome.ABSENT,
    Unsupported: Outcome.UNSUPPORTED,
    BuildFailed: Outcome.BUILD_FAILED,
    LoadFailed: Outcome.LOAD_FAILED,
    RunFailed: Outcome.RUN_FAILED,
    TimedOut: Outcome.TIMED_OUT,
    NumericsMismatch: Outcome.WRONG,
}


def _build(doer: Compiler, name: str, model: Model) -> bytes:
    start = time.perf_counter()
    with failing_as(BuildFailed, f"compiler {name!r} could not build {model.card.name}"):
        artifact = doer.build(model)
    seconds = time.perf_counter() - start
    log.info("%s built %s in %.1f s: %d bytes", name, model.card.name, seconds, len(artifact))
    return artifact


def _load(doer: Compiler, name: str, artifact: bytes, card: ModelCard) -> Executable:
    with failing_as(LoadFailed, f"compiler {name!r} could not load {card.name}"):
        return doer.load(artifact, card)


def _through(kept: Cache, doer: Compiler, plain: Compiler, name: str, model: Model) -> Executable:
    """Returns the model loaded from the cache; built anew where that does not work."""
    facts = plain.kept_by(name, model)
    artifact = kept.get(facts)
    if artifact is not None:
        try:
            return _load(doer, name, artifact, model.card)
        except CompileError as error:
            log.info("what was kept for %s does not load, building anew: %s", name, error.what)
    artifact = _build(doer, name, model)
    kept.put(facts, artifact)
    return _load(doer, name, artifact, model.card)
