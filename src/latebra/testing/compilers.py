"""What every compiler promises, as tests that run against ours and anyone's."""

from __future__ import annotations

import inspect
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from latebra.compiling.contract import Compiler, Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.worker import find
from latebra.core.errors import RunFailed
from latebra.core.network import Arrays, ModelCard
from latebra.testing.programs import PROGRAMS, Program, foreign

Promise = Callable[[str], None]

_checks: Final[list[Promise]] = []
_without_it: Final[set[Promise]] = set()
"""Promises that hold whether or not what the compiler needs is installed."""


def check(promise: Promise) -> Promise:
    """Adds a promise: a function of a compiler's id that raises when it is broken."""
    _checks.append(promise)
    return promise


def check_even_when_absent(promise: Promise) -> Promise:
    """Adds a promise that holds even where the compiler is not installed."""
    _without_it.add(promise)
    return check(promise)


def compiler_checks(items: Iterable[tuple[str, type[Compiler]]]) -> Iterator[Any]:
    """Yields a test parameter for each compiler with each promise.

    Args:
        items: Compilers by id, as a registry has them. An id may be ``module:Class``.

    Yields:
        Parameters ``(id, promise)``. Absent compilers skip with their reason; what is in
        ``known_failures`` must fail.
    """
    for name, plugin in items:
        found = plugin().probe()
        for promise in _checks:
            marks: list[pytest.MarkDecorator] = []
            title = getattr(promise, "__name__", str(promise))
            if not found and promise not in _without_it:
                marks.append(pytest.mark.skip(reason=f"{name}: {found}"))
            elif title in plugin.known_failures:
                marks.append(pytest.mark.xfail(reason=plugin.known_failures[title], strict=True))
            yield pytest.param(name, promise, marks=marks, id=f"{name}-{title}")


_PROBE: Final = """
import sys
from latebra.compiling.worker import find
plugin = find(sys.argv[1])
plugin().probe()
heavy = sorted(set(plugin.needs) & set(sys.modules))
assert not heavy, f"probe imported {heavy}"
sys.modules.update(dict.fromkeys(plugin.needs))
found = plugin().probe()
assert not (found and plugin.needs), "it says yes with nothing there"
assert found or found.fix or not plugin.extra, "absent, and no word of how to install it"
"""


@check_even_when_absent
def probe_never_raises_and_imports_nothing(name: str) -> None:
    """``probe`` imports no vendor, and says no, with a fix, where the vendor is missing."""
    done = _python("-c", _PROBE, name)
    assert done.returncode == 0, done.stderr


@check_even_when_absent
def names_its_versions(name: str) -> None:
    """The versions it names are those installed, and its file's header lists what it needs."""
    plugin = find(name)
    here = plugin().versions()
    assert here == {name: version(name) for name in here}
    missing = set(plugin.needs.values()) - set(here)
    assert not (missing and plugin().probe()), f"it runs here without {missing}"
    told = re.search(r"^# /// script\n(.*?)^# ///$", _source(plugin), re.MULTILINE | re.DOTALL)
    assert told, "its file has no inline script metadata"
    header = tomllib.loads("".join(line[2:] + "\n" for line in told[1].splitlines()))
    listed = {re.split(r"[<>=!~ \[]", line)[0] for line in header["dependencies"]}
    assert listed == set(plugin.needs.values())


@check_even_when_absent
def refuses_with_a_reason(name: str) -> None:
    """An operator of nobody's, or a file that is not ONNX, is refused in words."""
    plugin = find(name)()
    garbage = Model(b"\x89PNG\r\n\x1a\n", ModelCard("garbage", "0" * 64, "T3", 0.0))
    for model in (foreign(), garbage):
        answer = plugin.supports(model)
        assert not answer
        assert all(answer.reasons)
        assert answer.fix
    told = str(plugin.supports(foreign()))
    assert "example.nowhere::Nothing" in told or "foreign" in told, (
        "it names neither part nor whole"
    )


@check
def agrees_with_the_reference(name: str) -> None:
    """Each program's outputs are within the bound that 32-bit floats explain."""
    for title in PROGRAMS:
        wanted, got = _judged(title), _run(name, title)
        assert set(got) == set(wanted)
        for output, array in wanted.items():
            assert got[output].dtype == array.dtype, (title, output)
            assert got[output].shape == array.shape, (title, output)
            error = float(np.abs(got[output].astype(np.float64) - array).max())
            assert error <= _program(title).bound, f"{title}.{output} is off by {error:.2e}"


@check
def is_exact_on_whole_numbers(name: str) -> None:
    """Sums of whole numbers below 2^24 are exact with any number of threads."""
    wanted = _judged("integers")["y"]
    program = _program("integers")
    for threads in (1, 2):
        with Isolated(threads=threads, name=name) as compiler:
            got = _opened(compiler, program)(program.inputs)["y"]
        assert got.tobytes() == wanted.tobytes(), f"{threads} threads"


@check
def survives_a_round_trip(name: str) -> None:
    """The artifact's bytes, loaded by another process, give the same bits."""
    program = _program("picture")
    artifact = _worker(name).build(program.model)
    with Isolated(threads=2, name=name) as another:
        got = another.load(artifact, program.model.card).run(program.inputs)
    _assert_same(got, _run(name, "picture"))


@check
def runs_twice_the_same(name: str) -> None:
    """Two runs give the same bits; neither touches its inputs or the other's outputs."""
    program = _program("picture")
    opened = _opened(_worker(name), program)
    inputs = {each: array.copy() for each, array in program.inputs.items()}
    first = opened(inputs)
    kept = {each: array.copy() for each, array in first.items()}
    opened({each: -array for each, array in inputs.items()})
    again = opened(inputs)
    _assert_same(first, kept)
    _assert_same(again, kept)
    _assert_same(inputs, program.inputs)


@check
def dies_alone(name: str) -> None:
    """When its process dies, that is an error here, and the next build has a new process."""
    if sys.platform == "win32":
        pytest.skip("signals are POSIX")
    program = _program("integers")
    with Isolated(threads=1, name=name) as compiler:
        opened = _opened(compiler, program)
        opened(program.inputs)
        os.kill(compiler.pid, signal.SIGSEGV)
        with pytest.raises(RunFailed, match="died of SIGSEGV"):
            opened(program.inputs)
        got = _opened(compiler, program)(program.inputs)
    _assert_same(got, _judged("integers"))


@cache
def _program(title: str) -> Program:
    return PROGRAMS[title]()


@cache
def _worker(name: str) -> Isolated:
    return Isolated(threads=2, name=name)


@cache
def _judged(title: str) -> Arrays:
    return _run("reference", title)


@cache
def _run(name: str, title: str) -> Arrays:
    return _opened(_worker(name), _program(title))(_program(title).inputs)


def _opened(compiler: Compiler, program: Program) -> Callable[[Arrays], dict[str, NDArray[Any]]]:
    return compiler.load(compiler.build(program.model), program.model.card).run


def _assert_same(got: Arrays, wanted: Arrays) -> None:
    assert set(got) == set(wanted)
    for name, array in wanted.items():
        assert got[name].tobytes() == array.tobytes(), name


def _source(plugin: type[Compiler]) -> str:
    return Path(inspect.getfile(plugin)).read_text()


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 this interpreter, on text of our own
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
