"""A compiler may live in another environment, which needs neither this package nor its needs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.errors import BuildFailed, TimedOut, Unavailable
from latebra.core.network import ModelCard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="interpreters are shell scripts")
ECHO = Model(b"", ModelCard("echo", "0" * 64, "T3", 0.0))
FAULTY = "latebra.testing.faults:Faulty"


def interpreter(folder: Path, script: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def bare(folder: Path, *packages: str) -> str:
    """An interpreter that sees its standard library and ``packages`` alone."""
    home = Path(np.__file__).parents[1]
    for package in packages:
        for entry in home.glob(f"{package}*"):
            (folder / entry.name).symlink_to(entry)
    return interpreter(folder, f'PYTHONPATH={folder} exec {sys.executable} -S "$@"')


def test_numpy_is_all_that_a_worker_needs(tmp_path):
    with Isolated(name=FAULTY, threads=1, python=bare(tmp_path, "numpy")) as there:
        assert there.probe()
        assert there.supports(ECHO)
        found = there.load(there.build(ECHO), ECHO.card).run({"x": np.arange(4)})
    np.testing.assert_array_equal(found["x"], np.arange(4))


def test_without_numpy_it_says_so(tmp_path):
    with Isolated(name=FAULTY, threads=1, python=bare(tmp_path)) as there:
        assert str(there.probe()).startswith(f"compiler {FAULTY!r}: numpy cannot be imported by ")
        with pytest.raises(Unavailable, match="No module named 'numpy'") as caught:
            there.build(ECHO)
    assert caught.value.fix.endswith("-m pip install numpy")


def test_a_compiler_that_is_missing_there_is_named_with_the_place(tmp_path):
    with Isolated(name="reference", threads=1, python=bare(tmp_path, "numpy")) as there:
        assert str(there.probe()) == "onnx is not installed"
        with pytest.raises(Unavailable, match=r"onnx is not installed, where .*python") as caught:
            there.build(ECHO)
    assert caught.value.fix.endswith("-m pip install onnx")


def test_an_interpreter_that_is_not_there_is_named():
    with Isolated(name=FAULTY, threads=1, python="/nowhere/python") as there:
        assert "'/nowhere/python' cannot be started: No such file" in str(there.probe())
        with pytest.raises(Unavailable, match="/nowhere/python") as caught:
            there.build(ECHO)
    assert caught.value.fix == "give the path of a Python interpreter"


def test_an_old_interpreter_is_refused_in_words(tmp_path):
    pretend = "import sys, runpy; sys.version_info = (3, 8, 1); del sys.argv[0]; "
    pretend += "runpy.run_path(sys.argv[0], run_name='__main__')"
    python = interpreter(tmp_path, f'exec {sys.executable} -c "{pretend}" "$@"')
    with (
        Isolated(name=FAULTY, threads=1, python=python) as there,
        pytest.raises(Unavailable, match=r"is Python 3\.8\.1, which is too old") as caught,
    ):
        there.build(ECHO)
    assert caught.value.fix == "give the path of Python 3.11 or newer"


def test_what_is_no_interpreter_says_what_it_said(tmp_path):
    python = interpreter(tmp_path, "echo 'I am no snake' >&2; exit 7")
    with (
        Isolated(name=FAULTY, threads=1, python=python) as there,
        pytest.raises(BuildFailed, match=r"died of exit status 7 in start") as caught,
    ):
        there.build(ECHO)
    assert "I am no snake" in caught.value.what


def test_one_that_never_starts_is_ended(tmp_path):
    python = interpreter(tmp_path, "sleep 3600")
    with (
        Isolated(name=FAULTY, threads=1, python=python, start_timeout_s=0.3) as there,
        pytest.raises(TimedOut, match=r"longer than 0.3 s to start"),
    ):
        there.build(ECHO)


def test_what_lies_in_the_working_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported from the working folder')")
    monkeypatch.chdir(tmp_path)
    with Isolated(name=FAULTY, threads=1) as here:
        assert here.build(ECHO) == b"echo"
