"""Temporary files go with whoever made them, even when that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from latebra.compiling import scratch
from latebra.compiling.scratch import Scratch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its folders are not locked")
OWNER = """
import sys, time
from latebra.compiling.scratch import Scratch
held = Scratch.made()
open(held.path + "/left", "w").close()
print(held.path, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch.sweep.cache_clear()
    yield tmp_path
    scratch.sweep.cache_clear()


def grown_old(path: str) -> str:
    then = time.time() - 2 * 60
    os.utime(path, (then, then))
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def owner(folder):
    """Another process that has such a folder, and where that is."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process, grown_old(process.stdout.readline().strip())
        process.kill()


def test_what_is_in_use_stays(owner):
    _, path = owner
    mine = Scratch.made()
    assert names(Path(path)) == ["left"]
    mine.remove()
    assert not Path(mine.path).exists()


def test_what_a_killed_process_left_goes_at_the_next_start(owner, folder):
    process, path = owner
    process.send_signal(signal.SIGKILL)
    process.wait()
    grown_old(path)
    mine = Scratch.made()
    assert names(folder) == [Path(mine.path).name]
    mine.remove()


def test_what_is_young_and_what_is_a_link_is_left_alone(folder):
    (folder / "latebra-1-young").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "latebra-1-link").symlink_to(folder / "elsewhere")
    grown_old(str(folder / "elsewhere"))
    Scratch.made().remove()
    assert names(folder) == ["elsewhere", "latebra-1-link", "latebra-1-young"]
