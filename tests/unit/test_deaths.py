"""However a worker ends, that is said in words, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed, TimedOut
from latebra.core.network import ModelCard
from latebra.testing.deaths import FAULTY, Holdings, bystander, die, group_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is seen in /proc")
INPUTS = {"x": np.arange(6, dtype=np.float32)}
LIMIT = 512 << 20


def model(name: str) -> Model:
    return Model(b"", ModelCard(name, "0" * 64, "T3", 0.0))


def opened(compiler: Isolated, name: str):
    return compiler.load(compiler.build(model(name)), model(name).card)


def until(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_forty_workers_that_end_at_random_leave_nothing_behind():
    rng = np.random.default_rng(5)
    with bystander() as beside:
        die(rng, beside)  # Whatever is made once is made now.
        before = Holdings.now()
        deaths = [die(rng, beside) for _ in range(40)]
        assert Holdings.now() == before
    assert {death.outcome for death in deaths} >= {"build_failed", "run_failed", "timed_out"}
    assert len({death.how for death in deaths}) >= 10


@pytest.mark.parametrize(
    ("name", "error"),
    [("eat_in_build", BuildFailed), ("eat_in_load", LoadFailed), ("eat", RunFailed)],
)
def test_what_asks_for_too_much_memory_is_refused_and_lives(name, error):
    with Isolated(name=FAULTY, threads=1, memory_limit_bytes=LIMIT) as faulty:
        echo, pid = opened(faulty, "echo"), faulty.pid
        with pytest.raises(error, match=r"memory ran out in \w+: its limit is 512 MiB") as caught:
            opened(faulty, name).run(INPUTS)
        assert "more memory" in caught.value.fix
        np.testing.assert_array_equal(echo.run(INPUTS)["x"], INPUTS["x"])
        assert faulty.pid == pid


def test_what_takes_too_much_memory_unasked_is_ended():
    with Isolated(name=FAULTY, threads=1, memory_limit_bytes=LIMIT) as faulty:
        with pytest.raises(RunFailed, match=r"held more memory than its limit of 512 MiB in run"):
            opened(faulty, "gnaw").run(INPUTS)
        np.testing.assert_array_equal(opened(faulty, "echo").run(INPUTS)["x"], INPUTS["x"])


def test_arrays_that_are_shared_do_not_count():
    large = {"x": np.ones(30_000_000, np.float32)}
    with Isolated(name=FAULTY, threads=1, memory_limit_bytes=200 << 20) as faulty:
        network = opened(faulty, "echo")
        for _ in range(3):
            assert network.run(large)["x"].sum() == 30_000_000


def test_a_writer_over_every_file_is_ended():
    with Isolated(name=FAULTY, threads=1, run_timeout_s=60.0) as faulty:
        with pytest.raises(RunFailed, match="answered run with what is no message") as caught:
            opened(faulty, "scribble").run(INPUTS)
        assert "wrote over" in caught.value.fix
        np.testing.assert_array_equal(opened(faulty, "echo").run(INPUTS)["x"], INPUTS["x"])


@pytest.mark.parametrize("how", ["SIGSEGV", "close"])
def test_helpers_end_with_their_worker(how):
    with Isolated(name=FAULTY, threads=1) as faulty:
        pid = faulty.pid
        if how == "SIGSEGV":
            with pytest.raises(RunFailed, match="SIGSEGV"):
                opened(faulty, "spawn").run(INPUTS)
        else:
            opened(faulty, "assist").run(INPUTS)
            assert len(group_of(pid)) == 2
    assert until(lambda: not group_of(pid))


PARENT = f"""
import sys
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.network import ModelCard
compiler = Isolated(name={FAULTY!r}, threads=1)
print(compiler.pid, flush=True)
for name in sys.argv[1:]:
    wanted = Model(b"", ModelCard(name, "0" * 64, "T3", 0.0))
    network = compiler.load(compiler.build(wanted), wanted.card)
    print("loaded", flush=True)
    network.run({{}})
"""


@pytest.mark.parametrize("name", ["hang", "seize"])
def test_a_killed_parent_takes_worker_and_helpers_along(name):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "assist", name], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert [parent.stdout.readline() for _ in range(2)] == ["loaded\n"] * 2
        time.sleep(0.3)
        assert len(group_of(pid)) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait(20)
        assert until(lambda: not group_of(pid))


def test_a_stopped_worker_is_ended_in_time():
    with Isolated(name=FAULTY, threads=1, run_timeout_s=0.3) as faulty:
        network, pid = opened(faulty, "echo"), faulty.pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(TimedOut, match=r"longer than 0.3 s to run"):
            network.run(INPUTS)
        assert not group_of(pid)


def test_a_worker_that_died_idling_is_replaced_and_its_files_are_closed():
    with Isolated(name=FAULTY, threads=1) as faulty:
        network = opened(faulty, "echo")
        network.run(INPUTS)
        before = Holdings.now()
        for _ in range(3):
            pid = faulty.pid
            os.kill(pid, signal.SIGKILL)
            assert until(lambda pid=pid: faulty.pid != pid)  # Asking for it replaces a dead one.
            opened(faulty, "echo").run(INPUTS)
        assert Holdings.now() == before
        with pytest.raises(RunFailed, match="died of SIGKILL") as caught:
            network.run(INPUTS)
        assert "ran out of memory" in caught.value.fix


def test_nothing_wakes_while_nothing_is_asked():
    threads = threading.active_count()
    with Isolated(name=FAULTY, threads=1) as faulty:
        opened(faulty, "echo").run(INPUTS)
        assert threading.active_count() == threads
        time.sleep(0.5)  # It answered, and goes to sleep.
        before = _switches(faulty.pid)
        time.sleep(1.5)
        assert _switches(faulty.pid) == before


def _switches(pid: int) -> int:
    """How often its threads gave up the processor of their own accord."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        total += int(dict(line.split(":", 1) for line in lines)["voluntary_ctxt_switches"])
    return total
